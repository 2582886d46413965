"""Block expansion: a model with new blocks answers as before, trains from there, and loads like any other."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BertConfig,
    CohereConfig,
    DeepseekV3Config,
    DiffLlamaConfig,
    Gemma2Config,
    GPT2Config,
    GptOssConfig,
    LlamaConfig,
    MambaConfig,
    Olmo2Config,
    Qwen3Config,
)

from llmtune_kernel.config import FreezeMethod, UserError
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.expansion import added_layers, expand
from llmtune_kernel.models.parts import layers_of

KEY = "method.trainable_layers"
SIZES = {
    "vocab_size": 300,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
# Latent attention; the first three layers have no experts.
LATENT = {
    **SIZES,
    "num_key_value_heads": 4,
    "moe_intermediate_size": 64,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 16,
    "head_dim": 8,
    "first_k_dense_replace": 3,
}
WINDOWS = {
    "use_sliding_window": True,
    "sliding_window": 8,
    "layer_types": ["full_attention", "sliding_attention", "sliding_attention", "full_attention"],
}
ARCHITECTURES: dict[str, Any] = {
    "llama": LlamaConfig(**SIZES),
    "llama-tied": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "qwen3-windows": Qwen3Config(**SIZES, **WINDOWS),
    "gemma2-norms-behind": Gemma2Config(**SIZES, sliding_window=8),
    "olmo2-norms-behind": Olmo2Config(**{**SIZES, "eos_token_id": 1, "pad_token_id": 0}),
    "cohere-side-by-side": CohereConfig(**{**SIZES, "eos_token_id": 1, "bos_token_id": 1, "pad_token_id": 0}),
    "gpt2": GPT2Config(vocab_size=300, n_embd=64, n_layer=4, n_head=4, bos_token_id=1, eos_token_id=1),
    "gpt-oss-experts": GptOssConfig(**SIZES, **EXPERTS, sliding_window=8),
    "deepseek-v3": DeepseekV3Config(**LATENT),
    "mamba": MambaConfig(vocab_size=300, hidden_size=64, num_hidden_layers=4, state_size=8),
}
IDS = torch.randint(5, 300, (1, 20), generator=torch.Generator().manual_seed(1))


def made(config: Any) -> Any:
    torch.manual_seed(0)
    model: Any = AutoModelForCausalLM.from_config(copy.deepcopy(config)).eval()
    for weight in model.parameters():  # norms and biases are as in a model that was trained
        weight.data += 0.05 * torch.randn_like(weight)
    return model


@torch.no_grad()
def answers(model: Any) -> torch.Tensor:
    logits: torch.Tensor = model(input_ids=IDS, use_cache=False).logits
    return logits


def continued(model: Any, use_cache: bool) -> list[int]:
    given = model.generate(IDS, max_new_tokens=8, do_sample=False, use_cache=use_cache, pad_token_id=0)
    return [int(number) for number in given[0, IDS.shape[1] :]]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_expanded_model_answers_as_before_and_loads_like_any_other(name: str, tmp_path: Path) -> None:
    model = made(ARCHITECTURES[name])
    before, old = answers(model), dict(model.named_parameters())
    expand(model, 2, KEY)
    assert len(layers_of(model)) == 6
    assert torch.equal(answers(model), before)
    assert {id(weight) for weight in old.values()} < {id(weight) for weight in model.parameters()}

    for weight in [weight for block in added_layers(model, 2, KEY) for weight in block.parameters()]:
        weight.data += 0.1 * torch.randn_like(weight)
    changed = answers(model)
    assert not torch.allclose(changed, before, atol=1e-3)
    model.save_pretrained(tmp_path)
    loaded: Any = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert torch.equal(answers(loaded), changed)
    assert continued(loaded, use_cache=True) == continued(loaded, use_cache=False) == continued(model, True)


def test_each_new_block_is_behind_its_group_and_a_copy_of_the_block_before_it() -> None:
    model = made(ARCHITECTURES["qwen3-windows"])
    old = list(layers_of(model))
    expand(model, 2, KEY)
    layers = list(layers_of(model))
    assert [layer in old for layer in layers] == [True, True, False, True, True, False]
    assert added_layers(model, 2, KEY) == [layers[2], layers[5]]
    closed = ("self_attn.o_proj.weight", "mlp.down_proj.weight")
    for place in (2, 5):
        before = dict(layers[place - 1].named_parameters())
        for part, weight in layers[place].named_parameters():
            assert torch.equal(weight, torch.zeros_like(weight) if part in closed else before[part])
    assert [layer.self_attn.layer_idx for layer in layers] == [*range(6)]
    kinds = ["full", "sliding", "sliding", "sliding", "full", "full"]
    assert model.config.layer_types == [f"{kind}_attention" for kind in kinds]


@pytest.mark.parametrize("name", ["llama", "gemma2-norms-behind", "olmo2-norms-behind", "gpt2"])
def test_training_starts_where_the_model_stood_and_reaches_all_of_the_new_blocks(name: str) -> None:
    model = made(ARCHITECTURES[name])
    before = answers(model)
    method = FreezeMethod(trainable_layers=2, block_expansion="new")
    model = prepare_for_training(model, method)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    start = [weight.detach().clone() for weight in trained]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0)
    for step in range(2):
        model(input_ids=IDS, labels=IDS, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        # A norm behind a projection that was zero would have made a whole block's output of the first step.
        if step == 0:
            assert 0 < float((answers(model) - before).abs().max()) < 0.05 * float(before.abs().max())
    assert not any(torch.equal(weight, old) for weight, old in zip(trained, start, strict=True))
    assert {id(weight) for weight in trained} == {
        id(weight) for block in added_layers(model, 2, KEY) for weight in block.parameters()
    }


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        # Norms behind the sums, which no block leaves as they are; scales by the place of a layer.
        (BertConfig(**SIZES, is_decoder=True), "no weights of a block can be zero"),
        (DiffLlamaConfig(**SIZES), "its configuration does not say of each layer what it is"),
    ],
    ids=["bert", "diffllama"],
)
def test_an_architecture_that_cannot_be_expanded_is_refused_with_the_reason(config: Any, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as error:
        expand(made(config), 2, KEY)
    assert [change.path for change in error.value.changes] == [("method", "block_expansion")]


def test_a_number_that_makes_no_groups_of_one_length_is_refused_with_those_that_do() -> None:
    model = made(ARCHITECTURES["llama"])
    with pytest.raises(UserError, match="The 4 layers of this model do not make 3 groups") as error:
        expand(model, 3, KEY)
    assert "1, 2, 4" in error.value.fix
    assert [change.value for change in error.value.changes] == [2]
    with pytest.raises(UserError, match="do not make 5 groups"):
        added_layers(model, 5, KEY)
