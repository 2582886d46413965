"""NEFTune: noise on the embeddings while a model is trained.

Jain et al. 2023, "NEFTune: Noisy Embeddings Improve Instruction Finetuning", algorithm 1.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from llmtune_kernel.training.objective import lengths_by_sequence


@contextlib.contextmanager
def noisy_embeddings(model: Any, batch: dict[str, Any], alpha: float | None) -> Iterator[None]:
    """Add noise to what a model in training embeds meanwhile; without `alpha`, and in evaluation, none.

    It is uniform, up to alpha / sqrt(L d) for a sequence of L tokens in d units: by the length of each sequence also
    where several share a row.

    Args:
        batch: That the model will be asked about, from `collate_packed` or `collate_padded`.
    """
    if not alpha or not model.training:
        yield
        return
    lengths = lengths_by_sequence(batch)
    packed = "cu_seq_lens_q" in batch
    # Of each token's sequence, as (1, tokens) or (sequences, 1).
    lengths = lengths.repeat_interleave(lengths)[None] if packed else lengths[:, None]

    def add_noise(module: torch.nn.Module, inputs: Any, embedded: torch.Tensor) -> torch.Tensor:
        most = alpha / (lengths * embedded.shape[-1]).sqrt()
        return embedded + torch.empty_like(embedded).uniform_(-1, 1) * most[..., None].to(embedded.dtype)

    handle = model.get_input_embeddings().register_forward_hook(add_noise)
    try:
        yield
    finally:
        handle.remove()
