"""Packed attention: several sequences in one row, end to end, none of which sees another."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._subclasses.fake_tensor import is_fake
from torch.nn.functional import scaled_dot_product_attention

PACKED = "llmtune_packed"


def register_packed_attention() -> None:
    """Make `attn_implementation="llmtune_packed"` known to transformers. Calling it again changes nothing."""
    known(PACKED, packed_attention)


def known(name: str, attention: Callable[..., tuple[torch.Tensor, None]]) -> str:
    """Make an attention known to transformers by a name, which is given back; its masks are those of packed rows."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(name, attention)
    AttentionMaskInterface.register(name, packed_mask)
    return name


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each sequence of a packed row; plain sdpa for rows that are not packed.

    Args:
        query: (1, heads, tokens, head_dim); key and value: (1, key-value heads, tokens, head_dim).
        attention_mask: A mask that already keeps sequences apart; if given, it decides.
        cu_seq_lens_q: int32 (sequences + 1,), where sequences begin and end in the row; None if it is not packed.

    Returns:
        (1, tokens, heads, head_dim), and None for the weights.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    softcapped = kwargs.get("softcap") is not None
    if softcapped or cu_seq_lens_q is None or attention_mask is not None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    grouped = query.shape[1] != key.shape[1]
    bounds = [0, query.shape[2]] if is_fake(cu_seq_lens_q) else cu_seq_lens_q.tolist()
    pieces = [
        scaled_dot_product_attention(
            query[:, :, start:end],
            key[:, :, start:end],
            value[:, :, start:end],
            dropout_p=dropout,
            is_causal=True,
            scale=scaling,
            enable_gqa=grouped,
        ).transpose(1, 2)
        for start, end in itertools.pairwise(bounds)
    ]
    return torch.cat(pieces, dim=1), None


def packed_mask(
    *,
    q_length: int,
    kv_length: int,
    attention_mask: torch.Tensor | None = None,
    local_size: int | None = None,
    use_vmap: bool = False,
    **kwargs: Any,
) -> torch.Tensor | None:
    """No mask where `packed_attention` needs none; else the mask that sdpa would get."""
    from transformers.masking_utils import sdpa_mask

    within_window = local_size is None or kv_length <= local_size
    if q_length == kv_length and attention_mask is None and within_window and not use_vmap:
        return None
    result: torch.Tensor | None = sdpa_mask(
        q_length=q_length,
        kv_length=kv_length,
        attention_mask=attention_mask,
        local_size=local_size,
        use_vmap=use_vmap,
        **kwargs,
    )
    return result


def pack(sequences: Sequence[Any], where: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
    """One packed row of sequences of ids: `input_ids`, `position_ids` (1, tokens), `cu_seq_lens` (sequences + 1,)."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    bounds = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32).to(where)
    longest = int(lengths.max())
    return {
        "input_ids": torch.cat([torch.as_tensor(ids, dtype=torch.long) for ids in sequences])[None].to(where),
        "position_ids": torch.cat([torch.arange(len(sequence)) for sequence in sequences])[None].to(where),
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
        "max_length_q": longest,  # type: ignore[dict-item]
        "max_length_k": longest,  # type: ignore[dict-item]
    }


@torch.no_grad()
def packing_works(model: Any) -> bool:
    """Whether a packed pair of sequences gives the same logits as the two alone, on the loaded model.

    An architecture that fails on either does not pack; what else is wrong with it shows when it is trained.

    Args:
        model: One that gives logits or, of one that scores, its layers.
    """
    takes = inspect.signature(model.forward).parameters.values()
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in takes):
        return False  # the bounds of the sequences would not reach its attention
    vocabulary = model.get_input_embeddings().num_embeddings
    generator = torch.Generator().manual_seed(0)
    pair = [torch.randint(0, vocabulary, (length,), generator=generator).tolist() for length in (13, 9)]
    training = model.training
    model.eval()
    try:
        packed = model(**pack(pair, model.device), use_cache=False)[0][0].float()
        alone = [
            model(input_ids=torch.tensor([ids], device=model.device), use_cache=False)[0][0].float()
            for ids in pair
        ]
    except Exception:  # the architecture's own code, such as that which reads a mask that is not there
        return False
    finally:
        model.train(training)
    separate = torch.cat(alone)
    scale = separate.abs().max().clamp(min=1.0)
    # A leak between sequences moves logits by far more than rounding does.
    tolerance = 1e-4 if next(model.parameters()).dtype == torch.float32 else 5e-2
    return bool(((packed - separate).abs().max() / scale) < tolerance)
