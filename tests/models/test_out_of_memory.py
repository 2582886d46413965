"""Errors that say that memory ran out, as the libraries raise them."""

from __future__ import annotations

import errno

import pytest
import torch

from llmtune_kernel.models.out_of_memory import out_of_memory


def test_what_torch_and_python_raise_is_known() -> None:
    with pytest.raises(RuntimeError) as info:
        torch.empty(2**60, dtype=torch.uint8)
    assert out_of_memory(info.value)
    with pytest.raises(MemoryError) as short:
        bytearray(2**62)
    assert out_of_memory(short.value)
    assert out_of_memory(torch.OutOfMemoryError())
    assert out_of_memory(OSError(errno.ENOMEM, "map"))


def test_other_errors_are_not_taken_for_it() -> None:
    with pytest.raises(RuntimeError) as info:
        torch.zeros(2) @ torch.zeros(3)
    assert not out_of_memory(info.value)
    assert not out_of_memory(OSError(errno.ENOSPC, "disk"))
