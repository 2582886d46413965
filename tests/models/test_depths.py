"""Mixture of depths: which tokens pass through a layer, what they see there, and what becomes of the others."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    BertConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    MixtralConfig,
    Qwen2Config,
    Qwen3Config,
)

from llmtune_kernel.config import UserError
from llmtune_kernel.depths import Choice, choice_losses, loading_class, noted, routers
from llmtune_kernel.models.attention import PACKED, pack, register_packed_attention
from llmtune_kernel.models.depths import convert

SIZES = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "eos_token_id": 1,
    "bos_token_id": 1,
    "pad_token_id": 0,
}
WINDOWS = {
    "use_sliding_window": True,
    "sliding_window": 8,
    "layer_types": ["full_attention", "sliding_attention", "full_attention", "sliding_attention"],
}
ARCHITECTURES: dict[str, Any] = {
    "llama": LlamaConfig(**SIZES),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3-windows": Qwen3Config(**SIZES, **WINDOWS),
    "mistral-window": MistralConfig(**SIZES, sliding_window=8),
    "mixtral-experts": MixtralConfig(**SIZES, num_local_experts=4),
    "gemma": GemmaConfig(**SIZES),
    "gemma2": Gemma2Config(**SIZES, sliding_window=8),
    "gemma3-windows": Gemma3TextConfig(**SIZES, sliding_window=8),
}
SHARE = 0.25
LENGTHS = (23, 17, 3)
DOCUMENTS = [
    torch.randint(5, 300, (length,), generator=torch.Generator().manual_seed(length)) for length in LENGTHS
]


def made(name: str) -> Any:
    """A model with routers that are not of one mind."""
    register_packed_attention()
    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_config(copy.deepcopy(ARCHITECTURES[name])).eval()
    convert(model, SHARE)
    for router in routers(model):
        router.weight.data.normal_(0, 0.3)
    return model


def packed(model: Any) -> torch.Tensor:
    logits: torch.Tensor = model(**pack(DOCUMENTS), use_cache=False).logits[0]
    return logits


@torch.no_grad()
@pytest.mark.parametrize("training", [True, False], ids=["training", "answering"])
@pytest.mark.parametrize("attention", [PACKED, "sdpa", "eager"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_packed_and_separate_documents_give_equal_logits(name: str, attention: str, training: bool) -> None:
    if name == "gemma2" and attention == PACKED:
        pytest.skip("its attention has a cap, and is never packed by ours")
    model = made(name)
    model.set_attn_implementation(attention)
    model.train(training)
    together = packed(model)
    apart = torch.cat([model(input_ids=ids[None]).logits[0] for ids in DOCUMENTS])
    assert torch.allclose(together, apart, atol=1e-5)


@torch.no_grad()
def test_padded_rows_answer_as_each_does_alone() -> None:
    model = made("llama")
    rows = torch.nn.utils.rnn.pad_sequence(DOCUMENTS, batch_first=True)
    mask = torch.arange(rows.shape[1]) < torch.tensor(LENGTHS)[:, None]
    padded = model(input_ids=rows, attention_mask=mask.long()).logits
    for row, ids in zip(padded, DOCUMENTS, strict=True):
        assert torch.allclose(row[: len(ids)], model(input_ids=ids[None]).logits[0], atol=1e-5)


def seen_by_routers(model: Any) -> list[Choice]:
    with noted(model) as seen:
        packed(model)
    return seen


@torch.no_grad()
def test_of_each_document_its_share_of_tokens_passes_that_with_the_highest_scores() -> None:
    seen = seen_by_routers(made("llama").train())
    assert len(seen) == 2  # of four layers every other one
    for router, states, places in seen:
        starts = torch.tensor([0, *LENGTHS]).cumsum(0)
        documents = torch.bucketize(places, starts, right=True) - 1
        assert torch.bincount(documents).tolist() == [5, 4, 1]
        for number, (start, length) in enumerate(zip(starts, LENGTHS, strict=False)):
            scores = router.scores(states)[start : start + length]
            chosen = torch.zeros(length, dtype=torch.bool)
            chosen[places[documents == number] - start] = True
            assert scores[chosen].min() > scores[~chosen].max()


@torch.no_grad()
def test_what_passes_is_added_by_its_weight_and_sees_only_what_passes_the_rest_stays_as_it_is() -> None:
    """Against the layer as transformers has it, given the chosen tokens of one document, at their positions."""
    model = made("llama").train()
    plain: Any = AutoModelForCausalLM.from_config(ARCHITECTURES["llama"])
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if "depth_router" not in k})
    ids, layer = DOCUMENTS[0], 1
    calls: list[tuple[torch.Tensor, torch.Tensor]] = []
    model.model.layers[layer].register_forward_hook(lambda _layer, given, out: calls.append((given[0], out)))
    with noted(model) as seen:
        model(input_ids=ids[None])
    [(before, after)] = calls
    places = seen[0].places
    rotary = plain.model.rotary_emb(before, places[None])
    found = plain.model.layers[layer](before[:, places], position_embeddings=rotary)
    weights = seen[0].router.scores(before)[places].sigmoid()[:, None]
    expected = before.clone()
    expected[:, places] += weights * (found - before[:, places])
    assert torch.allclose(after, expected, atol=1e-6)
    others = [number for number in range(len(ids)) if number not in places]
    assert torch.equal(after[:, others], before[:, others])


@torch.no_grad()
@pytest.mark.parametrize("name", ["llama", "qwen3-windows", "gemma3-windows"])
def test_answers_do_not_depend_on_what_comes_later(name: str) -> None:
    model, ids = made(name), DOCUMENTS[0]
    whole = model(input_ids=ids[None]).logits[0]
    part = model(input_ids=ids[None, :9]).logits[0]
    assert torch.allclose(whole[:9], part, atol=1e-5)


def test_routers_learn_from_the_loss_of_the_model_and_from_their_own_which_changes_nothing_else() -> None:
    model = made("llama").train()
    with noted(model) as seen:
        logits = packed(model)
    ids = torch.cat(DOCUMENTS)
    cross_entropy(logits[:-1], ids[1:]).backward()
    assert all(router.weight.grad.abs().max() > 0 for router in routers(model))  # type: ignore[union-attr]
    model.zero_grad()
    choice_losses(seen).mean().backward()
    touched = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert touched == {name for name, _ in model.named_parameters() if "depth_router" in name}


def test_the_own_loss_makes_scores_alone_tell_which_tokens_are_chosen() -> None:
    model = made("llama").train()
    optimizer = torch.optim.Adam(
        [weight for router in routers(model) for weight in router.parameters()], 0.03
    )
    for _step in range(150):
        with torch.no_grad():
            seen = seen_by_routers(model)
        loss = choice_losses(seen).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        [training, *_], [answering, *_] = seen_by_routers(model), seen_by_routers(model.eval())
    assert float(loss.detach()) < 0.3  # by chance, 0.54
    agreed = set(training.places.tolist()) ^ set(answering.places.tolist())
    assert len(agreed) <= 0.1 * sum(LENGTHS)


def gradients(model: Any) -> list[torch.Tensor]:
    with noted(model) as seen:
        logits = packed(model)
    (logits.logsumexp(-1).mean() + choice_losses(seen).mean()).backward()
    found = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    return found


def test_activations_that_are_computed_anew_give_the_same_gradients() -> None:
    model = made("llama").train()
    kept = gradients(model)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    assert all(map(torch.equal, kept, gradients(model)))


@torch.no_grad()
@pytest.mark.parametrize("name", ["llama", "gemma3-windows"])
def test_a_saved_model_loads_with_its_routers_and_answers_without_a_cache(name: str, tmp_path: Path) -> None:
    model, ids = made(name), DOCUMENTS[1][None]
    model.save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path)
    kind = loading_class(AutoModelForCausalLM, config)
    loaded = kind.from_pretrained(tmp_path).eval()
    assert config.architectures == [type(model).__name__] == [type(loaded).__name__]
    assert torch.allclose(loaded(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-6)
    given = loaded.generate(ids, max_new_tokens=6, do_sample=False)
    for _token in range(given.shape[1] - ids.shape[1]):
        ids = torch.cat([ids, model(input_ids=ids).logits[:, -1:].argmax(-1)], dim=1)
    assert torch.equal(given, ids)
    with pytest.raises(ValueError, match="no cache"):
        loaded(input_ids=ids, use_cache=True)


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config(vocab_size=300, n_embd=64, n_layer=4, n_head=4, bos_token_id=1, eos_token_id=1),
        BertConfig(**SIZES, is_decoder=True),
        LlamaConfig(**{**SIZES, "num_hidden_layers": 1}),
    ],
    ids=["gpt2", "bert", "one-layer"],
)
def test_layers_that_tokens_cannot_pass_by_are_refused(config: Any) -> None:
    with pytest.raises(UserError, match="Tokens cannot pass the layers") as error:
        convert(AutoModelForCausalLM.from_config(config).eval(), SHARE)
    assert [change.path for change in error.value.changes] == [("model", "mixture_of_depths")]
