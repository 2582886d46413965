"""The dry run counts what a real step allocates."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from llmtune_kernel.config import RunConfig, config_from_dict
from llmtune_kernel.data.sequences import CHOSEN, REJECTED, TokenSequence
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.attention import PACKED, register_packed_attention
from llmtune_kernel.models.fp8 import use_fp8
from llmtune_kernel.training.collation import EncodedDataset, collate_packed
from llmtune_kernel.training.dry_run import StepMemory, dry_step
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.objectives import collate_for, items_for, make_objective, with_no_experience
from llmtune_kernel.training.offloading import offloading

_LENGTH, _BATCH = 200, 3


def configured(**sections: Any) -> RunConfig:
    return config_from_dict({"data": "unused", **sections})


def llama(config: RunConfig, dtype: torch.dtype) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

    made = LlamaForSequenceClassification if config.scores else LlamaForCausalLM
    sizes = LlamaConfig(
        vocab_size=500,
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=0,
        num_labels=1,
    )
    weights = torch.float32 if config.method.type == "full" else dtype
    model = made(sizes).to(weights)
    if config.training.fp8:
        use_fp8(model, emulated=True)
    return prepare_for_training(model, config.method)


def batch_of(config: RunConfig) -> EncodedDataset:
    sides = (CHOSEN, REJECTED) if config.objective.type in ("dpo", "reward") else (CHOSEN,)
    ids = np.arange(_LENGTH, dtype=np.int32) + 1
    sequences = [TokenSequence(ids, np.ones(_LENGTH, bool), side) for side in sides]
    return EncodedDataset(lambda number: sequences, [[number] for number in range(_BATCH)])


def out_of_sight(tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Keep a tensor where torch's profiler does not look."""
    kept = tensor.detach().numpy().copy()
    return lambda: torch.from_numpy(kept).clone()


def measured(
    config: RunConfig, model: Any, dtype: torch.dtype, checkpointing: bool, offloaded: bool = False
) -> int:
    """The most bytes that torch's profiler sees allocated in a real step."""
    items = items_for(config, batch_of(config))
    items.reference = np.zeros((len(items), 2), np.float32) if config.reference == "precomputed" else None
    collate = collate_for(config, collate_packed)
    register_packed_attention()
    if model._supports_sdpa:
        model.set_attn_implementation(PACKED)
    model.train()
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    objective = make_objective(
        config, model, Forward.of(model, dtype, True), (), collate, lambda done, count: None
    )
    batch = with_no_experience(config, collate([items[number] for number in range(len(items))]))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        with offloading(model, out_of_sight) if offloaded else contextlib.nullcontext():
            loss = objective.loss(model, batch).total
        loss.backward()
    assert profiler.profiler is not None
    now = most = 0
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("method", ["lora", "full", {"type": "freeze", "trainable_layers": 1}])
def test_it_counts_what_a_real_step_allocates(method: Any, dtype: torch.dtype, checkpointing: bool) -> None:
    config = configured(method=method)
    model = llama(config, dtype)
    counted = dry_step(config, model, batch_of(config), dtype, checkpointing)
    assert all(weight.grad is None for weight in model.parameters())
    real = measured(config, model, dtype, checkpointing)
    assert counted.total == pytest.approx(real, rel=0.05)


@pytest.mark.skipif(not importlib.util.find_spec("torchao"), reason="torchao is not installed")
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_products_in_fp8_are_counted(method: str, dtype: torch.dtype, checkpointing: bool) -> None:
    config = configured(method=method, training={"fp8": True})
    model = llama(config, dtype)
    counted = dry_step(config, model, batch_of(config), dtype, checkpointing)
    assert counted.total == pytest.approx(measured(config, model, dtype, checkpointing), rel=0.05)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_what_waits_elsewhere_is_not_counted(method: str, checkpointing: bool) -> None:
    config = configured(method=method)
    model, items = llama(config, torch.float32), batch_of(config)
    whole, offloaded = (
        dry_step(config, model, items, torch.float32, checkpointing, away) for away in (False, True)
    )
    # With checkpointing and all weights the most is in the first layer, when no other waits.
    assert offloaded.total < whole.total or (method == "full" and checkpointing)
    real = measured(config, model, torch.float32, checkpointing, offloaded=True)
    assert offloaded.total == pytest.approx(real, rel=0.05)


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize(
    "objective",
    [
        "dpo",
        "kto",
        "reward",
        {"type": "dpo", "loss": "orpo"},
        {"type": "sft", "loss": "asft"},
        {"type": "ppo", "reward": "$score"},
        {"type": "grpo", "reward": "$score"},
        {"type": "grpo", "reward": "$score", "beta": 0.1, "importance_sampling_level": "sequence"},
    ],
)
def test_every_objective_is_counted(objective: Any, method: str) -> None:
    config = configured(method=method, objective=objective)
    model = llama(config, torch.float32)
    counted = dry_step(config, model, batch_of(config), torch.float32, checkpointing=False)
    assert counted.total == pytest.approx(measured(config, model, torch.float32, False), rel=0.05)


def test_attention_with_sinks_is_counted_as_its_own_code_computes_it() -> None:
    from transformers import GptOssConfig, GptOssForCausalLM

    config, heads = configured(), 4
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 16}
    of_heads = {"num_attention_heads": heads, "num_key_value_heads": 2}
    made = GptOssForCausalLM(
        GptOssConfig(vocab_size=500, num_local_experts=2, num_experts_per_tok=1, **sizes, **of_heads)
    )
    model = prepare_for_training(made.bfloat16(), config.method)
    counted = dry_step(config, model, batch_of(config), torch.bfloat16, checkpointing=False)
    assert counted.total == pytest.approx(measured(config, model, torch.bfloat16, False), rel=0.1)
    # Scores of all tokens of the batch with all others, with a sink for each: these stay until the backward pass.
    tokens = _BATCH * _LENGTH
    assert counted.activations > 2 * 2 * heads * tokens**2


def step(checkpointing: bool = False, **sections: Any) -> StepMemory:
    config = configured(**sections)
    return dry_step(config, llama(config, torch.float32), batch_of(config), torch.float32, checkpointing)


def test_the_parts_are_what_they_are_called() -> None:
    targets = _BATCH * (_LENGTH - 1)
    lora = step(method="lora")
    assert lora.logits == 3 * 4 * targets * 500
    assert lora.gradients == 0
    assert step(checkpointing=True, method="lora").activations < lora.activations / 2
    weights = 4 * sum(
        weight.numel() for weight in llama(configured(), torch.float32).get_base_model().parameters()
    )
    accumulated = step(method="full", training={"gradient_accumulation_steps": 2})
    adapters = 4 * 3 * 8 * (2 * 128 + 2 * 96 + 3 * 224)
    assert accumulated.gradients == weights - adapters
    assert step(method="full", training={"optim": "lomo"}).gradients == 0
