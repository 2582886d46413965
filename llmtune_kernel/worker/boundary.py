"""What happens between two steps: what is due is saved and sampled, and orders are obeyed."""

from __future__ import annotations

from llmtune_kernel.config import RunConfig
from llmtune_kernel.locale import _
from llmtune_kernel.runs.control import Command, Pause, Resume, SampleNow, Save, Stop
from llmtune_kernel.runs.events import State
from llmtune_kernel.worker.answering import Answerer
from llmtune_kernel.worker.control import ControlServer
from llmtune_kernel.worker.saving import Saver
from llmtune_kernel.worker.telling import Teller


class Boundary:
    """Where a run can be steered; `stopped` says whether it was told to end here."""

    def __init__(
        self, config: RunConfig, control: ControlServer, saver: Saver, answerer: Answerer, tell: Teller
    ) -> None:
        self.stopped = False
        self._samples = config.samples
        self._control, self._saver, self._answerer, self._tell = control, saver, answerer, tell

    def reached(self, step: int, last: bool) -> bool:
        """Do what is due after a step and what was ordered; returns whether training ends here."""
        samples = self._samples
        if self._saver.due(step):
            self._saver.checkpoint()
        if samples.prompts and (last or (samples.every_steps and step % samples.every_steps == 0)):
            self._answerer.answer(SampleNow())
        while (order := self._control.next()) is not None:
            if isinstance(order, Pause):
                order = self._pause()
            if isinstance(order, Stop) and not last:
                self._tell(State(state="stopping", detail=_("saving")))
                self._saver.checkpoint()
                self.stopped = True
                return True
            self._obey(order)
        return False

    def _pause(self) -> Resume | Stop:
        """Hold until told to resume or stop; saving and sampling go on working."""
        order: Command | None = Pause()
        while True:
            if isinstance(order, Pause):
                self._tell(State(state="paused"))
            order = self._control.next(wait=3600)
            if isinstance(order, Resume):
                self._tell(State(state="training"))
                return order
            if isinstance(order, Stop):
                return order
            self._obey(order)

    def _obey(self, order: Command | None) -> None:
        if isinstance(order, Save):
            self._saver.checkpoint(again=True)  # whoever asks is answered, also where it is saved already
        elif isinstance(order, SampleNow):
            self._answerer.answer(order)
