"""The job `sample`: answers of base models and of the results of runs, each base loaded once."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from llmtune_kernel.config import ModelConfig, SamplesConfig, UserError
from llmtune_kernel.inference.generation import as_messages, generate
from llmtune_kernel.models.loading import compute_dtype, load_model, load_tokenizer
from llmtune_kernel.models.sources import ModelSource, find_model
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.worker.control import sample_settings


def sample(job: dict[str, Any], answer: Callable[[dict[str, Any]], None]) -> None:
    """Answer with `{type: answers, column, answers}` for each source.

    Args:
        job: `sources`, each `{column, model}` (a `ModelConfig`) or `{column, directory}` (a run); `prompts`;
            `settings`, changes to the defaults, or to a run's own settings.

    Raises:
        UserError: an unknown model, a run without a result, a wrong prompt or setting.
    """
    loader = _Loader()
    for source in job["sources"]:
        if "model" in source:
            config = ModelConfig.model_validate(source["model"])
            base, dtype, own, result = find_model(config), compute_dtype(config), SamplesConfig(), None
        else:
            base, dtype, own, result = _of_run(RunDirectory(Path(source["directory"])))
        settings = sample_settings(own, job["settings"])
        prompts = [as_messages(prompt, settings.system) for prompt in job["prompts"]]
        with loader.load(base, dtype, result) as (model, tokenizer):
            answers = generate(model, tokenizer, prompts, settings, dtype)
        answer({"type": "answers", "column": source["column"], "answers": answers})


def _of_run(directory: RunDirectory) -> tuple[ModelSource, torch.dtype, SamplesConfig, Path | None]:
    result = next((path for path in (directory.adapter, directory.model) if path.exists()), None)
    if result is None:
        raise UserError(
            f"The run {directory.name!r} has no result to sample from.",
            str(directory.path),
            "Wait for its end, or choose another run.",
        )
    resolved = json.loads(directory.resolved.read_text(encoding="utf-8"))
    base = resolved["base"]
    own = SamplesConfig.model_validate(resolved["config"]["samples"])
    return ModelSource(base["name_or_path"], base["revision"]), getattr(torch, base["dtype"]), own, result


class _Loader:
    """Keeps the last base model, so that it and the adapters on it are one load."""

    def __init__(self) -> None:
        self._key: tuple[ModelSource, torch.dtype] | None = None
        self._base: Any = None

    @contextlib.contextmanager
    def load(self, base: ModelSource, dtype: torch.dtype, result: Path | None) -> Iterator[tuple[Any, Any]]:
        """The model and tokenizer of a base model or of the result of a run."""
        if result is not None and result.name == "model":
            base, result = ModelSource(str(result), None), None
        if self._key != (base, dtype):
            self._key, self._base = None, None  # before the next is loaded: two may not fit
            self._base = load_model(base, dtype, "auto")
            self._key = (base, dtype)
        if result is None:
            yield self._base, load_tokenizer(base)
            return
        from peft import PeftModel

        tuned = PeftModel.from_pretrained(self._base, str(result)).eval()
        try:
            yield tuned, load_tokenizer(ModelSource(str(result), None))
        finally:
            self._base = tuned.unload()
