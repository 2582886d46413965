"""Finding a GPU by a name as people write it."""

from __future__ import annotations

import pytest

from llmtune_kernel.config import UserError
from llmtune_kernel.models.gpus import GPUS, find_gpu


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("t4", "T4"),
        ("RTX3090", "RTX 3090"),
        ("4090", "RTX 4090"),
        ("A100", "A100 40GB"),
        ("a100 80", "A100 80GB"),
    ],
)
def test_a_gpu_is_found_however_it_is_written(written: str, found: str) -> None:
    assert find_gpu(written).name == found


def test_the_smallest_comes_first_and_memory_is_in_bytes() -> None:
    sizes = [gpu.memory for gpu in GPUS]
    assert sizes == sorted(sizes)
    assert find_gpu("T4").memory == 15 * 2**30
    assert not find_gpu("T4").bfloat16


@pytest.mark.parametrize("written", ["", "H1000", "abacus"])
def test_an_unknown_gpu_is_refused_with_those_that_are_known(written: str) -> None:
    with pytest.raises(UserError) as refused:
        find_gpu(written)
    assert "H100" in refused.value.fix
