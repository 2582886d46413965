"""Checkpoints whose weights are quantized already are trained on, or it is said why not, before they are loaded."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_ways_to_tune import last_loss, loss_of
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GptOssConfig
from watching import in_process
from ways import LORA, METHODS, QUESTIONS, other_kind, quantized

from llmtune_kernel.config import ModelConfig, UserError, config_from_dict
from llmtune_kernel.config.quantizations import QuantizationName
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.catalogue import model_choices
from llmtune_kernel.models.loading import load_configuration, load_skeleton
from llmtune_kernel.models.memory import frozen_bytes
from llmtune_kernel.models.prequantized import check_prequantized
from llmtune_kernel.models.quantization import keep_layout, quantization_config
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.runs.comparing import bases_of
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Log, Metrics, Payload
from llmtune_kernel.runs.run import Run
from llmtune_kernel.worker.estimate import estimate
from llmtune_kernel.worker.sample import Loader, sample


def marked(folder: Path, settings: dict[str, Any]) -> str:
    """A folder whose config.json says that its weights are quantized."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": settings}))
    return str(folder)


@pytest.fixture
def copied(small_model: str, tmp_path: Path) -> Path:
    """A copy of the small model."""
    return Path(shutil.copytree(small_model, tmp_path / "copied"))


def saved_quantized(base: str, folder: Path, quantization: QuantizationName) -> str:
    """What `save_pretrained` writes of a model that was quantized while it was loaded."""
    settings = quantization_config(
        ModelConfig(quantization=quantization), torch.float32, AutoConfig.from_pretrained(base)
    )
    model: Any = AutoModelForCausalLM.from_pretrained(
        base, quantization_config=settings, dtype=torch.float32, device_map={"": "cpu"}
    )
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return str(folder)


def in_fp8(folder: Path) -> str:
    """The same weights in 8 bits, with a scale for 32 times 32 of them."""
    size, weights = 32, load_file(folder / "model.safetensors")
    for name in [name for name in weights if name.endswith("_proj.weight")]:
        rows, columns = weights[name].shape
        blocks = weights[name].reshape(rows // size, size, columns // size, size)
        scales = blocks.abs().amax((1, 3), keepdim=True) / torch.finfo(torch.float8_e4m3fn).max
        weights[name] = (blocks / scales).reshape(rows, columns).to(torch.float8_e4m3fn)
        weights[f"{name}_scale_inv"] = scales[:, 0, :, 0].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return marked(folder, {"quant_method": "fp8", "weight_block_size": [size, size]})


def in_mxfp4(base: str, folder: Path) -> str:
    """A tiny gpt-oss with experts of 4 bits, a scale for 32 of them."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(base)
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 16}
    experts = {"num_local_experts": 4, "num_experts_per_tok": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    config = GptOssConfig(vocab_size=len(tokenizer), **sizes, **experts, **heads)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    for name in [name for name in weights if name.endswith(("experts.gate_up_proj", "experts.down_proj"))]:
        count, inputs, outputs = weights.pop(name).shape
        weights[f"{name}_blocks"] = torch.randint(
            0, 256, (count, outputs, inputs // 32, 16), dtype=torch.uint8
        )
        weights[f"{name}_scales"] = torch.full((count, outputs, inputs // 32), 120, dtype=torch.uint8)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return marked(folder, {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]})


def tuned(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **sections: Any
) -> tuple[list[Payload], Run]:
    """Two steps on a model, in this process."""
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    told = in_process(
        tmp_path / "run",
        model={"name_or_path": folder, "dtype": "float32"},
        data={"train": "rows.jsonl", "eval": "rows.jsonl"},
        training={"max_steps": 2, "learning_rate": 0.01, "lr_scheduler_type": "constant"},
        **sections,
    )
    losses = [payload.loss for payload in told if isinstance(payload, Metrics)]
    assert losses[0] != losses[1]
    return told, Run(RunDirectory(tmp_path / "run"))


def answers(run: Run) -> int:
    """How many models answer: that of the run, and its base model."""
    said: list[Any] = []
    bases = [{"column": "base", "model": one.model_dump(mode="json")} for one in bases_of([run]).values()]
    sources = [{"column": "run", "directory": str(run.paths.path)}, *bases]
    settings = {"max_new_tokens": 2}
    job = {"sources": sources, "prompts": ["1"], "settings": settings, "stream": False}
    sample(job, said.append, Loader(), lambda: None)
    return len(said)


@pytest.mark.parametrize(
    ("method", "quantization"),
    [
        quantized("nf4", "lora"),
        quantized("nf4", "dora"),
        quantized("fp4", "lora-and-head"),
        quantized("int8", "lora"),
        quantized("torchao_int8", "lora"),
        quantized("torchao_float8", "lora"),
    ],
)
def test_adapters_are_trained_on_weights_that_are_quantized_on_the_disk(
    small_model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    quantization: QuantizationName,
) -> None:
    folder = saved_quantized(small_model, tmp_path / "quantized", quantization)
    told, run = tuned(folder, tmp_path, monkeypatch, method=METHODS[method])
    model, _tokenizer = run.load()
    keep_layout(model)
    assert loss_of(model, "sft") == pytest.approx(last_loss(told), abs=1e-4)
    assert model.get_base_model().is_quantized
    assert run.resolved()["base"]["quantization"] is None
    assert answers(run) == 2


@pytest.mark.parametrize("method", ["lora", "pissa", "last-layer", "full"])
def test_weights_of_fp8_are_expanded_and_trained_on_as_whole_ones(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    told, run = tuned(in_fp8(copied), tmp_path, monkeypatch, method=METHODS[method])
    assert "The weights are quantized (fp8) and are expanded to be trained on." in [
        payload.message for payload in told if isinstance(payload, Log)
    ]
    model, tokenizer = run.load()
    assert loss_of(model, "sft", tokenizer) == pytest.approx(last_loss(told), abs=1e-5)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert answers(run) == 2


def test_weights_of_mxfp4_are_expanded_and_trained_on_as_whole_ones(
    small_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = in_mxfp4(small_model, tmp_path / "gpt-oss")
    told, run = tuned(folder, tmp_path, monkeypatch, method=LORA)
    model, tokenizer = run.load()
    assert loss_of(model, "sft", tokenizer) == pytest.approx(last_loss(told), abs=1e-4)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}


def in_compressed_tensors(folder: Path) -> str:
    """The same weights in 8 bits, with a scale for each row, as llm-compressor writes them."""
    weights = load_file(folder / "model.safetensors")
    for name in [name for name in weights if name.endswith("_proj.weight")]:
        scales = weights[name].abs().amax(1, keepdim=True) / torch.finfo(torch.float8_e4m3fn).max
        weights[name] = (weights[name] / scales).to(torch.float8_e4m3fn)
        weights[f"{name}_scale"] = scales
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    of_weights = {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": True}
    settings: dict[str, Any] = {
        "quant_method": "compressed-tensors",
        "format": "float-quantized",
        "quantization_status": "compressed",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": of_weights}},
        "ignore": ["lm_head"],
    }
    return marked(folder, settings)


@pytest.mark.skipif(
    not importlib.util.find_spec("compressed_tensors"), reason="compressed-tensors is not installed"
)
@pytest.mark.parametrize("method", ["lora", "full"])
def test_weights_of_compressed_tensors_are_expanded_and_trained_on_as_whole_ones(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    whole = load_file(copied / "model.safetensors")["model.layers.0.mlp.up_proj.weight"]
    told, run = tuned(in_compressed_tensors(copied), tmp_path, monkeypatch, method=METHODS[method])
    model, tokenizer = run.load()
    assert loss_of(model, "sft", tokenizer) == pytest.approx(last_loss(told), abs=1e-5)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert not any("scale" in name for name, _weight in model.named_parameters())
    if method == "lora":
        kept = model.get_base_model().model.layers[0].mlp.up_proj.base_layer.weight
        assert torch.allclose(kept, whole, rtol=0.07, atol=1e-3)
    assert answers(run) == 2


KEPT = {"quant_method": "bitsandbytes", "load_in_8bit": True}


@pytest.mark.parametrize(
    ("settings", "sections", "said"),
    [
        (
            KEPT,
            {"method": "full"},
            r"full would train quantized weights.*Write method: lora, or name the model",
        ),
        (KEPT, {"method": METHODS["last-layer"]}, "freeze would train quantized weights"),
        (KEPT, {"method": METHODS["pissa"]}, "pissa needs weights that are not quantized"),
        (KEPT, {"method": METHODS["dora"]}, "use_dora does not go with weights of bitsandbytes"),
        (KEPT, {"method": other_kind("LOHA")}, "LOHA does not go with weights of bitsandbytes"),
        (KEPT, {"model": {"quantization": "nf4"}}, r"quantized already \(bitsandbytes\).*Leave it out"),
        (KEPT, {"training": {"fp8": True}}, "fp8 multiplies weights that are not quantized.*Leave it out"),
        (KEPT, {"model": {"adapters": ["a"]}}, r"Adapters are merged into weights that are not quantized"),
        ({"quant_method": "gptq", "bits": 4}, {"method": "full"}, "full would train quantized weights"),
        ({"quant_method": "fp8"}, {"model": {"quantization": "nf4"}}, r"quantized already \(fp8\)"),
        *(
            (
                {"quant_method": name},
                {},
                f"in a way that is not loaded here: {name}.*Name the model that it was",
            )
            for name in ("hqq", "quanto", "bitnet", "unheard-of")
        ),
    ],
)
def test_what_does_not_go_on_quantized_weights_is_said_by_their_configuration(
    copied: Path, settings: dict[str, Any], sections: dict[str, Any], said: str
) -> None:
    model = {"name_or_path": marked(copied, settings), **sections.pop("model", {})}
    config = config_from_dict({"model": model, "data": "unused", **sections})
    (copied / "model.safetensors").unlink()  # never looked at
    with pytest.raises(UserError, match=f"(?s){said}"):
        check_prequantized(config, load_configuration(ModelSource(str(copied), None)))
    with pytest.raises(UserError, match=f"(?s){said}"):
        estimate({"config": config.model_dump(), "gpu": "A100 80 GB"}, lambda _answer: None, lambda: None)


def test_a_run_ends_with_the_reason_before_it_reads_its_data(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = {"name_or_path": marked(copied, KEPT)}
    with pytest.raises(UserError, match="full would train quantized weights"):
        in_process(tmp_path / "run", model=model, data="nothing-there.jsonl", method="full")


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        ("gptq", ["gptqmodel", "optimum"]),
        ("awq", ["gptqmodel"]),
        ("aqlm", ["aqlm"]),
        ("compressed-tensors", ["compressed_tensors"]),
    ],
)
def test_the_package_that_a_checkpoint_needs_is_named(copied: Path, name: str, packages: list[str]) -> None:
    if all(map(importlib.util.find_spec, packages)):
        pytest.skip(f"{', '.join(packages)} is installed")
    of_model = load_configuration(ModelSource(marked(copied, {"quant_method": name}), None))
    with pytest.raises(
        UserError, match=rf"is not installed\.(?s:.*)%pip install .*{packages[0].replace('_', '.')}"
    ):
        quantization_config(ModelConfig(name_or_path=str(copied)), torch.float32, of_model)


@pytest.mark.parametrize(
    ("settings", "bytes_per_weight"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, 0.5 + 4 / 64),
        (KEPT, 1.0),
        ({"quant_method": "gptq", "bits": 4, "group_size": 128}, 0.5 + 2.5 / 128),
        ({"quant_method": "aqlm", "nbits_per_codebook": 16, "num_codebooks": 1, "in_group_size": 8}, 0.25),
        ({"quant_method": "fp8"}, 2.0),
    ],
)
def test_memory_counts_weights_as_they_will_be(
    copied: Path, settings: dict[str, Any], bytes_per_weight: float
) -> None:
    source = ModelSource(marked(copied, settings), None)
    config = config_from_dict({"model": source.name_or_path, "data": "unused", "method": LORA})
    model = prepare_for_training(load_skeleton(source).to(torch.bfloat16), config.method)
    layers = {
        name: weight.numel()
        for name, weight in model.named_parameters()
        if not weight.requires_grad and "_proj" in name
    }
    others = sum(
        weight.numel()
        for name, weight in model.named_parameters()
        if not weight.requires_grad and name not in layers
    )
    expected = int(2 * others + bytes_per_weight * sum(layers.values()))
    assert frozen_bytes(config, model, torch.bfloat16) == expected


def test_a_cached_model_says_how_its_weights_are_quantized(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--me--small-gptq" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    config = {"architectures": ["LlamaForCausalLM"], "quantization_config": {"quant_method": "gptq"}}
    (snapshot / "config.json").write_text(json.dumps(config))
    [found] = [choice for choice in model_choices(tmp_path) if choice.kind == "cached"]
    assert found.description == "Its weights are quantized: gptq."
