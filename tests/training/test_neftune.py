"""Noise on the embeddings is that of its paper: in training, and only there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from llmtune_kernel.config import FullMethod, LoraMethod, Method, SftObjective
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.training.collation import Item, collate_packed, collate_padded
from llmtune_kernel.training.neftune import noisy_embeddings
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.reference import no_reference
from llmtune_kernel.training.sft import SupervisedFineTuning

LENGTHS = [4, 25, 100]
ITEMS = [
    Item([TokenSequence(np.arange(1, length + 1, dtype=np.int32), np.ones(length, bool))])
    for length in LENGTHS
]


@pytest.fixture(params=[FullMethod(), LoraMethod(r=4)], ids=["full", "lora"])
def model(request: pytest.FixtureRequest, tiny_model: str) -> Any:
    plain = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    method: Method = request.param
    return prepare_for_training(plain, method)


@pytest.mark.parametrize("packed", [True, False])
def test_the_noise_is_uniform_by_the_length_of_each_sequence(model: Any, packed: bool) -> None:
    batch = collate_packed(ITEMS) if packed else collate_padded(ITEMS)
    embeddings, ids = model.get_input_embeddings(), batch["input_ids"]
    plain = embeddings(ids)
    model.train()
    with noisy_embeddings(model, batch, alpha=5.0), torch.no_grad():
        noise = embeddings(ids) - plain
    rows = noise[0].split(LENGTHS) if packed else noise
    for row, length in zip(rows, LENGTHS, strict=True):
        most = 5.0 / (length * plain.shape[-1]) ** 0.5
        row = row[:length]
        assert 0.9 * most < row.abs().max() <= most + 1e-6
        assert row.std().item() == pytest.approx(most / 3**0.5, rel=0.2)
        assert abs(row.mean()) < 0.2 * most
    assert torch.equal(embeddings(ids), plain)


def test_only_a_model_in_training_gets_noise(model: Any) -> None:
    batch = collate_packed(ITEMS)
    forward = Forward.of(model, torch.float32, packed=False)
    plain, noisy = (
        SupervisedFineTuning(SftObjective(neftune_noise_alpha=alpha), forward, no_reference)
        for alpha in (None, 50.0)
    )
    model.eval()
    expected = plain.loss(model, batch).total.item()
    assert noisy.loss(model, batch).total.item() == expected
    model.train()
    torch.manual_seed(0)
    assert noisy.loss(model, batch).total.item() != pytest.approx(expected, rel=1e-5)
    assert plain.loss(model, batch).total.item() == pytest.approx(expected, rel=1e-6)
