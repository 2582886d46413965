"""Models that score: the layers of a language model, and a head of one output, read at the end of each sequence."""

from __future__ import annotations

from typing import Any

import torch

from llmtune_kernel.config import UserError
from llmtune_kernel.locale import _


def has_score_head(model: Any) -> bool:
    """Whether a model scores."""
    return hasattr(model, "score")


def head_of(model: Any) -> Any:
    """The layer that makes scores or logits; None where there is none."""
    return model.score if has_score_head(model) else model.get_output_embeddings()


def scoring_class(config: Any) -> Any:
    """The class of transformers that scores, for the configuration of a language model.

    Raises:
        UserError: transformers has none for its architecture.
    """
    from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING as CLASSES

    found = CLASSES.get(type(config), None)
    if found is None:
        raise UserError(
            _("transformers has no reward model of the type {kind}.", kind=config.model_type),
            "objective.type",
            _("Take a model of another type, such as llama or qwen3."),
        )
    return found


def ends(batch: dict[str, Any], padding: int | None) -> torch.Tensor:
    """Where the score of each sequence is read in the flattened batch, (sequences,): at its last token.

    As in transformers, that is the last one that is not padding: the end of a turn is passed over where the model pads
    with the same token.

    Args:
        batch: From `collate_packed` or `collate_padded`.
        padding: Id of the token of padding, if the model has one.
    """
    ids = batch["input_ids"]
    if "cu_seq_lens_q" in batch:
        starts = batch["cu_seq_lens_q"][:-1].long()
        seen = torch.ones_like(ids, dtype=torch.bool)
    else:
        starts = torch.arange(len(ids), device=ids.device) * ids.shape[1]
        seen = batch["attention_mask"].bool()
    if padding is not None:
        seen &= ids != padding
    places = torch.arange(ids.numel(), device=ids.device)
    owners = torch.bucketize(places, starts, right=True) - 1
    last: torch.Tensor = starts.scatter_reduce(0, owners, places * seen.flatten(), "amax")
    return last
