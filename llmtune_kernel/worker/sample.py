"""The job `sample`: answers of base models and of the results of runs, each base loaded once."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from llmtune_kernel.config import ModelConfig, SamplesConfig
from llmtune_kernel.inference.generation import as_messages, generate
from llmtune_kernel.models.loading import compute_dtype, load_configuration, load_model, load_tokenizer
from llmtune_kernel.models.merging import merged
from llmtune_kernel.models.quantization import quantization_config
from llmtune_kernel.models.rope import stretched
from llmtune_kernel.models.sources import ModelSource, find_model
from llmtune_kernel.models.vocabulary import grow
from llmtune_kernel.quantizers import written
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.run import Run
from llmtune_kernel.stacking import lay_beneath
from llmtune_kernel.worker.control import sample_settings
from llmtune_kernel.worker.earlier import find_adapters


@dataclass(frozen=True)
class Base:
    """A base model and how it is loaded; `quantization` and `positions` are what transformers takes, as JSON.

    `vocabulary` is for how many tokens it has room at least; `adapters` are the folders of those merged into it.
    """

    source: ModelSource
    dtype: torch.dtype
    quantization: str | None = None
    positions: str = "{}"
    vocabulary: int = 0
    adapters: tuple[Path, ...] = ()

    def load(self) -> Any:
        """Load it; see `load_model`."""
        quantization = written.read(json.loads(self.quantization)) if self.quantization else None
        model = load_model(self.source, self.dtype, "auto", quantization, json.loads(self.positions))
        model = merged(model, self.adapters)
        grow(model, self.vocabulary)
        return model


@dataclass(frozen=True)
class _Column:
    """A model to ask: what to load, and how it answers.

    `adapters` are the folders of those beside its weights, the one at the bottom first; `tokenizer`: where its own is.
    """

    name: str
    base: Base
    own: SamplesConfig
    tokenizer: ModelSource
    adapters: tuple[Path, ...] = ()


def sample(
    job: dict[str, Any],
    answer: Callable[[dict[str, Any]], None],
    loader: Loader,
    check_cancelled: Callable[[], None],
) -> None:
    """Answer with `{type: answers, column, answers}` for each source; those on one base model follow each other.

    Args:
        job: `sources`, each `{column, model}` (a `ModelConfig`) or `{column, directory}` (a run); `prompts`;
            `settings`, changes to the defaults, or to a run's own settings; `stream`: whether to answer with
            `{type: piece, column, prompt, text}` as the answers grow.
        loader: Keeps the base model for the next job.
        check_cancelled: Called after each token; may raise to end the job.

    Raises:
        UserError: an unknown model, a run without a result, a wrong prompt or setting.
    """
    columns = [_column(source) for source in job["sources"]]
    bases = [column.base for column in columns]
    columns.sort(key=lambda column: bases.index(column.base))
    for column in columns:
        settings = sample_settings(column.own, job["settings"])
        prompts = [as_messages(prompt, settings.system) for prompt in job["prompts"]]

        def tell(number: int, piece: str, name: str = column.name) -> None:
            check_cancelled()
            if piece and job["stream"]:
                answer({"type": "piece", "column": name, "prompt": number, "text": piece})

        with loader.load(column.base, column.adapters, column.tokenizer) as (model, tokenizer):
            check_cancelled()
            answers = generate(model, tokenizer, prompts, settings, column.base.dtype, tell)
        answer(
            {
                "type": "answers",
                "column": column.name,
                "answers": [dataclasses.asdict(completion) for completion in answers],
            }
        )


def _column(source: dict[str, Any]) -> _Column:
    if "directory" in source:
        return _of_run(source["column"], Run(RunDirectory(Path(source["directory"]))))
    config = ModelConfig.model_validate(source["model"])
    dtype = compute_dtype(config)
    found = find_model(config)
    quantization = quantization_config(config, dtype, load_configuration(found))
    positions = json.dumps(stretched(config, found, max_length=0))
    adapters = tuple(find_adapters(config.adapters, "model.adapters"))
    beside, into = (adapters, ()) if config.stacks else ((), adapters)
    base = Base(found, dtype, _as_json(quantization), positions, adapters=into)
    return _Column(source["column"], base, SamplesConfig(), found, beside)


def _of_run(column: str, run: Run) -> _Column:
    result, base, own = run.result(), run.resolved()["base"], run.config.samples
    dtype: torch.dtype = getattr(torch, base["dtype"])
    tuned = ModelSource(str(result), None)
    if result == run.paths.model:
        return _Column(column, Base(tuned, dtype), own, tuned)
    source, quantization = ModelSource(base["name_or_path"], base["revision"]), base.get("quantization")
    positions = json.dumps(base.get("positions", {}))
    earlier = tuple(run.paths.earlier())
    beneath, into = (earlier, ()) if run.config.model.stacks else ((), earlier)
    loaded = Base(source, dtype, json.dumps(quantization), positions, base.get("vocabulary", 0), into)
    return _Column(column, loaded, own, tuned, (*beneath, result))


def _as_json(quantization: Any) -> str | None:
    return json.dumps(written.write(quantization)) if quantization else None


class Loader:
    """Keeps the last base model, so that it and the adapters on it are one load."""

    def __init__(self) -> None:
        self._key: tuple[Base, int] | None = None
        self._base: Any = None

    @contextlib.contextmanager
    def load(self, base: Base, adapters: Sequence[Path], tokenizer: ModelSource) -> Iterator[tuple[Any, Any]]:
        """The model and tokenizer of a base model with adapters, of which the last is on top."""
        wanted = (base, _changed(base.source))
        if self._key != wanted:
            self._key, self._base = None, None  # before the next is loaded: two may not fit
            self._base = base.load()
        self._key = None  # an adapter that breaks half-way would leave its layers in it
        if not adapters:
            self._key = wanted
            yield self._base, load_tokenizer(tokenizer)
            return
        from peft import PeftModel

        *beneath, top = adapters
        tuned = lay_beneath(PeftModel.from_pretrained(self._base, str(top)), beneath).eval()
        try:
            yield tuned, load_tokenizer(tokenizer)
        finally:
            in_front = tuned.active_peft_config.is_prompt_learning  # nothing is put into the layers
            try:
                self._base = tuned.get_base_model() if in_front else tuned.unload()
                self._key = wanted
            except Exception:  # some kinds cannot be taken out of quantized layers: the model is loaded anew
                self._base = None


def _changed(source: ModelSource) -> int:
    """When the files of a local model changed last, in nanoseconds: a run that is continued writes its model anew."""
    if not source.local:
        return 0
    return max(entry.stat().st_mtime_ns for entry in os.scandir(source.name_or_path))
