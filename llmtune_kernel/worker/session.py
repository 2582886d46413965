"""One training session: load, train, and take orders at each step boundary."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import json
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from llmtune_kernel.config import LoraMethod, RunConfig, UserError
from llmtune_kernel.config.sections import Split
from llmtune_kernel.data.named_templates import set_template, unknown_control_tokens
from llmtune_kernel.data.sources import Place, find_sources
from llmtune_kernel.data.summary import format_names
from llmtune_kernel.inference.generation import as_messages, generate
from llmtune_kernel.locale import _
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.attention import PACKED, packing_works
from llmtune_kernel.models.loading import compute_dtype, device, load_model, load_tokenizer
from llmtune_kernel.models.memory import (
    activation_bytes,
    checkpoint_bytes,
    free_memory,
    result_bytes,
    wants_checkpointing,
)
from llmtune_kernel.models.sources import ModelSource, find_model
from llmtune_kernel.runs.control import Pause, Resume, SampleNow, Save, Stop
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import (
    Answer,
    Checkpoint,
    EventReader,
    Log,
    Message,
    MetricsEvent,
    Payload,
    Sample,
    State,
)
from llmtune_kernel.runs.resuming import other_rows, refuse_other_rows, source_before
from llmtune_kernel.training.collation import EncodedDataset
from llmtune_kernel.training.tracking import TensorBoard
from llmtune_kernel.training.trainer import LLMTrainer, training_arguments
from llmtune_kernel.worker.control import Audience, ControlServer, Gone, sample_settings
from llmtune_kernel.worker.disk import check_space, no_space
from llmtune_kernel.worker.prepare import (
    PreparedData,
    changed,
    described,
    largest_batch,
    prepare_data,
    refuse_judgements,
    total_steps,
)
from llmtune_kernel.worker.reading import ReadSource

_LIBRARIES = ("jupyterlab-llmtune", "torch", "transformers", "peft", "accelerate", "tokenizers", "datasets")


class Session:
    """Trains what `config` says and tells it with `emit`."""

    def __init__(
        self,
        config: RunConfig,
        directory: RunDirectory,
        control: ControlServer,
        emit: Callable[[Payload], None],
    ) -> None:
        self._config, self._directory, self._control = config, directory, control
        self._tracker = (
            TensorBoard(directory.tensorboard) if "tensorboard" in config.tracking.report_to else None
        )
        self._write = emit
        self._state = State(state="loading")
        self._stopped = False
        self._saved_step = -1

    def _emit(self, payload: Payload) -> None:
        if isinstance(payload, State):
            self._state = payload
        self._write(payload)
        if self._tracker:
            self._tracker.write(payload)

    def _loading(self, detail: str) -> None:
        self._control.check_stop()
        self._emit(State(state="loading", detail=detail))

    def run(self, checkpoint: Path | None) -> bool:
        """Train to the end (True) or until stopped (False), and save the result.

        Raises:
            UserError: any mistake in the configuration or the data.
            Stopped: stopped before training began.
        """
        config = self._config
        self._loading(_("finding the model"))
        source = find_model(config.model, self._loading)
        self._tokenizer = load_tokenizer(source)
        set_template(self._tokenizer, config.data)
        self._loading(_("reading the data"))
        data = prepare_data(config, self._tokenizer, self._find, self._control.check_stop)
        refuse_judgements(data)
        if checkpoint:
            self._check_rows(RunDirectory(checkpoint.parents[1]), data)
        self._describe(data)
        self._loading(_("loading the model"))
        set_seed(config.training.seed)
        self._dtype = compute_dtype(config.model)
        packed = self._load(source)
        if not packed:
            data = data.apart()
        self._warn_of_positions(data)
        self._write_resolved(source, data)
        check_space(self._directory, result_bytes(self._model) + checkpoint_bytes(config, self._model))
        self._trainer = self._make_trainer(data, packed)
        if checkpoint:
            self._go_on_from(checkpoint, total_steps(config, data))
        self._control.check_stop()
        self._emit(State(state="training"))
        self._trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        self._save(self._write_result)
        if self._tracker:
            self._tracker.close()
        return not self._stopped

    def _find(self, split: Split) -> list[Place]:
        before = functools.partial(source_before, self._config)
        return find_sources(self._config.data, split, before, snapshot=self._directory.snapshot)

    def _check_rows(self, before: RunDirectory, data: PreparedData) -> None:
        """Refuse other rows than those of before where the run keeps its name; else say that they are others."""
        for name, split in data.splits().items():
            for number, source in enumerate(split.sources):
                rows = (name, number, source.found.fingerprint, source.rows)
                if before.path == self._directory.path:
                    refuse_other_rows(before, *rows)
                elif said := other_rows(before, *rows):
                    self._emit(Log(level="warning", message=said))

    def _describe(self, data: PreparedData) -> None:
        for message in described(data):
            self._emit(Log(message=message))
        if self._config.data.template and (unknown := unknown_control_tokens(self._tokenizer)):
            message = _(
                "The chat template {template} writes {tokens}, which are no special tokens of this tokenizer: they are "
                "encoded as plain text, and a model takes longer to learn them.",
                template=self._config.data.template,
                tokens=", ".join(unknown),
            )
            self._emit(Log(level="warning", message=message))
        for name, split in data.splits().items():
            if name == "train" or split is not data.train.split:
                for warning in changed(split.encoded, f"data.{name}", self._config.data.max_length):
                    self._emit(Log(level="warning", message=warning))

    def _warn_of_positions(self, data: PreparedData) -> None:
        positions = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        windows = data.train.split.encoded.windows
        longest = int((windows.stops - windows.starts).max())
        if positions and longest > positions:
            message = _(
                "The longest row has {longest:,} tokens, but the model was made for at most "
                "{positions:,}: set data.max_length to {positions} or less.",
                longest=longest,
                positions=positions,
            )
            self._emit(Log(level="warning", message=message))

    def _load(self, source: ModelSource) -> bool:
        """Load the model and prepare it; returns whether it can be packed."""
        config = self._config
        # All weights of a full fine-tune are trained: they are kept in float32 and multiplied under autocast.
        weights = self._dtype if isinstance(config.method, LoraMethod) else torch.float32
        model = load_model(source, weights, config.model.attention)
        ordinary = model.config._attn_implementation
        if config.model.attention == "auto" and device().type == "cpu":
            model.set_attn_implementation(PACKED)
        packed = packing_works(model)
        if not packed:
            model.set_attn_implementation(ordinary)
            packed = packing_works(model)
        if not packed:
            self._emit(
                Log(
                    message=_(
                        "This architecture does not keep packed sequences apart; batches are padded instead."
                    )
                )
            )
        self._model = prepare_for_training(model, config.method)
        return packed

    def _make_trainer(self, data: PreparedData, packed: bool) -> LLMTrainer:
        config, model = self._config, self._model
        train, evaluation = (
            EncodedDataset(chosen.split.encoded.example, chosen.sequences) if chosen else None
            for chosen in (data.train, data.evaluation)
        )
        assert train is not None
        where = device()
        arguments = training_arguments(
            config, self._directory.checkpoints, self._checkpointing(data), where.type == "cpu"
        )
        trainer = LLMTrainer(
            model,
            arguments,
            config=config,
            train=train,
            evaluation=evaluation,
            dtype=self._dtype,
            packed=packed,
            emit=self._emit,
            at_boundary=self._at_boundary,
            checkpoints=self._directory.checkpoints,
        )
        total = sum(parameter.numel() for parameter in model.parameters())
        trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        self._emit(
            Log(
                message=_(
                    "{trained:,} of {total:,} parameters are trained ({share:.2%}), in {dtype}, on {device}.",
                    trained=trained,
                    total=total,
                    share=trained / total,
                    dtype=str(self._dtype).removeprefix("torch."),
                    device=where.type,
                )
            )
        )
        return trainer

    def _checkpointing(self, data: PreparedData) -> bool:
        training = self._config.training
        tokens, targets = largest_batch(self._config, data)
        needed = activation_bytes(self._model.config, tokens, targets, self._dtype.itemsize)
        free = free_memory(device())
        wanted = wants_checkpointing(self._config, needed, free)
        if wanted and training.gradient_checkpointing == "auto":
            self._emit(
                Log(
                    message=_(
                        "Gradient checkpointing is on: activations would take {needed:.1f} GB, {free:.1f} GB are "
                        "free.",
                        needed=needed / 2**30,
                        free=free / 2**30,
                    )
                )
            )
        return wanted

    def _go_on_from(self, checkpoint: Path, planned: int) -> None:
        """Refuse a checkpoint with no step left to do, and carry the count of tokens on."""
        state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        done = state["global_step"]
        if done >= planned:
            raise UserError(
                _("The run has done {done} of {planned} steps already.", done=done, planned=planned),
                str(checkpoint),
                _("To train on, raise training.num_train_epochs or training.max_steps."),
            )
        metrics = (
            event.payload
            for event in EventReader(RunDirectory(checkpoint.parents[1]).events).read()
            if isinstance(event, MetricsEvent) and event.payload.step <= done
        )
        self._trainer.tokens = max((payload.tokens for payload in metrics), default=0)

    def _write_resolved(self, source: ModelSource, data: PreparedData) -> None:
        """Write everything that is needed to know what was run, and to load its result."""
        values = self._config.model_dump(mode="json")
        values["training"]["learning_rate"] = self._config.learning_rate_value
        resolved = {
            "config": values,
            "base": {
                "name": self._config.model.name_or_path,
                "name_or_path": source.name_or_path,
                "revision": source.revision,
                "dtype": str(self._dtype if isinstance(self._config.method, LoraMethod) else torch.float32)[
                    6:
                ],
            },
            "data": {
                name: {
                    "sources": [_resolved_source(source) for source in split.sources],
                    "rows": len(split.rows),
                    "skipped": len(split.encoded.skipped),
                    "dropped": len(split.encoded.dropped),
                    "truncated": split.encoded.truncated,
                }
                for name, split in data.splits().items()
            },
            "format": format_names(data.train.split.encoded),
            "seed": self._config.training.seed,
            "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        }
        partial = self._directory.resolved.with_suffix(".partial")
        partial.write_text(json.dumps(resolved, indent=2, ensure_ascii=False), encoding="utf-8")
        partial.replace(self._directory.resolved)

    def _at_boundary(self, step: int, last: bool) -> bool:
        samples, save_steps = self._config.samples, self._config.training.save_steps
        if save_steps and step % save_steps == 0:
            self._save(self._checkpoint)
        if samples.prompts and (last or (samples.every_steps and step % samples.every_steps == 0)):
            self._sample(SampleNow())
        while (order := self._control.next()) is not None:
            if isinstance(order, Pause):
                order = self._pause()
            if isinstance(order, Stop) and not last:
                self._emit(State(state="stopping", detail=_("saving")))
                self._save(self._checkpoint)
                self._stopped = True
                return True
            self._obey(order)
        return False

    def _obey(self, order: object) -> None:
        if isinstance(order, Save):
            self._saved_step = -1  # whoever asks is answered, also where it is saved already
            self._save(self._checkpoint)
        elif isinstance(order, SampleNow):
            self._sample(order)

    def _pause(self) -> Resume | Stop:
        """Hold until told to resume or stop; saving and sampling go on working."""
        order: object = Pause()
        while True:
            if isinstance(order, Pause):
                self._emit(State(state="paused"))
            order = self._control.next(wait=3600)
            if isinstance(order, Resume):
                self._emit(State(state="training"))
                return order
            if isinstance(order, Stop):
                return order
            self._obey(order)

    def _save(self, write: Callable[[], None]) -> None:
        """Save; where there is no space left, hold, and try again when told to resume.

        Raises:
            UserError: told to stop, and there still is no space.
        """
        where, state, order = str(self._directory.path), self._state, None
        while True:
            try:
                write()
                break
            except Exception as error:
                if not no_space(error):
                    raise
                if isinstance(order, Stop):
                    what = _("There was no space left to save the run.")
                    fix = _("Free some, then continue the run or start it anew.")
                    raise UserError(what, where, fix) from None
            self._emit(
                State(state="paused", detail=_("no space left on {where}; free some and resume", where=where))
            )
            while not isinstance(order := self._control.next(wait=3600), Resume | Save | Stop):
                self._obey(order)
            self._emit(state)
        if isinstance(order, Stop):
            self._control.order(order)

    def _checkpoint(self) -> None:
        """Save a checkpoint, unless that of this step is saved."""
        step = self._trainer.state.global_step
        if step != self._saved_step:
            self._trainer.save_checkpoint()
            self._saved_step = step

    def _sample(self, order: SampleNow) -> None:
        with self._control.audience(order) as audience, contextlib.suppress(Gone):
            self._answer(order, audience)

    def _answer(self, order: SampleNow, audience: Audience | None) -> None:
        settings = sample_settings(self._config.samples, order.settings)

        def tell(_: int, piece: str) -> None:
            if audience:
                audience.check()
                if piece:
                    audience.tell({"text": piece})

        try:
            prompts = [as_messages(prompt, settings.system) for prompt in order.prompts or settings.prompts]
            if not prompts:
                raise UserError(_("There is no prompt: add some under samples.prompts."))
            answers = generate(self._model, self._tokenizer, prompts, settings, self._dtype, tell)
        except Gone:
            raise
        except Exception as error:
            # Say, a chat template that knows no system turn: no reason to lose the run.
            if not isinstance(error, UserError):
                traceback.print_exc()
            self._emit(Log(level="warning", message=_("No sample: {error}", error=error)))
            if audience:
                audience.tell({"done": True, "error": self._mistake(error)})
            if audience or order.request is None:
                return
            prompts, answers = [], []  # whoever waits for this request shall not wait for ever
        if order.stream:
            # A chat of its own, told to who asked: no part of what the run shows.
            if audience:
                audience.tell({"done": True, "answers": answers})
            return
        self._emit(
            Sample(
                step=self._trainer.state.global_step,
                request=order.request,
                answers=[
                    Answer(prompt=[_message(turn) for turn in prompt], answer=answer)
                    for prompt, answer in zip(prompts, answers, strict=True)
                ],
            )
        )

    def _mistake(self, error: Exception) -> dict[str, str]:
        if isinstance(error, UserError):
            return {"what": error.what, "where": error.where, "fix": error.fix}
        what = _("The run {name!r} could not answer: {error}", name=self._directory.name, error=error)
        return {"what": what, "where": str(self._directory.log), "fix": _("Change the prompt.")}

    def _write_result(self) -> None:
        """Save the adapter or the model with its tokenizer, and a checkpoint to continue from where it is small."""
        tuned = isinstance(self._config.method, LoraMethod)
        if tuned and not self._stopped:
            self._checkpoint()
        self._trainer.check_finite()
        target = self._directory.adapter if tuned else self._directory.model
        partial = target.with_suffix(".partial")
        try:
            self._model.save_pretrained(partial)
            self._tokenizer.save_pretrained(partial)
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        self._emit(Checkpoint(step=self._trainer.state.global_step, path=target.name, kind="result"))


def _message(turn: dict[str, str]) -> Message:
    return Message(role=turn["role"], content=turn["content"])


def _resolved_source(source: ReadSource) -> dict[str, Any]:
    """What `source_before` of a run that continues this one needs to know."""
    return {
        "source": source.source.source,
        "read": source.read.model_dump(mode="json"),
        "files": [str(file.expanduser().absolute()) for file in source.found.files],
        "rows": source.rows,
        "fingerprint": source.found.fingerprint,
    }
