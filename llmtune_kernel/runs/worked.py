"""How long a run worked: the time of its sessions, without its pauses and without what is between the sessions."""

from __future__ import annotations

from llmtune_kernel.runs.events import TERMINAL

_RESTING = TERMINAL | {"paused"}


class WorkedTime:
    """Adds up while the events of a run are taken in, in their order.

    Attributes:
        seconds: In which the run worked, up to the last event that was taken in.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._latest = 0.0
        self._working = False

    def take(self, moment: float, state: str = "") -> None:
        """Take in an event.

        Args:
            moment: Its Unix time.
            state: The state that it tells, if it is a state event.
        """
        if state != "queued":  # a session before it may have ended without a word
            self.seconds = self.until(moment)
        self._latest = moment
        if state:
            self._working = state not in _RESTING

    def until(self, moment: float) -> float:
        """Seconds in which the run worked, if nothing happens up to a Unix time."""
        return self.seconds + max(0.0, moment - self._latest) * self._working
