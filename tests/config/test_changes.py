"""Mistakes of a configuration come with the changes that mend them, and only with those."""

from __future__ import annotations

from typing import Any

import pytest

from llmtune_kernel.config import Change, ConfigError, DataConfig, config_from_dict, read_config
from llmtune_kernel.config.changes import change_to, leave_out, rename
from llmtune_kernel.config.document import Document
from llmtune_kernel.config.mending import changed


def offered(text: str) -> list[Change]:
    with pytest.raises(ConfigError) as caught:
        read_config(text)
    (problem,) = caught.value.problems
    return list(problem.changes)


MISTAKES: dict[str, list[Change]] = {
    "method: {lora_r: 8}": [rename(["method", "lora_r"], ["method", "r"])],
    "method: {us_dora: true}": [rename(["method", "us_dora"], ["method", "use_dora"])],
    "lr: 1e-4": [rename(["lr"], ["training", "learning_rate"])],
    "r: 4": [rename(["r"], ["method", "r"])],
    "training.max_steps: 5": [rename(["training.max_steps"], ["training", "max_steps"])],
    "method: {type: full, r: 4}": [change_to("method.type", "lora"), change_to("method.type", "peft")],
    "beta: 0.2": [leave_out("beta")],  # sft, under which it would be moved, has none
    "method: {r: 4, lora_r: 8}": [leave_out("method.lora_r")],
    "xyzzy: 1": [leave_out("xyzzy")],
    "method: {type: lorra, r: 4}": [change_to("method.type", "lora")],
    "method: nothing_like_it": [leave_out("method.type")],
    "model: {dtype: bf16}": [change_to("model.dtype", "bfloat16")],
    "model: {dtype: nothing}": [leave_out("model.dtype")],
    "training: {max_steps: '5'}": [change_to("training.max_steps", 5)],
    "training: {learning_rate: '1e-4'}": [change_to("training.learning_rate", 1e-4)],
    "training: {max_steps: 5.0}": [change_to("training.max_steps", 5)],
    "method: {use_rslora: 'true'}": [change_to("method.use_rslora", True)],
    "method: {use_rslora: off}": [change_to("method.use_rslora", False)],
    "method: {target_modules: q_proj}": [change_to("method.target_modules", ["q_proj"])],
    "training: {max_steps: 0}": [change_to("training.max_steps", 1)],
    "samples: {temperature: 3}": [change_to("samples.temperature", 2)],
    "training: {learning_rate: -1}": [leave_out("training.learning_rate")],
    "model: {trust_remote_code: true}": [leave_out("model.trust_remote_code")],
    "model: {quantization: nf4}\nmethod: full": [
        change_to("method.type", "lora"),
        leave_out("model.quantization"),
    ],
    "model: {quantization: int8}\nmethod: {use_dora: true}": [
        change_to("model.quantization", "nf4"),
        leave_out("method.use_dora"),
    ],
    "model: {quantization: nf4}\nmethod: {init_lora_weights: pissa}": [
        leave_out("method.init_lora_weights"),
        leave_out("model.quantization"),
    ],
    "method: {init_lora_weights: pissa, use_dora: true}": [
        leave_out("method.init_lora_weights"),
        leave_out("method.use_dora"),
    ],
    "method: {r: 3, init_lora_weights: orthogonal}": [
        change_to("method.r", 4),
        leave_out("method.init_lora_weights"),
    ],
    "method: {type: freeze, trainable_layers: 0}": [leave_out("method.trainable_layers")],
    "method: {type: freeze, trainable_layers: -1, block_expansion: new}": [
        leave_out("method.trainable_layers"),
        leave_out("method.block_expansion"),
    ],
    "objective: {type: dpo, gamma: 1}": [leave_out("objective.gamma"), change_to("objective.loss", "simpo")],
    "objective: {type: dpo, loss: robust}": [change_to("objective.label_smoothing", 0.1)],
    "method: full\nobjective: {type: dpo, reference: adapter}": [
        change_to("objective.reference", "precomputed")
    ],
    "method: full\ntraining: {optim: lomo, weight_decay: 0.1}": [leave_out("training.weight_decay")],
    "method: full\ntraining: {optim: lomo, gradient_accumulation_steps: 2}": [
        leave_out("training.gradient_accumulation_steps")
    ],
    "training: {optim: lomo}": [change_to("method.type", "full"), leave_out("training.optim")],
    "objective: reward\nsamples: {prompts: [Hello]}": [leave_out("samples.prompts")],
    "tracking: wandb": [leave_out("tracking.report_to")],
}
MISTAKES_OF_DATA: dict[str, list[Change]] = {
    "data: {train: x, formt: text}": [rename(["data", "formt"], ["data", "format"])],
    "data: {train: x, format: alpacca}": [change_to("data.format", "alpaca")],
    "data: {train: x, eval_fraction: -1}": [change_to("data.eval_fraction", 0)],
    "data: {train: x, eval_fraction: 1}": [leave_out("data.eval_fraction")],
    "data: {train: x, eval: y, eval_fraction: 0.1}": [
        leave_out("data.eval_fraction"),
        leave_out("data.eval"),
    ],
    "data: [x, {source: y, wight: 2}]": [
        rename(["data", "train", 1, "wight"], ["data", "train", 1, "weight"])
    ],
    "data: {train: x, columns: {instrction: q}}": [
        rename(["data", "columns", "instrction"], ["data", "columns", "instruction"])
    ],
}


@pytest.mark.parametrize(
    ("text", "changes"),
    [*((f"data: x\n{text}", changes) for text, changes in MISTAKES.items()), *MISTAKES_OF_DATA.items()],
)
def test_each_change_that_a_mistake_offers_mends_it(text: str, changes: list[Change]) -> None:
    assert offered(text) == changes
    for change in changes:
        config_from_dict(changed(Document(text).value, change))


@pytest.mark.parametrize(
    "text",
    [
        "training: {max_steps: 5}",
        "data: {train: 5}",
        "data: x\ntraining: 5",
        "data: x\nsamples: [a, [{role: user}]]",
    ],
)
def test_no_change_is_offered_where_only_the_user_knows_what_is_meant(text: str) -> None:
    assert offered(text) == []


def test_another_type_leaves_the_keys_that_it_does_not_know() -> None:
    values: dict[str, Any] = {"data": "x", "method": {"r": 4, "lora_alpha": 8}}
    assert changed(values, change_to("method.type", "full")) == {
        "data": {"train": "x"},
        "method": {"type": "full"},
    }
    assert values["method"] == {"r": 4, "lora_alpha": 8}


FORMAT = change_to("format", "text")


@pytest.mark.parametrize(
    ("data", "change", "path", "value"),
    [
        ({"train": "x"}, FORMAT, "data.format", "text"),
        ({"train": ["x"]}, FORMAT, "data.format", "text"),
        ({"train": {"source": "x"}}, FORMAT, "data.format", "text"),
        ({"train": {"source": "x", "format": "auto"}}, FORMAT, "data.train.format", "text"),
        ({"train": ["x", "y"]}, FORMAT, "data.train.0", {"source": "x", "format": "text"}),
        ({"train": "x"}, change_to("columns.label", "b"), "data.columns.label", "b"),
        (
            {"train": ["x", "y"], "columns": {"text": "a"}},
            change_to("columns.label", "b"),
            "data.train.0",
            {"source": "x", "columns": {"text": "a", "label": "b"}},
        ),
        (
            {"train": [{"source": "x", "weight": 2.0}], "eval": "y"},
            FORMAT,
            "data.train.0",
            {"source": "x", "weight": 2.0, "format": "text"},
        ),
        ({"train": "x"}, change_to("source", "z"), "data.train", "z"),
        ({"train": ["x"]}, change_to("source", "z"), "data.train.0", "z"),
        ({"train": ["x", {"source": "y"}]}, change_to("source", "z"), "data.train.0", "z"),
        ({"train": {"source": "x"}}, change_to("source", "z"), "data.train.source", "z"),
        ({"train": "x"}, change_to("data.max_length", 9), "data.max_length", 9),
    ],
)
def test_a_change_of_a_source_stands_where_the_source_says_it(
    data: dict[str, Any], change: Change, path: str, value: object
) -> None:
    assert DataConfig.model_validate(data).change_of_source("train", 0, change) == change_to(path, value)  # type: ignore[arg-type]
