"""Plain texts that share sequences are trained as they would be alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from watching import in_process

from llmtune_kernel.runs.events import Metrics

TEXTS = [" ".join(str(number * word) for word in range(6 + number)) for number in range(9)]


def train(tmp_path: Path, model: str, name: str, data: dict[str, Any], batch: int) -> list[Metrics]:
    """The metrics of a run over all texts in one step an epoch."""
    source = tmp_path / "texts.txt"
    source.write_text("\n".join(TEXTS))
    told = in_process(
        tmp_path / name,
        model={"name_or_path": model, "dtype": "float32"},
        data={"train": str(source), **data},
        method={"type": "lora", "lora_alpha": 400},
        training={"num_train_epochs": 3, "per_device_train_batch_size": batch, "learning_rate": 1e-2},
    )
    return [payload for payload in told if isinstance(payload, Metrics)]


def test_joined_texts_have_the_losses_of_texts_alone_in_fewer_sequences(
    tmp_path: Path, tiny_model: str
) -> None:
    alone = train(tmp_path, tiny_model, "alone", {"packing": False}, batch=len(TEXTS))
    joined = train(tmp_path, tiny_model, "joined", {"max_length": 512}, batch=1)
    assert [one.step for one in joined] == [one.step for one in alone] == [1, 2, 3]
    assert [one.loss for one in joined] == pytest.approx([one.loss for one in alone], abs=1e-4)
    assert alone[0].loss is not None
    assert alone[-1].loss is not None
    assert alone[-1].loss < alone[0].loss - 0.01  # it learned something, so that equal losses mean something
    assert [one.tokens for one in joined] == [one.tokens for one in alone]
