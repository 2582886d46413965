"""Each way to tune changes exactly the weights that it says, and what it saves is what was trained."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import logsigmoid
from transformers import AutoModelForCausalLM, AutoTokenizer
from watching import in_process
from ways import LORA, METHODS, PAIRS, ROWS, TRAINED, last_loss, loss_of, other_kind, quantized

from llmtune_kernel.config import ModelConfig, UserError, config_from_dict
from llmtune_kernel.config.peft_types import PEFT_TYPES
from llmtune_kernel.config.quantizations import QUANTIZATIONS, QuantizationName
from llmtune_kernel.models.attention import register_packed_attention
from llmtune_kernel.models.quantization import keep_layout
from llmtune_kernel.models.rope import most_positions, stretched
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.runs.comparing import bases_of
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Metrics, Payload
from llmtune_kernel.runs.run import Run
from llmtune_kernel.worker.sample import Loader, sample


@pytest.fixture
def tune(tmp_path: Path, small_model: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two steps in this process; gives what was told and the run, in place of the one before."""
    monkeypatch.chdir(tmp_path)

    def run(objective: str, /, **sections: Any) -> tuple[list[Payload], Run]:
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[objective]))
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        model = {"name_or_path": small_model, "dtype": "float32", **sections.pop("model", {})}
        told = in_process(
            tmp_path / "run",
            model=model,
            data={"train": "rows.jsonl", "eval": "rows.jsonl"},
            objective={"type": objective, **sections.pop("objective", {})},
            training={"max_steps": 2, "learning_rate": 0.01, "lr_scheduler_type": "constant"},
            **sections,
        )
        return told, Run(RunDirectory(tmp_path / "run"))

    return run


def base_weights(folder: str) -> dict[str, torch.Tensor]:
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return dict(model.named_parameters())


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


@pytest.fixture
def earlier(tune: Any, tmp_path: Path) -> Any:
    """Trains an adapter and gives its folder, moved to a place of its own, and its last loss."""

    def train(name: str, **sections: Any) -> tuple[str, float]:
        told, run = tune("sft", **sections)
        shutil.move(run.paths.adapter, tmp_path / name)
        return name, last_loss(told)

    return train


@pytest.mark.parametrize("method", ["lora", "dora", "last-layer", "full"])
def test_adapters_are_merged_before_training_and_wherever_the_result_is_loaded(
    tune: Any, earlier: Any, small_model: str, tmp_path: Path, method: str
) -> None:
    first, _ = earlier("first", method=LORA)
    second, _ = earlier("second", method=other_kind("LOHA"), model={"adapters": [first]})
    told, run = tune("sft", method=METHODS[method], model={"adapters": [first, second]})
    shutil.rmtree(tmp_path / first)  # the run has what it needs
    tuned, _ = run.load()
    assert loss_of(tuned, "sft") == pytest.approx(last_loss(told), abs=1e-4)
    if METHODS[method]["type"] == "lora":
        before = base_weights(small_model)["model.layers.0.mlp.up_proj.weight"]
        merged = dict(tuned.named_parameters())[
            "base_model.model.model.layers.0.mlp.up_proj.base_layer.weight"
        ]
        assert not torch.equal(merged, before)
    said: list[dict[str, Any]] = []
    sources = [{"column": "run", "directory": str(run.paths.path)}]
    job = {"sources": sources, "prompts": ["1"], "settings": {"max_new_tokens": 2}, "stream": False}
    sample(job, said.append, Loader(), lambda: None)
    assert len(said) == 1
    # The base model that a run is compared with is the one that it was trained on.
    [base] = bases_of([run]).values()
    assert base.adapters == list(map(str, run.paths.earlier()))
    assert len(base.adapters) == 2
    job["sources"] = [{"column": "base", "model": base.model_dump(mode="json")}]
    sample(job, said.append, Loader(), lambda: None)
    assert len(said) == 2


@pytest.mark.parametrize("quantization", ["none", "nf4"])
@pytest.mark.parametrize("method", ["lora", "dora", "pissa", "eva", "lora-and-head"])
def test_an_adapter_is_trained_on_from_where_it_stood(
    tune: Any, earlier: Any, method: str, quantization: str
) -> None:
    model = {"quantization": quantization if method != "pissa" else "none"}
    first, before = earlier("first", method=METHODS[method], model=model)
    told, run = tune("dpo", method={"type": "lora", "adapter": first}, model=model)
    # What is compared with is the adapter as it was.
    [start, *_] = [payload for payload in told if isinstance(payload, Metrics)]
    assert start.loss == pytest.approx(math.log(2), abs=1e-3)
    told, run = tune("sft", method={"type": "lora", "adapter": first}, model=model)
    [start, *_] = [payload for payload in told if isinstance(payload, Metrics)]
    assert start.loss is not None
    assert start.loss < before + 0.5
    tuned, _ = run.load()
    keep_layout(tuned)
    assert loss_of(tuned, "sft") == pytest.approx(last_loss(told), abs=1e-4)


def test_a_run_goes_on_without_the_adapters_that_it_began_with(
    tune: Any, earlier: Any, small_model: str, tmp_path: Path
) -> None:
    first, _ = earlier("first", method=LORA)
    second, _ = earlier("second", method=LORA, model={"adapters": [first]})
    model, method = {"adapters": [first]}, {"type": "lora", "adapter": second}
    _, run = tune("sft", method=method, model=model)
    shutil.rmtree(tmp_path / first)
    shutil.rmtree(tmp_path / second)
    told = in_process(
        tmp_path / "further",
        checkpoint=run.paths.last_checkpoint(),
        model={"name_or_path": small_model, "dtype": "float32", **model},
        data={"train": "rows.jsonl", "eval": "rows.jsonl"},
        method=method,
        training={"max_steps": 3, "learning_rate": 0.01, "lr_scheduler_type": "constant"},
    )
    assert [payload.step for payload in told if isinstance(payload, Metrics)] == [3]
    tuned, _ = Run(RunDirectory(tmp_path / "further")).load()
    assert loss_of(tuned, "sft") == pytest.approx(last_loss(told), abs=1e-4)


@pytest.mark.parametrize("start", ["adapter", "loftq", "eva"])
def test_a_run_goes_on_against_the_model_that_it_began_with(
    tune: Any, earlier: Any, tmp_path: Path, small_model: str, start: str
) -> None:
    model = {"quantization": "nf4"}
    first, _ = earlier("first", method=LORA, model=model)
    method = {"type": "lora", "adapter": first} if start == "adapter" else METHODS[start]
    shared: dict[str, Any] = {
        "model": {"name_or_path": small_model, "dtype": "float32", **model},
        "data": {"train": "pairs.jsonl"},
        "objective": "dpo",
        "method": method,
        "training": {"max_steps": 3, "save_steps": 1, "learning_rate": 0.01},
    }
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    steps = [one.loss for one in in_process(tmp_path / "whole", **shared) if isinstance(one, Metrics)]
    assert steps[0] == pytest.approx(math.log(2), abs=1e-3)
    second = tmp_path / "whole" / "checkpoints" / "step-000002"
    shutil.rmtree(tmp_path / first)
    told = in_process(tmp_path / "again", checkpoint=second, **shared)
    assert [one.loss for one in told if isinstance(one, Metrics)] == pytest.approx(steps[2:], abs=1e-6)
    assert (tmp_path / "again" / "adapter-initial").is_dir()


def test_an_adapter_keeps_its_new_tokens_while_it_is_trained_on(tune: Any, earlier: Any) -> None:
    model = {"add_tokens": ["<a>"]}
    first, _ = earlier("first", method=LORA, model=model)
    told, run = tune("sft", method={"type": "lora", "adapter": first}, model=model)
    tuned, tokenizer = run.load()
    assert loss_of(tuned, "sft", tokenizer) == pytest.approx(last_loss(told), abs=1e-4)
    with pytest.raises(UserError, match="was trained with other new tokens"):
        tune("sft", method={"type": "lora", "adapter": first}, model={"add_tokens": ["<b>", "<c>"]})
    with pytest.raises(UserError, match="cannot be merged: it has new tokens"):
        tune("sft", method=LORA, model={"adapters": [first]})


def test_an_adapter_that_does_not_fit_is_told(tune: Any, earlier: Any, tmp_path: Path) -> None:
    first, _ = earlier("first", method=LORA)
    other, _ = earlier("other", method=other_kind("LOHA"))
    weights = tmp_path / first / "adapter_model.safetensors"
    save_file({name: weight[:, :2].contiguous() for name, weight in load_file(weights).items()}, weights)
    for method, said in [
        ({"type": "lora", "adapter": first}, "This adapter does not fit the model: "),
        ({"type": "lora", "adapter": other}, "This adapter is of the kind LOHA"),
        ({"type": "lora", "adapter": "nowhere"}, "There is no run and no folder named 'nowhere'"),
        ({"type": "lora", "adapter": "."}, "This folder holds no adapter: it has no adapter_config.json"),
    ]:
        with pytest.raises(UserError, match=said):
            tune("sft", method=method)
    with pytest.raises(UserError, match="This adapter cannot be merged: "):
        tune("sft", method=LORA, model={"adapters": [first]})


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


ON_QUANTIZED: tuple[QuantizationName, ...] = ("nf4", "hqq4", "torchao_int8")


@pytest.mark.parametrize(
    ("name", "quantization"),
    [quantized(way, name) for way in ON_QUANTIZED for name in QUANTIZATIONS[way].peft_types],
)
def test_some_other_kinds_of_adapters_learn_on_quantized_weights(
    tune: Any, name: str, quantization: str
) -> None:
    told, run = tune("sft", method=other_kind(name), model={"quantization": quantization})
    tuned, _ = run.load()
    keep_layout(tuned)
    assert loss_of(tuned, "sft") == pytest.approx(last_loss(told), abs=1e-4)


# Of which PEFT cannot be taken out again, or gives another precision than it is given.
@pytest.mark.parametrize(
    ("name", "quantization"),
    [
        quantized("nf4", "IA3"),
        quantized("nf4", "RANDLORA"),
        quantized("int8", "IA3"),
        quantized("hqq4", "VERA"),
        quantized("torchao_int8", "IA3"),
    ],
)
def test_other_kinds_of_adapters_on_quantized_weights_answer_as_often_as_asked(
    tune: Any, name: str, quantization: str
) -> None:
    model = {"quantization": quantization, "dtype": "bfloat16"}
    _told, run = tune("sft", method=other_kind(name), model=model)
    said: list[Any] = []
    sources = [{"column": "run", "directory": str(run.paths.path)}]
    job = {"sources": sources, "prompts": ["1"], "settings": {"max_new_tokens": 2}, "stream": False}
    loader = Loader()
    for _time in range(2):
        sample(job, said.append, loader, lambda: None)
    assert len(said) == 2
    tuned, tokenizer = run.load()
    with torch.no_grad():
        assert tuned(**tokenizer("1", return_tensors="pt")).logits.isfinite().all()


# What layers and weights become.
LAYERS = {"nf4": "Linear4bit", "fp4": "Linear4bit", "int8": "Linear8bitLt"}
LAYERS |= {"torchao_int8": "Int8Tensor", "torchao_float8": "Float8Tensor"}
TRIED = [name for name, way in QUANTIZATIONS.items() if not way.needs_gpu]


@pytest.mark.parametrize(
    ("method", "quantization"),
    [
        *(quantized(way, "lora") for way in TRIED),
        *(quantized(way, name) for name in ("dora", "loftq") for way in TRIED if QUANTIZATIONS[way].expands),
        *(quantized(way, "adalora") for way in TRIED if QUANTIZATIONS[way].moves_ranks),
        quantized("nf4", "lora-and-head"),
        quantized("hqq2", "lora-and-head"),
        quantized("torchao_int8", "lora-and-head"),
    ],
)
def test_quantized_weights_stay_and_adapters_on_them_learn(tune: Any, quantization: str, method: str) -> None:
    told, run = tune("sft", method=METHODS[method], model={"quantization": quantization})
    losses = [payload.loss for payload in told if isinstance(payload, Metrics)]
    assert losses[1] != losses[0]
    tuned, _ = run.load()
    keep_layout(tuned)
    assert loss_of(tuned, "sft") == pytest.approx(last_loss(told), abs=1e-4)
    layers = [part.base_layer for part in tuned.modules() if hasattr(part, "base_layer")]
    kinds = {type(one).__name__ for layer in layers for one in (layer, layer.weight)}
    assert LAYERS.get(quantization, "HQQLinear") in kinds
    assert len(layers) == (2 if method == "lora-and-head" else 2 * 7)


@pytest.mark.parametrize("quantization", [quantized("hqq4"), quantized("torchao_int8")])
def test_a_run_on_quantized_weights_answers_as_its_base_model_does(tune: Any, quantization: str) -> None:
    _told, run = tune("sft", method=LORA, model={"quantization": quantization})
    said: list[Any] = []
    sources = [{"column": "run", "directory": str(run.paths.path)}]
    sources += [
        {"column": "base", "model": base.model_dump(mode="json")} for base in bases_of([run]).values()
    ]
    job = {"sources": sources, "prompts": ["What is 1 plus 1?"], "settings": {}, "stream": False}
    sample(job, said.append, Loader(), lambda: None)
    assert {answer["column"] for answer in said} == {"run", "base"}


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


def test_a_reward_model_begins_with_what_an_adapter_learned(tune: Any, earlier: Any) -> None:
    first, _ = earlier("first", method=LORA)
    for method, adapters in (("full", [first]), ("lora", [first]), ("lora", [])):
        chosen = METHODS[method] if adapters else {"type": "lora", "adapter": first}
        told, run = tune("reward", method=chosen, model={"adapters": adapters})
        scorer, _tokenizer = run.load()
        assert math.isfinite(last_loss(told))
        assert scorer.config.num_labels == 1


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
