"""Shifted sparse attention is what its rule says, keeps order and sequences apart, and is only for training."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    BloomForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GptOssConfig,
    GptOssForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.models.attention import pack, packed_attention, packing_works
from llmtune_kernel.models.shifted import group_size, grouped_attention, shift

GROUP = 4
SMALL: dict[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
MODELS: dict[str, Any] = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SMALL)),
    "window": lambda: MistralForCausalLM(MistralConfig(**SMALL, sliding_window=3)),
    "gemma3": lambda: Gemma3ForCausalLM(Gemma3TextConfig(**SMALL, head_dim=8, sliding_window=6)),
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(
            vocab_size=100, n_embd=32, n_layer=2, n_head=4, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0
        )
    ),
}


def allowed(lengths: list[int], heads: int, group: int) -> torch.Tensor:
    """Which tokens each head of each token sees, (heads, tokens, tokens): the rule, token by token."""
    total = sum(lengths)
    seen = torch.zeros(heads, total, total, dtype=torch.bool)
    first = 0
    for length in lengths:
        for head in range(heads):
            later = group // 2 if head >= heads // 2 else 0
            for token in range(length):
                for other in range(token + 1):
                    near = (token - later) // group == (other - later) // group
                    seen[head, first + token, first + other] = near or length <= group
        first += length
    return seen


def plain(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Attention as its formula is written."""
    each = q.shape[1] // k.shape[1]
    k, v = (part.repeat_interleave(each, 1) for part in (k, v))
    scores = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).masked_fill(~mask, -torch.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2)


def random_parts(tokens: int, heads: int, shared: int) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(1, count, tokens, 8, requires_grad=True) for count in (heads, shared, shared)]


@pytest.mark.parametrize(("heads", "shared"), [(4, 4), (4, 2), (9, 3), (2, 1)])
@pytest.mark.parametrize(
    "lengths", [[16], [17], [5], [19, 3, 4, 11, 1]], ids=lambda lengths: "-".join(map(str, lengths))
)
def test_it_equals_plain_attention_under_a_mask_of_what_each_head_sees(
    lengths: list[int], heads: int, shared: int
) -> None:
    bounds = torch.tensor([0, *lengths]).cumsum(0)
    ours, theirs = random_parts(sum(lengths), heads, shared), random_parts(sum(lengths), heads, shared)
    found, _ = grouped_attention(torch.nn.Module(), *ours, None, cu_seq_lens_q=bounds, group=GROUP)
    expected = plain(*theirs, allowed(lengths, heads, GROUP))
    torch.testing.assert_close(found, expected)
    for one in (found, expected):
        one.square().sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_sequences_of_at_most_a_group_are_as_in_full_attention_bit_for_bit() -> None:
    parts = random_parts(4 + 3 + 9 + 4, heads=4, shared=2)
    short, mixed = torch.tensor([0, 4, 7]), torch.tensor([0, 4, 7, 16, 20])
    cut = [part[:, :, :7] for part in parts]
    full, _ = packed_attention(torch.nn.Module(), *cut, None, cu_seq_lens_q=short)
    ours, _ = grouped_attention(torch.nn.Module(), *cut, None, cu_seq_lens_q=short, group=GROUP)
    assert torch.equal(ours, full)
    full, _ = packed_attention(torch.nn.Module(), *parts, None, cu_seq_lens_q=mixed)
    ours, _ = grouped_attention(torch.nn.Module(), *parts, None, cu_seq_lens_q=mixed, group=GROUP)
    assert torch.equal(ours[:, :7], full[:, :7])
    assert torch.equal(ours[:, 16:], full[:, 16:])
    assert not torch.allclose(ours[:, 7:16], full[:, 7:16])


def in_training(name: str) -> Any:
    torch.manual_seed(0)
    model = MODELS[name]()
    shift(model, GROUP)
    return model.train()


def alone(model: Any, ids: list[int]) -> torch.Tensor:
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_no_token_depends_on_a_later_one_or_on_another_sequence(name: str) -> None:
    model = in_training(name)
    first, second = list(range(1, 15)), list(range(20, 31))
    packed = model(**pack([first, second]), use_cache=False).logits[0]
    torch.testing.assert_close(packed, torch.cat([alone(model, first), alone(model, second)]))
    for changed in range(len(first)):
        other = [*first]
        other[changed] = 50
        now = model(**pack([other, second]), use_cache=False).logits[0]
        torch.testing.assert_close(now[:changed], packed[:changed])
        torch.testing.assert_close(now[len(first) :], packed[len(first) :])
        assert not torch.allclose(now[changed : len(first)], packed[changed : len(first)])


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_padded_rows_are_as_the_sequences_alone(name: str) -> None:
    model = in_training(name)
    sequences = [list(range(1, 20)), list(range(20, 27)), [40, 41]]
    ids, mask = torch.zeros(3, 19, dtype=torch.long), torch.zeros(3, 19, dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)], mask[row, : len(sequence)] = torch.tensor(sequence), 1
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    assert logits.isfinite().all()
    for row, sequence in enumerate(sequences):
        torch.testing.assert_close(logits[row, : len(sequence)], alone(model, sequence))


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_what_is_evaluated_has_full_attention(name: str) -> None:
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    ids = list(range(1, 15))
    full = alone(model, ids)
    shift(model, GROUP)
    torch.testing.assert_close(alone(model, ids), full)
    assert packing_works(model)
    settings = {"max_new_tokens": 6, "do_sample": False}
    generated = model.generate(torch.tensor([ids]), **settings)
    model.set_attn_implementation("sdpa")
    assert torch.equal(model.generate(torch.tensor([ids]), **settings), generated)
    model = in_training(name)
    assert not torch.allclose(alone(model, ids), full, atol=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        MambaForCausalLM(MambaConfig(vocab_size=100, hidden_size=32, num_hidden_layers=2, state_size=4)),
        BloomForCausalLM(BloomConfig(vocab_size=100, hidden_size=32, n_layer=2, n_head=4)),
        GptOssForCausalLM(
            GptOssConfig(**{**SMALL, "num_local_experts": 2, "num_experts_per_tok": 1, "head_dim": 8})
        ),
        LlamaForCausalLM(LlamaConfig(**{**SMALL, "num_attention_heads": 1, "num_key_value_heads": 1})),
    ],
    ids=["recurrent", "bias", "sinks", "one-head"],
)
def test_an_attention_that_cannot_be_in_groups_is_refused_and_stays_as_it_was(model: Any) -> None:
    before, ids = model.config._attn_implementation, list(range(1, 15))
    logits = alone(model.eval(), ids)
    with pytest.raises(UserError, match="cannot be shifted") as error:
        shift(model, GROUP)
    assert [change.path for change in error.value.changes] == [("model", "shift_attn")]
    assert model.config._attn_implementation == before
    assert torch.equal(alone(model, ids), logits)


def test_a_group_is_a_quarter_of_the_maximum_length() -> None:
    for length, group in ((4096, 1024), (1022, 255), (8, 2)):
        config = config_from_dict({"data": {"train": "x", "max_length": length}})
        assert group_size(config) == group


def test_what_is_saved_says_nothing_of_it(tmp_path: Any) -> None:
    model = in_training("llama")
    model.save_pretrained(tmp_path)
    assert "llmtune" not in (tmp_path / "config.json").read_text()
    assert AutoModelForCausalLM.from_pretrained(tmp_path).config._attn_implementation == "sdpa"
