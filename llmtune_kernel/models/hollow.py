"""Making adapters where weights have sizes, but no contents."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.fx.experimental import _config as assumptions
from torch.overrides import TorchFunctionMode


@contextlib.contextmanager
def without_contents() -> Iterator[None]:
    """Make tensors on the device meta, and let code that looks at contents as it makes them go on.

    Some adapters of PEFT begin with permutations or counts; their sizes do not depend on what is in them.
    """
    with (
        assumptions.patch(meta_nonzero_assume_all_nonzero=True),  # type: ignore[attr-defined]
        torch.device("meta"),
        _Unread(),
    ):
        yield


class _Unread(TorchFunctionMode):
    """Leaves out what is written into tensors on the device meta, and counts nothing of them."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.Tensor.__setitem__ and args[0].is_meta:
            return None
        if function is torch.bincount and args[0].is_meta:
            return torch.empty((kwargs or {}).get("minlength", 0), dtype=torch.long)
        return function(*args, **(kwargs or {}))
