"""New tokens: in the tokenizer, and as rows of the embeddings and of the output layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from llmtune_kernel.config import ModelConfig, UserError
from llmtune_kernel.config.changes import change_to
from llmtune_kernel.locale import _
from llmtune_kernel.models.loading import load_tokenizer
from llmtune_kernel.models.scoring import has_score_head, head_of
from llmtune_kernel.models.sources import ModelSource


def tokenizer_of(config: ModelConfig, source: ModelSource) -> Any:
    """The tokenizer of a model, with the tokens that the configuration adds.

    Raises:
        UserError: it cannot be loaded, or it has one of the tokens already.
    """
    tokenizer = load_tokenizer(source)
    known = tokenizer.get_vocab()
    for token in config.add_tokens:
        if token in known:
            raise UserError(
                _("The tokenizer of this model has the token {token!r} already.", token=token),
                "model.add_tokens",
                _("Leave it out."),
                [change_to("model.add_tokens", [other for other in config.add_tokens if other not in known])],
            )
    if config.add_tokens:
        from transformers import AddedToken

        # Not special ones: those are plain text where they stand in a message.
        tokenizer.add_tokens([AddedToken(token, normalized=False) for token in config.add_tokens])
    return tokenizer


def make_room(model: Any, config: ModelConfig, source: ModelSource) -> list[int]:
    """Give the new tokens rows, each the mean of those of the tokens that the text was before.

    Returns:
        Their ids.
    """
    if not config.add_tokens:
        return []
    before, tokenizer = load_tokenizer(source), tokenizer_of(config, source)
    grow(model, len(tokenizer))
    ids: list[int] = tokenizer.convert_tokens_to_ids(config.add_tokens)
    pieces = [before(token, add_special_tokens=False)["input_ids"] for token in config.add_tokens]
    for layer in ends(model):
        _begin(layer, ids, pieces)
    return ids


def ends(model: Any) -> list[Any]:
    """The layers with a row for each token: the embeddings, and the output layer where its weights are others."""
    embeddings, head = model.get_input_embeddings(), head_of(model)
    if has_score_head(model) or head is None or head.weight is embeddings.weight:
        return [embeddings]
    return [embeddings, head]


def grow(model: Any, rows: int) -> None:
    """Let a model have room for at least so many tokens; what is in the new rows is of no account."""
    if len(model.get_input_embeddings().weight) < rows:
        model.resize_token_embeddings(rows, mean_resizing=False)


@torch.no_grad()
def _begin(layer: Any, ids: Sequence[int], pieces: Sequence[Sequence[int]]) -> None:
    for values in (layer.weight, getattr(layer, "bias", None)):
        if values is not None:
            for number, parts in zip(ids, pieces, strict=True):
                values[number] = values[list(parts)].float().mean(0).to(values.dtype)
