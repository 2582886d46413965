from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from llmtune_kernel.models.attention import PACKED, pack, packing_works, register_packed_attention

SEQUENCES = [[5, 17, 300, 42, 8], [9, 4], [77, 78, 79, 80, 81, 82, 83]]


@pytest.fixture
def tiny(tiny_model: str) -> Any:
    register_packed_attention()
    return AutoModelForCausalLM.from_pretrained(
        tiny_model, dtype=torch.float32, attn_implementation=PACKED
    ).eval()


def alone(model: Any, ids: list[int]) -> torch.Tensor:
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]


@torch.no_grad()
def test_packed_and_separate_sequences_give_equal_logits(tiny: Any) -> None:
    packed = tiny(**pack(SEQUENCES), use_cache=False).logits[0]
    torch.testing.assert_close(
        packed, torch.cat([alone(tiny, ids) for ids in SEQUENCES]), atol=1e-5, rtol=1e-5
    )


@torch.no_grad()
def test_packed_attention_equals_sdpa_and_eager(tiny: Any, tiny_model: str) -> None:
    ours = alone(tiny, SEQUENCES[2])
    for other in ("sdpa", "eager"):
        model = AutoModelForCausalLM.from_pretrained(
            tiny_model, dtype=torch.float32, attn_implementation=other
        )
        torch.testing.assert_close(ours, alone(model.eval(), SEQUENCES[2]), atol=1e-5, rtol=1e-5)


def test_gradients_of_packed_and_separate_sequences_are_equal(tiny: Any) -> None:
    weight = tiny.model.layers[0].self_attn.q_proj.weight
    tiny(**pack(SEQUENCES), use_cache=False).logits.square().sum().backward()
    packed = weight.grad.clone()
    tiny.zero_grad()
    torch.stack([alone(tiny, ids).square().sum() for ids in SEQUENCES]).sum().backward()
    torch.testing.assert_close(packed, weight.grad, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_sliding_window_is_kept_within_packed_sequences() -> None:
    register_packed_attention()
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=100,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=3,
    )
    model = MistralForCausalLM(config).eval()
    expected = torch.cat([alone(model, ids) for ids in ([1, 2, 3, 4, 5, 6], [7, 8, 9, 10])])
    model.set_attn_implementation(PACKED)
    packed = model(**pack([[1, 2, 3, 4, 5, 6], [7, 8, 9, 10]]), use_cache=False).logits[0]
    torch.testing.assert_close(packed, expected, atol=1e-5, rtol=1e-5)


def test_generation_with_packed_attention_equals_sdpa(tiny: Any, tiny_model: str) -> None:
    ids = torch.tensor([SEQUENCES[2]])
    settings = {
        "max_new_tokens": 8,
        "do_sample": False,
        "use_cache": True,
        "attention_mask": torch.ones_like(ids),
    }
    reference = AutoModelForCausalLM.from_pretrained(
        tiny_model, dtype=torch.float32, attn_implementation="sdpa"
    )
    assert tiny.generate(ids, **settings).tolist() == reference.generate(ids, **settings).tolist()


def test_the_check_accepts_attention_and_refuses_recurrent_layers(tiny: Any) -> None:
    assert packing_works(tiny)
    recurrent = MambaForCausalLM(
        MambaConfig(vocab_size=100, hidden_size=32, num_hidden_layers=2, state_size=4)
    )
    assert not packing_works(recurrent)


def test_the_check_leaves_the_mode_of_the_model_as_it_was() -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=100, n_embd=32, n_layer=1, n_head=2)).train()
    packing_works(model)
    assert model.training
