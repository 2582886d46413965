"""Tensors of a checkpoint, found by their names."""

from __future__ import annotations

import torch


def under(prefix: str, saved: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with a prefix and a dot, by what follows."""
    return {
        name.removeprefix(f"{prefix}."): part for name, part in saved.items() if name.startswith(f"{prefix}.")
    }
