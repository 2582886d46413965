"""The `Run` handle: what a notebook or script holds of a run, live or over."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from llmtune_kernel.config import ModelConfig, RunConfig, UserError, read_config
from llmtune_kernel.config.quantizations import QUANTIZATIONS
from llmtune_kernel.locale import _
from llmtune_kernel.quantizers import quieten_libraries
from llmtune_kernel.runs import control
from llmtune_kernel.runs.completion import Completion
from llmtune_kernel.runs.directory import RunDirectory, list_runs
from llmtune_kernel.runs.events import (
    TERMINAL,
    Error,
    ErrorEvent,
    Event,
    EventReader,
    StateEvent,
)
from llmtune_kernel.runs.metrics import metrics_frame
from llmtune_kernel.runs.wording import state_name
from llmtune_kernel.runs.workers import Cancellation, pool

if TYPE_CHECKING:
    import pandas as pd

Prompt = str | list[dict[str, str]]


class RunFailed(UserError):
    """A run that was waited for failed."""


class Run:
    """A run: a directory that a worker process writes and everybody reads. Any number of handles may exist."""

    def __init__(self, directory: RunDirectory) -> None:
        self.paths = directory
        self._reader = EventReader(directory.events)
        self._events: list[Event] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Run({self.name!r}, {self.state})"

    @property
    def name(self) -> str:
        return self.paths.name

    @property
    def directory(self) -> Path:
        """Path of the run directory; `paths` names what is in it."""
        return self.paths.path

    @property
    def config(self) -> RunConfig:
        """The configuration with every default filled in."""
        if resolved := self.paths.read_resolved():
            return RunConfig.model_validate(resolved["config"])
        return read_config(self.paths.config.read_text(encoding="utf-8"), source=str(self.paths.config))

    def resolved(self) -> dict[str, Any]:
        """What the worker made of the configuration: `config, base, data, format, seed, versions`.

        Raises:
            UserError: the worker has not come so far.
        """
        resolved = self.paths.read_resolved()
        if not resolved:
            raise UserError(
                _("The run {name!r} has not read its data yet.", name=self.name),
                str(self.paths.path),
                _("Try again."),
            )
        return resolved

    @property
    def state(self) -> str:
        """queued, loading, training, pausing, paused, stopping, finished, stopped or failed."""
        # The order matters: a worker writes its last state before it lets go of the lock.
        alive = self.paths.alive
        last = next((event for event in reversed(self.events()) if isinstance(event, StateEvent)), None)
        state = last.payload.state if last else "queued"
        if alive or state in TERMINAL or self.paths.alive:  # asked again: it may have been continued just now
            return state
        return "failed"

    def events(self) -> list[Event]:
        """All events so far, oldest first."""
        with self._lock:
            self._events.extend(self._reader.read())
            return list(self._events)

    @property
    def metrics(self) -> pd.DataFrame:
        """What was measured, see `metrics_frame`."""
        return metrics_frame(self.events())

    def wait(self, timeout: float | None = None) -> Run:
        """Wait until the run is over; an interrupt ends the waiting, not the run.

        Args:
            timeout: Seconds; None waits for ever.

        Raises:
            RunFailed: it failed; says why.
            TimeoutError: it still runs.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (state := self.state) not in TERMINAL:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(
                    _(
                        "The run {name!r} is still {state} after {seconds} s.",
                        name=self.name,
                        state=state_name(state),
                        seconds=timeout,
                    )
                )
            time.sleep(0.1)
        if state == "failed":
            raise self.failure()
        return self

    def failure(self) -> RunFailed:
        """Why the run failed, to be raised."""
        error = self.error()
        what = "\n".join([error.what, *(f"  | {line}" for line in error.tail)])
        return RunFailed(what, error.where or error.log, error.fix)

    def error(self) -> Error:
        """Why the run failed: the error of its last session, or that its worker left none."""
        for event in reversed(self.events()):
            if isinstance(event, ErrorEvent):
                return event.payload
            if isinstance(event, StateEvent) and event.payload.state == "queued":
                break
        return Error(
            what=_(
                "The worker process ended without a word. It was killed, or the system ran out of memory."
            ),
            fix=_(
                "{fix} If memory ran out, lower training.per_device_train_batch_size, or set "
                "training.gradient_checkpointing.",
                fix=self.paths.how_to_go_on(),
            ),
            log=str(self.paths.log),
            tail=self.paths.log_tail(),
        )

    def stop(self) -> None:
        """Save, then end the run at the next step."""
        control.send(self.paths, control.Stop())

    def pause(self) -> None:
        """Hold the run at the next step."""
        control.send(self.paths, control.Pause())

    def resume(self) -> None:
        """Let a paused run go on."""
        control.send(self.paths, control.Resume())

    def save(self) -> None:
        """Write a checkpoint at the next step."""
        control.send(self.paths, control.Save())

    def sample(self, prompts: Prompt | list[Prompt] | None = None, **settings: Any) -> list[str]:
        """Answers of the model as it is now: of a live run with its current weights, else of its result.

        Args:
            prompts: One prompt or several; a prompt is a text or a list of messages. None takes the run's own.
            settings: `max_new_tokens, temperature, top_p, top_k, repetition_penalty, system`; by default the run's.

        Raises:
            UserError: there is nothing to sample from, or a setting is wrong.
        """
        self.check_answers()
        wanted = self._own_prompts() if prompts is None else _as_prompts(prompts)
        return [answer.text for answer in self.complete(wanted, settings)]

    def complete(self, prompts: list[Prompt], settings: dict[str, Any]) -> list[Completion]:
        """As `sample`, with what is known of each answer."""
        self.check_answers()
        if self.paths.alive:
            with contextlib.suppress(control.NotRunning):  # it ends just now: its result is what it last was
                return control.stream(self.paths, prompts, settings)
        return sample({self.name: self}, prompts, settings)[self.name]

    def _own_prompts(self) -> list[Prompt]:
        if not self.config.samples.prompts:
            raise UserError(
                _("There is no prompt."),
                "sample()",
                _("Give one: run.sample('What is the capital of France?')"),
            )
        return list(self.config.samples.prompts)

    def stream(
        self,
        prompt: Prompt,
        settings: dict[str, Any],
        on_text: Callable[[str], None],
        check_cancelled: Callable[[], None],
    ) -> Completion:
        """The answer of a live run to one prompt, piece by piece; see `control.stream`.

        Raises:
            NotRunning: the run is over.
            UserError: it cannot answer; says why.
        """
        self.check_answers()
        [answer] = control.stream(self.paths, [prompt], settings, on_text, check_cancelled)
        return answer

    def check_answers(self) -> None:
        """Raise UserError if what is trained gives no answers."""
        if self.config.scores:
            raise UserError(
                _(
                    "The run {name!r} trains a reward model, which scores answers and gives none.",
                    name=self.name,
                ),
                "objective.type",
                _("Score with it: model, tokenizer = run.load()"),
            )

    def result(self) -> Path:
        """The folder of what was trained: an adapter, or a model.

        Raises:
            UserError: there is none; says why.
        """
        found = self.paths.result()
        if found is not None:
            return found
        state = self.state
        if state in TERMINAL:
            what = _("The run {name!r} {state} and has no result.", name=self.name, state=state_name(state))
            fix = self.paths.how_to_go_on()
        else:
            what = _(
                "The run {name!r} has no result yet; it is {state}.",
                name=self.name,
                state=state_name(state),
            )
            fix = _("Wait for its end (run.wait()), or stop it (run.stop()).")
        raise UserError(what, str(self.paths.path), fix)

    def load(self) -> tuple[Any, Any]:
        """The tuned model and its tokenizer, loaded into this process with plain transformers and PEFT.

        Returns:
            A `PeftModel` (or the full model) in evaluation mode, and the tokenizer. A reward model is one for sequence
            classification, whose only label is the score.

        Raises:
            UserError: the run has no result yet.
        """
        result, base = self.result(), self.resolved()["base"]
        quieten_libraries()
        from transformers import (
            AutoConfig,
            AutoModelForCausalLM,
            AutoModelForSequenceClassification,
            AutoTokenizer,
        )

        from llmtune_kernel.depths import loading_class
        from llmtune_kernel.quantizers import written
        from llmtune_kernel.stacking import lay_beneath, merge_into

        tokenizer = AutoTokenizer.from_pretrained(result)
        kind: Any = AutoModelForCausalLM
        settings: dict[str, Any] = {"dtype": base["dtype"]}
        if self.config.scores:
            kind = AutoModelForSequenceClassification
            settings |= {"num_labels": 1, "pad_token_id": tokenizer.pad_token_id}
        if result == self.paths.model:
            kind = loading_class(kind, AutoConfig.from_pretrained(result))
            return kind.from_pretrained(result, **settings).eval(), tokenizer
        from peft import PeftModel

        if quantization := written.read(base.get("quantization")):
            settings["quantization_config"] = quantization
            way = QUANTIZATIONS.get(self.config.model.quantization)
            if self.config.method.type == "peft" and way and "bitsandbytes" in way.packages:
                # Which PEFT's layers of these kinds give, whatever they are given.
                settings["dtype"] = "float32"
        # transformers warns of a head that the base model lacks, and that comes with the adapter.
        with _quiet("transformers.modeling_utils") if self.config.scores else contextlib.nullcontext():
            model = kind.from_pretrained(
                base["name_or_path"],
                revision=base["revision"],
                **settings,
                **base.get("positions", {}),
            )
        if written.expands(quantization):
            model = written.as_whole(model, model.dtype)
        beneath = self.paths.earlier()
        if not self.config.model.stacks:
            while beneath:
                model = merge_into(model, beneath.pop(0))
        if self.config.model.add_tokens:
            model.resize_token_embeddings(base["vocabulary"], mean_resizing=False)
        with warnings.catch_warnings():
            # Of adalora, whose layers have the ranks of their weights.
            warnings.filterwarnings("ignore", ".*rank_pattern")
            tuned: Any = lay_beneath(PeftModel.from_pretrained(model, str(result)), beneath)
        return tuned.eval(), tokenizer


@contextlib.contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """Let through only the errors of a logger."""
    found = logging.getLogger(logger)
    level = found.level
    found.setLevel(logging.ERROR)
    try:
        yield
    finally:
        found.setLevel(level)


def _as_prompts(prompts: Prompt | list[Prompt]) -> list[Prompt]:
    """One prompt or several as a list: a list that holds turns, which are mappings, is itself a prompt.

    Raises:
        UserError: there is none, or one of them is neither a text nor a list of turns.
    """
    several = isinstance(prompts, list | tuple) and not _is_chat(prompts)
    found = list(prompts) if several else [prompts]
    wrong = next((prompt for prompt in found if not (isinstance(prompt, str) or _is_chat(prompt))), None)
    if wrong is not None:
        what = _("This is not a prompt: {prompt}.", prompt=repr(wrong)[:60])
        raise UserError(what, "sample()", _("Give a text, or a list of turns {{role, content}}."))
    if not all(found) or not found:
        fix = _("Give one: run.sample('What is the capital of France?')")
        raise UserError(_("The prompt is empty."), "sample()", fix)
    return cast("list[Prompt]", found)


def _is_chat(prompt: object) -> bool:
    return (
        isinstance(prompt, list | tuple) and bool(prompt) and all(isinstance(turn, dict) for turn in prompt)
    )


def sample(
    sources: Mapping[str, Run | ModelConfig],
    prompts: list[Prompt],
    settings: dict[str, Any] | None = None,
    on_text: Callable[[str, int, str], None] | None = None,
    cancellation: Cancellation | None = None,
) -> dict[str, list[Completion]]:
    """Answers to `prompts` of several models, generated in a worker.

    Args:
        sources: By column, runs that are over, and base models. Columns on one base model are one load.
        settings: as `Run.sample`.
        on_text: Called with column, number of the prompt and the next piece of its answer.

    Returns:
        For each column one answer a prompt.

    Raises:
        UserError: an unknown model, a run without a result, a wrong prompt or setting.
        Cancelled: `cancellation` was used.
    """
    for source in sources.values():
        if isinstance(source, Run):
            source.check_answers()
            source.result()
    answers: dict[str, list[Completion]] = {}

    def take(answer: dict[str, Any]) -> None:
        if answer["type"] == "answers":
            answers[answer["column"]] = [Completion(**each) for each in answer["answers"]]
        elif on_text:
            on_text(answer["column"], answer["prompt"], answer["text"])

    described = [
        {"column": column, "directory": str(source.directory)}
        if isinstance(source, Run)
        else {"column": column, "model": source.model_dump()}
        for column, source in sources.items()
    ]
    job = {
        "job": "sample",
        "sources": described,
        "prompts": prompts,
        "settings": settings or {},
        "stream": on_text is not None,
    }
    pool().call(job, take, cancellation)
    return answers


def attach(name: str) -> Run:
    """A handle to an existing run, live or over.

    Raises:
        UserError: there is no such run.
    """
    return Run(RunDirectory.find(name))


def runs() -> list[Run]:
    """All runs of the runs folder, newest first."""
    return [Run(directory) for directory in list_runs()]
