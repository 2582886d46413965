"""From encoded rows to a batch: packed end to end, or padded where the architecture cannot pack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import torch
from torch.utils.data import Dataset

from llmtune_kernel.models.attention import pack


class EncodedRow(TypedDict):
    """One sequence; `labels` holds the token itself where it is trained, else -100."""

    input_ids: list[int]
    labels: list[int]


class EncodedDataset(Dataset[EncodedRow]):
    """Encoded rows, by index."""

    def __init__(self, input_ids: Sequence[Any], labels: Sequence[Any], indices: Sequence[int]) -> None:
        self._input_ids, self._labels, self._indices = input_ids, labels, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> EncodedRow:
        row = self._indices[index]
        return {"input_ids": list(self._input_ids[row]), "labels": list(self._labels[row])}


def _targets(rows: list[EncodedRow]) -> list[tuple[int, int, int]]:
    """(row, position, target): the model at `position` is to predict `target`, the label of the next position."""
    return [
        (number, position - 1, label)
        for number, row in enumerate(rows)
        for position, label in enumerate(row["labels"])
        if label != -100 and position > 0
    ]


def collate_packed(rows: list[EncodedRow]) -> dict[str, Any]:
    """One row of all tokens, with position ids that begin anew at each sequence.

    Returns:
        What `pack` gives, `target_positions` (targets,): where in the row a target is predicted,
        `targets` (targets,): the token ids to predict.
    """
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row["input_ids"]))
    found = _targets(rows)
    return {
        **pack([row["input_ids"] for row in rows]),
        "target_positions": torch.tensor(
            [starts[row] + position for row, position, _ in found], dtype=torch.long
        ),
        "targets": torch.tensor([target for _, _, target in found], dtype=torch.long),
    }


def collate_padded(rows: list[EncodedRow]) -> dict[str, Any]:
    """Rows padded on the right to the longest.

    Returns:
        `input_ids` and `attention_mask` (rows, longest); `target_positions` (targets,): positions in the
        flattened batch; `targets` (targets,).
    """
    longest = max(len(row["input_ids"]) for row in rows)
    # What stands under the attention mask is never seen: any token will do as padding.
    ids = [row["input_ids"] + [0] * (longest - len(row["input_ids"])) for row in rows]
    mask = [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in rows]
    found = _targets(rows)
    return {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor(mask),
        "target_positions": torch.tensor(
            [row * longest + position for row, position, _ in found], dtype=torch.long
        ),
        "targets": torch.tensor([target for _, _, target in found], dtype=torch.long),
    }
