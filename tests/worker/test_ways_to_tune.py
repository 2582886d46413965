"""Each way to tune changes exactly the weights that it says, and what it saves is what was trained."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import logsigmoid
from transformers import AutoModelForCausalLM, AutoTokenizer
from ways import LORA, METHODS, PAIRS, TRAINED, base_weights, last_loss, loss_of, other_kind

from llmtune_kernel.config import ModelConfig, UserError, config_from_dict
from llmtune_kernel.config.peft_types import PEFT_TYPES
from llmtune_kernel.models.attention import register_packed_attention
from llmtune_kernel.models.quantization import keep_layout
from llmtune_kernel.models.rope import most_positions, stretched
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.runs.events import Metrics
from llmtune_kernel.worker.sample import Loader, sample


@pytest.mark.parametrize("method", [method for method in METHODS if method != "loftq"])
def test_a_method_changes_exactly_what_it_says_and_saves_what_it_trained(
    tune: Any, small_model: str, method: str
) -> None:
    told, run = tune("sft", method=METHODS[method])
    losses = [payload.loss for payload in told if isinstance(payload, Metrics)]
    assert all(loss is not None and math.isfinite(loss) for loss in losses)
    assert losses[1] != losses[0]
    register_packed_attention()
    tuned, _ = run.load()
    assert loss_of(tuned, "sft") == pytest.approx(last_loss(told), abs=1e-5)
    before, after = base_weights(small_model), dict(tuned.named_parameters())
    if METHODS[method]["type"] in ("lora", "adalora"):
        same = {name.removeprefix("base_model.model."): weight for name, weight in after.items()}
        frozen = {
            name.replace(".base_layer", "").replace(".original_module", ""): w for name, w in same.items()
        }
        assert all(torch.equal(frozen[name], weight) for name, weight in before.items())
        assert not list(run.paths.path.glob("adapter-start*"))
        return
    changed = {name for name, weight in before.items() if not torch.equal(weight, after[name])}
    assert changed == {name for name in before if name.startswith(tuple(TRAINED[method]))}


@pytest.mark.parametrize("method", ["lora", "full", "last-layer"])
def test_pure_bfloat16_trains_and_saves_weights_of_two_bytes(tune: Any, method: str) -> None:
    pure = {"dtype": "bfloat16", "pure_bf16": True}
    told, run = tune("sft", model=pure, method=METHODS[method])
    losses = [payload.loss for payload in told if isinstance(payload, Metrics)]
    assert losses[1] != losses[0]
    saved = load_file(next(run.paths.path.glob("*/*.safetensors")))
    assert {weight.dtype for weight in saved.values()} == {torch.bfloat16}
    register_packed_attention()
    tuned, _ = run.load()
    assert loss_of(tuned.float(), "sft") == pytest.approx(last_loss(told), rel=0.01)


def test_new_blocks_are_all_that_is_trained_and_can_be_trained_on(
    tune: Any, small_model: str, tmp_path: Path
) -> None:
    without, _ = tune("sft", method=METHODS["last-layer"])
    told, run = tune("sft", method={"type": "freeze", "trainable_layers": 2, "block_expansion": "new"})
    first = [next(one.loss for one in events if isinstance(one, Metrics)) for events in (without, told)]
    assert first[1] == pytest.approx(first[0], abs=1e-6)  # it begins as the model was
    register_packed_attention()
    plain: Any = AutoModelForCausalLM.from_pretrained(small_model, dtype=torch.float32)
    tuned, _ = run.load()
    assert loss_of(tuned, "sft") == pytest.approx(last_loss(told), abs=1e-5)
    place = {"model.layers.0.": "model.layers.0.", "model.layers.1.": "model.layers.2."}
    before, after = dict(plain.named_parameters()), dict(tuned.named_parameters())
    moved = {
        next((name.replace(old, new) for old, new in place.items() if name.startswith(old)), name): weight
        for name, weight in before.items()
    }
    assert all(torch.equal(after[name], weight) for name, weight in moved.items())
    blocks = ("model.layers.1.", "model.layers.3.")
    assert all(name.startswith(blocks) for name in after.keys() - moved.keys())

    shutil.move(run.paths.model, tmp_path / "expanded")
    expanded = base_weights(str(tmp_path / "expanded"))
    model = {"name_or_path": str(tmp_path / "expanded")}
    method = {"type": "freeze", "trainable_layers": 2, "block_expansion": "existing"}
    _, run = tune("sft", model=model, method=method)
    after = dict(run.load()[0].named_parameters())
    changed = {name for name, weight in after.items() if not torch.equal(weight, expanded[name])}
    assert changed == {name for name in after if name.startswith(blocks)}
    _, run = tune("sft", model={**model, "quantization": "nf4"}, method={**LORA, "expanded_blocks": 2})
    saved = load_file(run.paths.adapter / "adapter_model.safetensors")
    assert len(saved) == 2 * 2 * 7
    assert all(f"base_model.model.{blocks[0]}" in name or blocks[1] in name for name in saved)


@pytest.fixture
def tied_model(small_model: str, tmp_path: Path) -> str:
    """The small model with one matrix for the embeddings and the output layer."""
    model: Any = AutoModelForCausalLM.from_pretrained(small_model)
    model.config.tie_word_embeddings = True
    model.lm_head.weight = model.model.embed_tokens.weight
    folder = tmp_path / "tied"
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(small_model).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize(
    ("method", "quantization"),
    [
        ("lora", "none"),
        ("dora", "none"),
        ("pissa", "none"),
        ("lora", "nf4"),
        ("first-mlp", "none"),
        ("full", "none"),
    ],
)
def test_new_tokens_get_rows_that_are_trained_and_saved(
    tune: Any, small_model: str, tied_model: str, method: str, quantization: str, tied: bool
) -> None:
    base = tied_model if tied else small_model
    model = {"name_or_path": base, "add_tokens": [" plus ", "<sum>"], "quantization": quantization}
    told, run = tune("sft", method=METHODS[method], model=model)
    tuned, tokenizer = run.load()
    keep_layout(tuned)
    assert loss_of(tuned, "sft", tokenizer) == pytest.approx(last_loss(told), abs=1e-4)
    plain = AutoTokenizer.from_pretrained(base)
    before = base_weights(base)["model.embed_tokens.weight"]
    assert tokenizer("1 plus <sum>").input_ids[1:] == [len(before), len(before) + 1]
    rows = rows_of(tuned)
    mean = before[plain(" plus ").input_ids].mean(0)
    assert not torch.allclose(rows[len(before)], mean, atol=1e-3)
    if METHODS[method]["type"] == "lora":
        assert torch.equal(rows[: len(before)], before)
        saved = load_file(run.paths.adapter / "adapter_model.safetensors")
        assert sum(w.numel() for name, w in saved.items() if "embed_tokens" in name) == 2 * before.shape[1]


def test_a_run_with_new_tokens_gives_samples(tune: Any) -> None:
    _, run = tune("sft", method=LORA, model={"add_tokens": ["<sum>"]})
    said: list[dict[str, Any]] = []
    sources = [{"column": "run", "directory": str(run.paths.path)}]
    job = {"sources": sources, "prompts": ["1 <sum> 2"], "settings": {"max_new_tokens": 2}, "stream": False}
    sample(job, said.append, Loader(), lambda: None)
    [answers] = said
    assert 1 <= answers["answers"][0]["tokens"] <= 2


def test_a_token_that_is_there_already_is_named(tune: Any) -> None:
    with pytest.raises(UserError, match="has the token '<\\|im_end\\|>' already") as error:
        tune("sft", model={"add_tokens": ["<|im_end|>", "<a>"]})
    assert [change.value for change in error.value.changes] == [["<a>"]]


@pytest.mark.parametrize("name", ["lm_head", "embed_tokens"])
def test_new_tokens_of_one_matrix_are_trained_on_both_sides(tune: Any, tied_model: str, name: str) -> None:
    model = {"name_or_path": tied_model, "add_tokens": ["<a>"]}
    with pytest.raises(UserError, match=r"one matrix for model\.embed_tokens = lm_head"):
        tune("sft", method={**LORA, "target_modules": ["q_proj"], "modules_to_save": [name]}, model=model)


def rows_of(model: Any) -> torch.Tensor:
    """What the model reads for each token."""
    layer = model.get_input_embeddings()
    with torch.no_grad():
        every: torch.Tensor = layer(torch.arange(model.config.vocab_size))
    return every


@pytest.mark.parametrize("name", PEFT_TYPES)
def test_another_kind_of_adapter_trains_and_loads_as_it_was_trained(
    tune: Any, small_model: str, name: str
) -> None:
    told, run = tune("sft", method=other_kind(name))
    losses = [payload.loss for payload in told if isinstance(payload, Metrics)]
    assert all(loss is not None and math.isfinite(loss) for loss in losses)
    tuned, _ = run.load()
    keep_layout(tuned)
    after = loss_of(tuned, "sft")
    assert after == pytest.approx(last_loss(told), abs=1e-5)
    base = AutoModelForCausalLM.from_pretrained(small_model, dtype=torch.float32)
    before = loss_of(base, "sft")
    assert after != before
    with tuned.disable_adapter():
        assert loss_of(tuned, "sft") == pytest.approx(before, abs=1e-6)


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("scaling", ["linear", "dynamic", "yarn", "llama3"])
def test_a_model_with_scaled_positions_is_loaded_with_them(tune: Any, scaling: str, method: str) -> None:
    # Rows of about 20 tokens, and a model made for 512: a factor is told here, and found in the next test.
    model = {"rope_scaling": scaling, "rope_factor": 4.0}
    told, run = tune("sft", method=METHODS[method], model=model)
    tuned, _ = run.load()
    assert tuned.config.rope_parameters["rope_type"] == scaling
    assert most_positions(tuned.config) == 4 * 512
    assert loss_of(tuned, "sft") == pytest.approx(last_loss(told), abs=1e-5)


@pytest.mark.parametrize(("max_length", "factor"), [(513, 2.0), (2000, 4.0)])
def test_positions_are_scaled_to_the_longest_text(small_model: str, max_length: int, factor: float) -> None:
    config, source = ModelConfig(rope_scaling="yarn"), ModelSource(small_model, None)
    found = stretched(config, source, max_length)
    assert found["rope_parameters"]["factor"] == factor
    assert found["max_position_embeddings"] == 512 * factor
    with pytest.raises(UserError, match=r"made for 512 tokens and data\.max_length is 512: nothing is to be"):
        stretched(config, source, 512)


@pytest.mark.parametrize(
    ("method", "quantization"),
    [
        ("lora", "none"),
        ("lora", "nf4"),
        ("lora", "int8"),
        ("pissa", "none"),
        ("olora", "none"),
        ("last-layer", "none"),
        ("norm-and-embeddings", "none"),
        ("full", "none"),
    ],
)
def test_a_reward_model_that_is_saved_scores_as_it_was_trained(
    tune: Any, small_model: str, method: str, quantization: str
) -> None:
    told, run = tune("reward", method=METHODS[method], model={"quantization": quantization})
    scorer, tokenizer = run.load()
    keep_layout(scorer)
    chats = [
        [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row[side]}]
        for side in ("chosen", "rejected")
        for row in PAIRS
    ]
    inputs = tokenizer.apply_chat_template(chats, padding=True, return_tensors="pt", return_dict=True)
    with torch.no_grad():
        scores = scorer(**inputs).logits[:, 0]
    chosen, rejected = scores.chunk(2)
    tolerance = 1e-5 if quantization == "none" else 1e-3
    assert -logsigmoid(chosen - rejected).mean().item() == pytest.approx(last_loss(told), abs=tolerance)
    if METHODS[method]["type"] != "lora":
        before, after = base_weights(small_model), dict(scorer.named_parameters())
        layers = {name: weight for name, weight in before.items() if name in after}
        changed = {name for name, weight in layers.items() if not torch.equal(weight, after[name])}
        assert changed == {name for name in layers if name.startswith(tuple(TRAINED[method]))}


@pytest.mark.parametrize(
    ("settings", "method", "quantization"),
    [
        ({"loss": "asft"}, "lora", "nf4"),
        ({"loss": "asft"}, "pissa", "none"),
        ({"loss": "asft"}, "last-layer", "none"),
        ({"loss": "eaft"}, "dora", "none"),
        ({"loss": "dft"}, "first-mlp", "none"),
        ({"label_smoothing": 0.1, "neftune_noise_alpha": 5.0}, "lora", "int8"),
    ],
)
def test_losses_of_sft_go_with_methods_and_quantization(
    tune: Any, settings: dict[str, Any], method: str, quantization: str
) -> None:
    told, _ = tune("sft", objective=settings, method=METHODS[method], model={"quantization": quantization})
    assert math.isfinite(last_loss(told))
    first, second = (payload.measures for payload in told if isinstance(payload, Metrics))
    assert first["nll"] != second["nll"]
    assert first.get("kl", 0) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model": {"rope_factor": 2.0}}, "there is no rope_scaling"),
        (
            {"model": {"quantization": "nf4"}, "training": {"fp8": True}},
            "fp8 multiplies weights that are not quantized; leave one of the two out",
        ),
        ({"method": other_kind("HRA"), "training": {"fp8": True}}, "HRA multiplies weights itself"),
        (
            {"model": {"adapters": ["a"], "quantization": "nf4"}},
            "adapters are merged into weights that are not quantized",
        ),
        (
            {"method": {**LORA, "adapter": "a", "use_dora": True}},
            "r is that of the adapter which is trained on; leave r, use_dora out",
        ),
        (
            {
                "method": {"type": "lora", "adapter": "a"},
                "objective": {"type": "dpo", "reference": "adapter"},
            },
            "reference: adapter needs adapters without which",
        ),
        ({"model": {"add_tokens": ["<a>", "<a>"]}}, "'<a>' is there twice"),
        (
            {"model": {"add_tokens": ["<a>"]}, "method": other_kind("LoHa")},
            "LOHA does not train the new tokens",
        ),
        ({"model": {"quantization": "nf4"}, "method": "full"}, "full would train quantized weights"),
        ({"model": {"quantization": "int8"}, "method": "freeze"}, "freeze would train quantized weights"),
        (
            {"model": {"quantization": "int8"}, "method": METHODS["dora"]},
            "use_dora does not go with weights of int8",
        ),
        (
            {"model": {"quantization": "nf4"}, "method": METHODS["pissa"]},
            "init_lora_weights: pissa needs weights that are not quantized",
        ),
        (
            {"method": METHODS["olora"], "objective": {"type": "dpo", "reference": "adapter"}},
            "reference: adapter needs adapters without which the model is that of before training",
        ),
        ({"method": {**LORA, "r": 3, "init_lora_weights": "orthogonal"}}, "orthogonal needs an even rank"),
        ({"method": {**LORA, "eva_rho": 1.0}}, "only init_lora_weights: eva uses it"),
        ({"method": {"type": "freeze", "trainable_layers": 0}}, "nothing would be trained"),
        ({"method": {**METHODS["pissa"], "use_dora": True}}, "pissa does not go together with use_dora"),
        (
            {"method": {**METHODS["loftq"], "use_dora": True}, "model": {"quantization": "nf4"}},
            "loftq does not go together with use_dora",
        ),
        (
            {
                "method": METHODS["loftq"],
                "model": {"quantization": "nf4"},
                "objective": {"type": "dpo", "reference": "adapter"},
            },
            "reference: adapter needs adapters without which the model is that of before training",
        ),
        ({"method": other_kind("AdaLoRA")}, "AdaLoRA is a method of its own; write method: adalora"),
        ({"method": {"type": "adalora", "init_r": 8}}, "it is not below init_r, which is 8"),
        (
            {"method": "adalora", "model": {"add_tokens": ["<a>"]}},
            "ADALORA does not train the new tokens",
        ),
        ({"method": other_kind("lora")}, "LoRA is a method of its own; write method: lora"),
        ({"method": {**other_kind("LOHA"), "depth": 2}}, "LOHA has no setting 'depth'"),
        ({"method": {**other_kind("LOHA"), "init_weights": "bat"}}, "init_weights cannot be 'bat'"),
        (
            {"method": {**other_kind("ln-tuning"), "target_modules": ["norm"]}},
            "LN_TUNING chooses its layers by itself",
        ),
        (
            {"method": other_kind("LoHa"), "model": {"quantization": "nf4"}},
            "LOHA does not go with weights of nf4",
        ),
        (
            {"method": other_kind("P-Tuning"), "objective": "reward"},
            "P_TUNING does not train a reward model",
        ),
        (
            {"method": other_kind("prefix_tuning"), "training": {"gradient_checkpointing": True}},
            "PREFIX_TUNING does not go together with gradient_checkpointing",
        ),
    ],
)
def test_what_does_not_go_together_is_said(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        config_from_dict({"data": "unused", **values})


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ({"type": "freeze", "trainable_layers": 3}, "This model has 2 layers"),
        (
            {"type": "freeze", "trainable_layers": 3, "block_expansion": "new"},
            "The 2 layers of this model do not make 3 groups",
        ),
        ({**LORA, "expanded_blocks": 3}, "The 2 layers of this model do not make 3 groups"),
        ({"type": "freeze", "trainable_modules": ["attention"]}, "No module there is named 'attention'"),
        ({"type": "freeze", "extra_modules": ["q_proj"]}, "No module there is named 'q_proj'"),
        ({**LORA, "modules_to_save": ["wte"]}, "No layer of this model is named 'wte'"),
        (
            {"type": "peft", "peft_type": "PROMPT_TUNING", "num_virtual_tokens": 0},
            "PROMPT_TUNING cannot be made: it would train no weights",
        ),
    ],
)
def test_a_module_that_is_not_there_is_named(tune: Any, method: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        tune("sft", method=method)
