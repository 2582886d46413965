"""Weights in few bits stay as they are, and adapters on them learn and answer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from ways import LORA, METHODS, last_loss, loss_of, other_kind, quantized

from llmtune_kernel.config.quantizations import QUANTIZATIONS, QuantizationName
from llmtune_kernel.models.quantization import keep_layout
from llmtune_kernel.runs.comparing import bases_of
from llmtune_kernel.runs.events import Metrics
from llmtune_kernel.worker.sample import Loader, sample

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
