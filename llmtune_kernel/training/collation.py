"""From encoded examples to a batch: packed end to end, or padded where the architecture cannot pack."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.models.attention import pack


@dataclass(frozen=True)
class Item:
    """Sequences that stay together; `reference`: log-probability of each, if it was computed before training."""

    sequences: list[TokenSequence]
    reference: NDArray[np.float32] | None = None


class EncodedDataset(Dataset[Item]):
    """The sequences of each item, by index.

    Args:
        example: The sequences of an example.
        items: For each item the examples that it joins.

    Attributes:
        reference: (items, sequences of each) what goes into `Item.reference`, if anything.
    """

    def __init__(self, example: Callable[[int], list[TokenSequence]], items: Sequence[Sequence[int]]) -> None:
        self.example, self.items = example, items
        self.reference: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Item:
        sequences = list(itertools.chain.from_iterable(map(self.example, self.items[index])))
        return Item(sequences, None if self.reference is None else self.reference[index])


def collate_packed(items: list[Item]) -> dict[str, Any]:
    """One row of all tokens, with position ids that begin anew at each sequence.

    Returns:
        What `pack` gives, `target_positions` (targets,): where in the row a target is predicted,
        and what `_targets` gives.
    """
    sequences = [sequence for item in items for sequence in item.sequences]
    starts = np.cumsum([0, *(len(sequence.ids) for sequence in sequences)])
    return {
        **pack([torch.tensor(sequence.ids) for sequence in sequences]),
        **_targets(items, starts),
    }


def collate_padded(items: list[Item]) -> dict[str, Any]:
    """Sequences padded on the right to the longest.

    Returns:
        `input_ids` and `attention_mask` (sequences, longest); `target_positions` (targets,): positions in the
        flattened batch; and what `_targets` gives.
    """
    sequences = [sequence for item in items for sequence in item.sequences]
    longest = max(len(sequence.ids) for sequence in sequences)
    # What stands under the attention mask is never seen: any token will do as padding.
    ids = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence.ids)] = torch.tensor(sequence.ids)
        mask[row, : len(sequence.ids)] = 1
    starts = np.arange(len(sequences)) * longest
    return {"input_ids": ids, "attention_mask": mask, **_targets(items, starts)}


def _targets(items: Sequence[Item], starts: NDArray[Any]) -> dict[str, torch.Tensor]:
    """What is to be predicted, and what is known of the sequences.

    Args:
        starts: The position in the batch of the first token of each sequence.

    Returns:
        `target_positions` (targets,): where a trained token is predicted, one position before its own; `targets`
        (targets,): the token ids to predict; `target_sequences` (targets,): to which sequence each belongs; `sides`
        (sequences,); `reference` (sequences,), if the items have it.
    """
    sequences = [sequence for item in items for sequence in item.sequences]
    positions = [
        start + np.flatnonzero(sequence.trained[1:])
        for start, sequence in zip(starts, sequences, strict=False)
    ]
    targets = [sequence.ids[1:][sequence.trained[1:]] for sequence in sequences]
    owners = np.repeat(np.arange(len(sequences)), [len(one) for one in targets])
    known = {
        "target_positions": torch.from_numpy(np.concatenate(positions)).long(),
        "targets": torch.from_numpy(np.concatenate(targets)).long(),
        "target_sequences": torch.from_numpy(owners).long(),
        "sides": torch.tensor([sequence.side for sequence in sequences]),
    }
    references = [item.reference for item in items if item.reference is not None]
    return {**known, "reference": torch.from_numpy(np.concatenate(references))} if references else known
