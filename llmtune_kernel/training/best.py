"""Which weights had the lowest loss on the evaluation data: kept in a file until the run ends."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

BEST = "best.safetensors"  # in the folder of the run


class Best:
    """The weights of the evaluation with the lowest loss so far, and how long ago that was.

    Args:
        file: Where they are kept; None keeps none.
        weights: Those that are trained, in an order that does not change.
        patience: So many evaluations in a row without a lower loss end the run; None never does.
    """

    def __init__(self, file: Path | None, weights: Sequence[torch.Tensor], patience: int | None) -> None:
        self._file, self._weights, self._patience = file, weights, patience
        self.loss, self.step, self._since = math.inf, 0, 0

    def go_on_from(self, checkpoint: Path) -> None:
        """Take over what the run of a checkpoint has kept; what it kept after that step counts no more."""
        file = checkpoint.parents[1] / BEST
        if self._file is None or not file.is_file():
            return
        with safe_open(file, "pt") as kept:
            facts = kept.metadata()
        if int(facts["step"]) <= int(checkpoint.name.removeprefix("step-")):
            self.loss, self.step = float(facts["loss"]), int(facts["step"])
            if file != self._file:
                shutil.copyfile(file, self._file)

    def seen(self, loss: float, step: int) -> bool:
        """Take note of an evaluation after a step; returns whether the patience is at its end."""
        if loss < self.loss:
            self.loss, self.step, self._since = loss, step, 0
            self._keep()
        else:
            self._since += 1
        return self._patience is not None and self._since >= self._patience

    def put_back(self) -> bool:
        """Give the weights the values that were kept; returns whether there are any."""
        if self._file is None or not self._file.is_file():
            return False
        with torch.no_grad():
            for number, values in load_file(self._file).items():
                self._weights[int(number)].copy_(values)
        return True

    def forget(self) -> None:
        """Remove what was kept."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def _keep(self) -> None:
        if self._file is None:
            return
        values = {
            str(number): weight.detach().cpu().contiguous() for number, weight in enumerate(self._weights)
        }
        partial = self._file.with_suffix(".partial")
        try:
            save_file(values, partial, {"step": str(self.step), "loss": repr(self.loss)})
            partial.rename(self._file)
        finally:
            partial.unlink(missing_ok=True)
