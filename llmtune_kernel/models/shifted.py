"""Shifted sparse attention: in training, tokens look at those of their group, and half of the heads at shifted groups.

Chen et al. 2023, "LongLoRA: Efficient Fine-tuning of Long-Context Large Language Models", section 3.2.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import torch
from torch._subclasses.fake_tensor import is_fake
from torch.nn.functional import scaled_dot_product_attention

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.config.changes import leave_out
from llmtune_kernel.locale import _
from llmtune_kernel.models.attention import known, packed_attention

_TRIED, _GROUP_TRIED = 13, 4


def group_size(config: RunConfig) -> int:
    """Tokens of a group: a quarter of the maximum length, as in the paper."""
    return max(config.data.max_length // 4, 2)


def shifted(group: int) -> str:
    """The name by which transformers knows attention in groups of this size from now on.

    What is evaluated, or answers, has full attention: only layers in training mode have groups.
    """

    def attention(module: torch.nn.Module, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, None]:
        if module.training:
            return grouped_attention(module, *args, group=group, **kwargs)
        return packed_attention(module, *args, **kwargs)

    return known(f"llmtune_shifted_{group}", attention)


def shift(model: Any, group: int) -> None:
    """Give a model attention in groups while it is trained.

    Args:
        model: One that gives logits or, of one that scores, its layers.

    Raises:
        UserError: the attention of its architecture is its own.
    """
    # What takes no sdpa does more in its attention, such as the sinks of gpt-oss.
    if not (model._supports_sdpa and _takes_groups(model)):
        raise UserError(
            _("The attention of this architecture ({name}) cannot be shifted.", name=model.config.model_type),
            "model.shift_attn",
            _("Leave it out."),
            [leave_out("model.shift_attn")],
        )
    model.set_attn_implementation(shifted(group))


@torch.no_grad()
def _takes_groups(model: Any) -> bool:
    """Whether groups change what the loaded model answers, as they do unless it computes its attention itself."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, model.get_input_embeddings().num_embeddings, (1, _TRIED), generator=generator)
    ids, ordinary = ids.to(model.device), model.config._attn_implementation
    tried = known("llmtune_grouped", functools.partial(grouped_attention, group=_GROUP_TRIED))
    try:
        full = model(input_ids=ids, use_cache=False)[0]
        model.set_attn_implementation(tried)
        return not torch.equal(model(input_ids=ids, use_cache=False)[0], full)
    except Exception:  # the architecture's own code, or what groups cannot do
        return False
    finally:
        model.set_attn_implementation(ordinary)


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    *,
    group: int,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention in groups of each sequence; for the second half of the heads they begin half a group later.

    The paper rolls the sequence, so that its last half group and its first one come together, and neither is to see the
    other. Here each is a group of its own. A sequence that is no longer than a group is left as it is.

    Args:
        query, key, value, attention_mask, dropout, scaling, cu_seq_lens_q: As of `packed_attention`, or of several rows
            that are not packed: each is a sequence, padded on the right.
        group: Tokens of a group, at least 2.

    Returns:
        (rows, tokens, heads, head_dim), and None for the weights.

    Raises:
        ValueError: there is one head, or the scores have a bias.
    """
    heads = query.shape[1]
    if heads == 1 or kwargs.get("position_bias") is not None:
        raise ValueError("groups need two heads or more, and scores without a bias")
    rows = _sequences(query, attention_mask, cu_seq_lens_q)
    if all(end - start <= group for row in rows for start, end in row):
        return packed_attention(
            module, query, key, value, attention_mask, dropout, scaling, cu_seq_lens_q, **kwargs
        )
    # Every head gets its own key and value, so that they can be halved.
    each = heads // key.shape[1]
    key, value = key.repeat_interleave(each, dim=1), value.repeat_interleave(each, dim=1)

    def attend(row: int, some: slice, start: int, end: int) -> torch.Tensor:
        mask = None if attention_mask is None else _cut(attention_mask, row, start, end)
        return scaled_dot_product_attention(
            query[row : row + 1, some, start:end],
            key[row : row + 1, some, start:end],
            value[row : row + 1, some, start:end],
            attn_mask=mask,
            dropout_p=dropout,
            is_causal=mask is None,
            scale=scaling,
        )

    def sequence(row: int, start: int, end: int) -> torch.Tensor:
        parts = [(slice(None), 0)]
        if end - start > group:
            parts = [(slice(heads // 2), 0), (slice(heads // 2, None), group // 2)]
        halves = [
            torch.cat([attend(row, some, *one) for one in _groups(start, end, group, later)], dim=2)
            for some, later in parts
        ]
        return torch.cat(halves, dim=1)

    found = [torch.cat([sequence(row, *one) for one in rows[row]], dim=2) for row in range(len(rows))]
    return torch.cat(found).transpose(1, 2).contiguous(), None


def _sequences(
    query: torch.Tensor, mask: torch.Tensor | None, cu_seq_lens: torch.Tensor | None
) -> list[list[tuple[int, int]]]:
    """Of each row where its sequences begin and end; padding is a sequence, too."""
    count, _heads, tokens, _size = query.shape
    if cu_seq_lens is not None and not is_fake(cu_seq_lens):
        return [list(itertools.pairwise(cu_seq_lens.tolist()))]
    if mask is None or is_fake(mask):
        return [[(0, tokens)]] * count
    itself = mask[:, 0].diagonal(dim1=-2, dim2=-1)  # every token sees itself, but for padding
    lengths = (itself == (mask.dtype == torch.bool)).sum(-1).expand(count).tolist()
    return [[one for one in ((0, length), (length, tokens)) if one[0] < one[1]] for length in lengths]


def _groups(start: int, end: int, group: int, later: int) -> list[tuple[int, int]]:
    """Where the groups of a sequence begin and end; `later`: how many tokens are before the first whole one."""
    return list(itertools.pairwise([start, *range(start + (later or group), end, group), end]))


def _cut(mask: torch.Tensor, row: int, start: int, end: int) -> torch.Tensor:
    """Of a mask, of True or of numbers that are added, what is said of the tokens of a group in a row."""
    part = mask[min(row, len(mask) - 1), None, ..., start:end, start:end].clone()
    # What sees nothing at all, as padding may, is not a number.
    part.diagonal(dim1=-2, dim2=-1).fill_(mask.dtype == torch.bool)
    return part
