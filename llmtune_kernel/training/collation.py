"""From encoded examples to a batch: packed end to end, or padded where the architecture cannot pack."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.models.attention import pack

Item = list[TokenSequence]


class EncodedDataset(Dataset[Item]):
    """The sequences of each item, by index.

    Args:
        example: The sequences of an example.
        items: For each item the examples that it joins.
    """

    def __init__(self, example: Callable[[int], Item], items: Sequence[Sequence[int]]) -> None:
        self._example, self._items = example, items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Item:
        return list(itertools.chain.from_iterable(map(self._example, self._items[index])))


def collate_packed(items: list[Item]) -> dict[str, Any]:
    """One row of all tokens, with position ids that begin anew at each sequence.

    Returns:
        What `pack` gives, `target_positions` (targets,): where in the row a target is predicted,
        `targets` (targets,): the token ids to predict.
    """
    sequences = list(itertools.chain.from_iterable(items))
    starts = np.cumsum([0, *(len(sequence.ids) for sequence in sequences)])
    return {
        **pack([torch.tensor(sequence.ids) for sequence in sequences]),
        **_targets(sequences, starts),
    }


def collate_padded(items: list[Item]) -> dict[str, Any]:
    """Sequences padded on the right to the longest.

    Returns:
        `input_ids` and `attention_mask` (sequences, longest); `target_positions` (targets,): positions in the
        flattened batch; `targets` (targets,).
    """
    sequences = list(itertools.chain.from_iterable(items))
    longest = max(len(sequence.ids) for sequence in sequences)
    # What stands under the attention mask is never seen: any token will do as padding.
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence.ids)] = torch.tensor(sequence.ids)
        mask[row, : len(sequence.ids)] = 1
    starts = np.arange(len(sequences)) * longest
    return {"input_ids": ids, "attention_mask": mask, **_targets(sequences, starts)}


def _targets(sequences: Sequence[TokenSequence], starts: NDArray[Any]) -> dict[str, torch.Tensor]:
    """Where a trained token is predicted, one position before its own, and which it is.

    Args:
        starts: The position in the batch of the first token of each sequence.
    """
    positions = [
        start + np.flatnonzero(sequence.trained[1:])
        for start, sequence in zip(starts, sequences, strict=False)
    ]
    targets = [sequence.ids[1:][sequence.trained[1:]] for sequence in sequences]
    return {
        "target_positions": torch.from_numpy(np.concatenate(positions)).long(),
        "targets": torch.from_numpy(np.concatenate(targets)).long(),
    }
