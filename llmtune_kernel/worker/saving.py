"""What a run saves: checkpoints and its result; a full disk holds it until there is space."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peft import get_peft_model_state_dict
from peft.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file, save_file

from llmtune_kernel.config import LoraMethod, RunConfig, UserError
from llmtune_kernel.locale import _
from llmtune_kernel.runs.control import Resume, SampleNow, Save, Stop
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Checkpoint, Log, State
from llmtune_kernel.runs.wording import number
from llmtune_kernel.worker.answering import Answerer
from llmtune_kernel.worker.assembling import Training
from llmtune_kernel.worker.control import ControlServer
from llmtune_kernel.worker.disk import no_space
from llmtune_kernel.worker.telling import Teller


class Saver:
    """Saves what is trained; `answerer` goes on working while there is no space."""

    def __init__(
        self,
        training: Training,
        config: RunConfig,
        directory: RunDirectory,
        *,
        control: ControlServer,
        answerer: Answerer,
        tell: Teller,
    ) -> None:
        self._training, self._directory = training, directory
        self._control, self._answerer, self._tell = control, answerer, tell
        self._has_adapter, self._most = config.method.has_adapter, config.training.save_total_limit
        self._by_epoch, self._every = config.training.save_strategy == "epoch", config.training.save_steps
        self._start: Path | None = None
        if isinstance(config.method, LoraMethod) and config.method.changes_base:
            # What is saved is the difference from these, for a base model as it was.
            self._start = directory.start
            training.model.save_pretrained(self._start)
        self._saved_step = -1

    def due(self, step: int) -> bool:
        """Whether the configuration wants a checkpoint after a step."""
        if self._by_epoch:
            return self._training.trainer.ends_epoch
        return bool(self._every and step % self._every == 0)

    def checkpoint(self, *, again: bool = False) -> None:
        """Save a checkpoint, unless that of this step is saved and not asked for `again`."""
        if again:
            self._saved_step = -1
        self._hold_without_space(self._write_checkpoint)

    def result(self, *, stopped: bool) -> None:
        """Save the adapter or the model with its tokenizer, and a checkpoint to continue from where it is small."""
        self._hold_without_space(lambda: self._write_result(stopped))

    def _hold_without_space(self, write: Callable[[], None]) -> None:
        """Write; where there is no space left, hold, and try again when told to resume.

        Raises:
            UserError: told to stop, and there still is no space.
        """
        where, state, order = str(self._directory.path), self._tell.state, None
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
            self._tell(
                State(state="paused", detail=_("no space left on {where}; free some and resume", where=where))
            )
            while not isinstance(order := self._control.next(wait=3600), Resume | Save | Stop):
                if isinstance(order, SampleNow):
                    self._answerer.answer(order)
            self._tell(state)
        if isinstance(order, Stop):
            self._control.order(order)

    def _write_checkpoint(self) -> None:
        if self._training.step != self._saved_step:
            self._training.trainer.save_checkpoint()
            self._saved_step = self._training.step
            if self._most:
                self._directory.keep_checkpoints(self._most)

    def _write_result(self, stopped: bool) -> None:
        if self._has_adapter and not stopped:
            self._write_checkpoint()
        best = self._training.trainer.best
        if not stopped and best.put_back():
            message = _(
                "The result has the weights of step {step}, whose evaluation loss is the lowest: {loss}.",
                step=best.step,
                loss=number(best.loss),
            )
            self._tell(Log(message=message))
        self._training.trainer.check_finite()
        target = self._directory.adapter if self._has_adapter else self._directory.model
        partial = target.with_suffix(".partial")
        try:
            self._save_model(partial)
            self._training.tokenizer.save_pretrained(partial)
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        if not stopped:
            best.forget()
        self._tell(Checkpoint(step=self._training.step, path=target.name, kind="result"))

    def _save_model(self, target: Path) -> None:
        model = self._training.model
        if self._start is None:
            model.save_pretrained(target)
            return
        model.save_pretrained(target, path_initial_model_for_weight_conversion=str(self._start))
        _add_whole_modules(model, target)
        shutil.rmtree(self._start)


def _add_whole_modules(model: Any, target: Path) -> None:
    """Add to an adapter the modules that were trained whole, which its conversion leaves out."""
    path = target / SAFETENSORS_WEIGHTS_NAME
    weights = get_peft_model_state_dict(model, save_embedding_layers=False)
    whole = {name: weight.contiguous() for name, weight in weights.items() if ".lora_" not in name}
    save_file({**whole, **load_file(path)}, path, {"format": "pt"})
