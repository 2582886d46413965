"""Offloaded activations come back as they were, and leave what stays of a step as small as it is said to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from llmtune_kernel.config import RunConfig, UserError, config_from_dict
from llmtune_kernel.data.sequences import TokenSequence
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.attention import PACKED, register_packed_attention
from llmtune_kernel.models.loading import device
from llmtune_kernel.training.collation import EncodedDataset, collate_packed
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.objectives import make_objective
from llmtune_kernel.training.offloading import Keep, check_offloading, in_host_memory, offloading

LAYERS, WIDTH, TOKENS = 3, 64, 100


def configured(**sections: Any) -> RunConfig:
    return config_from_dict({"data": "unused", **sections})


def model_of(config: RunConfig, checkpointing: bool) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    register_packed_attention()
    torch.manual_seed(0)
    sizes = LlamaConfig(
        vocab_size=500,
        hidden_size=WIDTH,
        intermediate_size=160,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        attn_implementation=PACKED,
    )
    model = prepare_for_training(LlamaForCausalLM(sizes), config.method).train()
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    return model


def gradients(model: Any, config: RunConfig, keep: Keep | None) -> dict[str, torch.Tensor]:
    ids = np.arange(TOKENS, dtype=np.int32)
    items = EncodedDataset(lambda number: [TokenSequence(ids + number, ids > 3)], [[0], [1]])
    objective = make_objective(
        config, model, Forward.of(model, torch.float32, True), (), collate_packed, lambda done, count: None
    )
    batch = collate_packed([items[0], items[1]])
    torch.manual_seed(1)
    if keep is None:
        loss = objective.loss(model, batch).total
    else:
        with offloading(model, keep):
            loss = objective.loss(model, batch).total
    loss.backward()
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


class Seen:
    """Keeps as `in_host_memory` does, and which tensors."""

    def __init__(self) -> None:
        self.tensors: list[torch.Tensor] = []
        self.back = 0

    def __call__(self, tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
        self.tensors.append(tensor)
        bring = in_host_memory(tensor)

        def back() -> torch.Tensor:
            self.back += 1
            return bring()

        return back


@pytest.mark.parametrize("checkpointing", [False, True], ids=["whole", "checkpointing"])
@pytest.mark.parametrize(
    "method",
    [{"type": "lora", "lora_dropout": 0.1}, {"type": "lora", "use_dora": True}, {"type": "full"}],
    ids=["lora", "dora", "full"],
)
def test_gradients_are_the_same_bit_for_bit(method: Any, checkpointing: bool) -> None:
    config = configured(method=method)
    expected = gradients(model_of(config, checkpointing), config, None)
    seen = Seen()
    found = gradients(model_of(config, checkpointing), config, seen)
    assert LAYERS < seen.back <= len(seen.tensors)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_of_a_layer_that_is_computed_anew_only_the_input_waits() -> None:
    config = configured(method="full")
    seen: dict[bool, list[torch.Tensor]] = {}
    for checkpointing in (False, True):
        away = Seen()
        gradients(model_of(config, checkpointing), config, away)
        seen[checkpointing] = away.tensors
    of_mlp = [one for one in seen[False] if one.shape[-1] == 160]
    assert len(of_mlp) >= 2 * LAYERS
    assert not [one for one in seen[True] if one.shape[-1] == 160]
    inputs = [one for one in seen[True] if one.shape == (1, 2 * TOKENS, WIDTH)]
    assert LAYERS <= len(inputs) <= LAYERS + 3  # and what the last norm keeps


def test_weights_stay_where_they_are() -> None:
    config, seen = configured(method="lora"), Seen()
    model = model_of(config, checkpointing=False)
    gradients(model, config, seen)
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    assert not [one for one in seen.tensors if one.untyped_storage().data_ptr() in weights]


@pytest.mark.skipif(device().type != "cpu", reason="there is a GPU")
def test_without_a_gpu_it_is_refused() -> None:
    check_offloading(configured().training)
    with pytest.raises(UserError, match="no GPU here that activations could leave") as error:
        check_offloading(configured(training={"activation_offloading": True}).training)
    assert [change.path for change in error.value.changes] == [("training", "activation_offloading")]
