"""AdaLoRA: ranks of adapters are taken from where they matter least, step by step; Zhang et al. 2023."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from llmtune_kernel.config import AdaLoraMethod, UserError
from llmtune_kernel.config.changes import leave_out
from llmtune_kernel.locale import _
from llmtune_kernel.training.tensors import under

STATE = "ranks.safetensors"
# What the allocator of PEFT remembers of the importance of each value.
_MEMORIES = ("ipt", "exp_avg_ipt", "exp_avg_unc")
_MASK = "mask"


class RankSchedule(TrainerCallback):
    """Lowers the ranks of a `PeftModel` of AdaLoRA after each optimizer step, from `init_r` to `target_r` on average.

    Values that are left out are 0, and may come back until the ranks are final.
    """

    def __init__(self, method: AdaLoraMethod, model: Any) -> None:
        self._method, self.weight = method, method.orth_reg_weight
        self._model = model.base_model.model
        self._allocator = model.base_model.rankallocator
        self._settings = model.peft_config["default"]
        self._masks: dict[str, list[bool]] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Spread the schedule over the steps of the run.

        Raises:
            UserError: its beginning and its end leave no step between.
        """
        first, last = self._method.phases(state.max_steps)
        if first + last >= state.max_steps:
            raise UserError(
                _(
                    "Of {count} steps none is left in which ranks are lowered: {first} come before, {last} after.",
                    count=state.max_steps,
                    first=first,
                    last=last,
                ),
                "method.tinit",
                _("Lower them, or leave them out."),
                [leave_out("method.tinit"), leave_out("method.tfinal")],
            )
        settings = self._settings
        settings.total_step, settings.tinit, settings.tfinal = state.max_steps, first, last
        self._final = state.max_steps - last

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take account of the gradients, and lower ranks where it is due."""
        step = state.global_step + 1
        if step <= self._final:
            _budget, masks = self._allocator.update_and_allocate(
                self._model, step, force_mask=step == self._final
            )
            self._masks = masks or self._masks
            if step == self._final:
                self._allocator.reset_ipt()  # not needed any more
        else:
            self._allocator.mask_using_rank_pattern(self._model, self._masks)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """From now on only what final ranks keep is saved."""
        if state.global_step >= self._final:
            self._settings.rank_pattern = dict(self._masks)

    def penalty(self) -> torch.Tensor:
        """How far the directions of the adapters are from being orthogonal, a scalar in float32."""
        found = [
            part if ".lora_A." in name else part.T
            for name, part in self._model.named_parameters()
            if ".lora_A.default" in name or ".lora_B.default" in name
        ]
        with torch.autocast(found[0].device.type, enabled=False):
            overlaps = [part @ part.T - torch.eye(len(part), device=part.device) for part in found]
        return torch.stack([overlap.norm() for overlap in overlaps]).mean()

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """While it lasts all values are saved, also those that are left out: training goes on from them."""
        masks, self._settings.rank_pattern = self._settings.rank_pattern, None
        try:
            yield
        finally:
            self._settings.rank_pattern = masks

    def save(self, folder: Path) -> None:
        """Write what is remembered of the steps until now into a checkpoint."""
        remembered = {
            f"{memory}.{name}": part.contiguous()
            for memory in _MEMORIES
            for name, part in getattr(self._allocator, memory).items()
        }
        masks = {f"{_MASK}.{name}": torch.tensor(mask) for name, mask in self._masks.items()}
        save_file({**remembered, **masks}, folder / STATE)

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote."""
        saved = load_file(folder / STATE, device=str(next(self._model.parameters()).device))
        for memory in _MEMORIES:
            setattr(self._allocator, memory, under(memory, saved))
        self._masks = {name: mask.tolist() for name, mask in under(_MASK, saved).items()}
