"""Runs whose tokens pass some layers by: what is trained is what answers, wherever the result is loaded."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import MambaConfig, MambaForCausalLM
from watching import in_process
from ways import LORA, QUESTIONS, last_loss, loss_of, two_steps

from llmtune_kernel.config import ConfigError, UserError, config_from_dict, read_config
from llmtune_kernel.depths import noted, routers
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Log, Metrics, Payload
from llmtune_kernel.runs.run import Run
from llmtune_kernel.worker.estimating import Estimator, Hardware, longest_batch
from llmtune_kernel.worker.fitting import solutions
from llmtune_kernel.worker.sample import Loader, sample

FULL = {"type": "full"}
DEPTHS = {"mixture_of_depths": 0.25}
LLAMA_FACTORY = """
### model
model_name_or_path: {model}
trust_remote_code: true

### method
stage: sft
do_train: true
finetuning_type: full
mixture_of_depths: {depths}

### dataset
dataset: sums
template: llama3
cutoff_len: 2048
max_samples: 1000
overwrite_cache: true
preprocessing_num_workers: 16
dataloader_num_workers: 4

### output
output_dir: saves/llama3-8b-mod/full/sft
logging_steps: 10
save_steps: 500
plot_loss: true
overwrite_output_dir: true
save_only_model: false
report_to: none

### train
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
optim: paged_adamw_8bit
learning_rate: 1.0e-5
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
pure_bf16: true
ddp_timeout: 180000000
"""


@pytest.fixture
def tune(tmp_path: Path, quick_model: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(name: str, objective: str = "sft", /, **sections: Any) -> tuple[list[Payload], Run]:
        model = {"name_or_path": quick_model, **sections.pop("model", DEPTHS)}
        return two_steps(tmp_path / name, objective, model=model, **{"method": FULL, **sections})

    return run


def measured(told: list[Payload]) -> list[Metrics]:
    return [payload for payload in told if isinstance(payload, Metrics)]


def test_the_model_and_its_routers_learn_and_the_result_answers_as_the_run_told(tune: Any) -> None:
    told, run = tune("run", training={"max_steps": 40, "per_device_train_batch_size": 4, "logging_steps": 1})
    said = [payload.message for payload in told if isinstance(payload, Log)]
    assert "Mixture of depths: 25.0% of the tokens of each text pass through 1 of 2 layers." in said
    steps = measured(told)
    assert steps[-1].loss is not None
    assert steps[0].loss is not None
    assert steps[-1].loss < 0.5 * steps[0].loss
    assert steps[-1].measures["routing"] < 0.5 * steps[0].measures["routing"]

    tuned, tokenizer = run.load()
    assert loss_of(tuned, "sft", tokenizer) == pytest.approx(last_loss(told), abs=1e-5)
    turns = zip(("user", "assistant"), QUESTIONS[0].values(), strict=True)
    messages = [{"role": role, "content": text} for role, text in turns]
    ids = tokenizer.apply_chat_template(messages, return_tensors="pt", return_dict=False)
    with torch.no_grad(), noted(tuned) as seen:
        tuned(input_ids=ids)
    assert len(seen[0].places) == pytest.approx(0.25 * ids.shape[1], rel=0.5)

    said_of: list[dict[str, Any]] = []
    sources = [{"column": "run", "directory": str(run.paths.path)}]
    settings = {"max_new_tokens": 12, "temperature": 0.0}
    job = {"sources": sources, "prompts": [QUESTIONS[3]["prompt"]], "settings": settings, "stream": False}
    sample(job, said_of.append, Loader(), lambda: None)
    assert said_of[-1]["answers"][0]["text"].startswith("It is")


@pytest.mark.parametrize(
    ("objective", "settings"),
    [("pretrain", {}), ("sft", {"neftune_noise_alpha": 5.0}), ("dpo", {"loss": "orpo"}), ("reward", {})],
    ids=lambda one: str(one),
)
def test_objectives_that_compare_with_no_other_model_train_routers(
    tune: Any, objective: str, settings: dict[str, Any]
) -> None:
    told, run = tune("run", objective, objective=settings)
    assert all(step.loss is not None and math.isfinite(step.loss) for step in measured(told))
    assert len(routers(run.load()[0])) == 1
    if objective == "pretrain":
        assert loss_of(run.load()[0], objective) == pytest.approx(last_loss(told), abs=1e-5)


@pytest.mark.skipif(not importlib.util.find_spec("torchao"), reason="torchao is not installed")
def test_layers_that_tokens_pass_by_compute_in_fp8(tune: Any) -> None:
    told, run = tune("run", training={"fp8": True})
    said = [payload.message for payload in told if isinstance(payload, Log)]
    assert any("compute in FP8" in message for message in said)
    tuned, tokenizer = run.load()
    assert loss_of(tuned, "sft", tokenizer) == pytest.approx(last_loss(told), rel=0.05)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_run_goes_on_from_a_checkpoint_with_its_routers(tune: Any, checkpointing: bool) -> None:
    training = {"max_steps": 4, "save_steps": 2, "logging_steps": 1, "gradient_checkpointing": checkpointing}
    whole, run = tune("run", training=training)
    step = run.paths.checkpoints / "step-000002"
    rest, _ = tune("again", checkpoint=step, training=training)
    expected = [(one.step, one.loss, one.measures) for one in measured(whole)[2:]]
    assert [(one.step, one.loss, one.measures) for one in measured(rest)] == [
        (step, pytest.approx(loss, abs=1e-6), pytest.approx(measures, abs=1e-6))
        for step, loss, measures in expected
    ]
    assert last_loss(rest) == pytest.approx(last_loss(whole), abs=1e-6)


def test_a_model_with_routers_is_trained_on_and_refused_where_that_does_not_go(tune: Any) -> None:
    told, first = tune("first")
    model = {"name_or_path": str(first.paths.model)}
    more, run = tune("second", model=model, training={"learning_rate": 1e-9})
    assert last_loss(more) == pytest.approx(last_loss(told), abs=1e-4)
    before, after = (load_file(one.paths.model / "model.safetensors") for one in (first, run))
    assert before.keys() == after.keys()
    for refused, sections, key in (
        ("only method: full trains", {"method": LORA}, "method.type"),
        ("has the routers of a mixture of depths already", {"model": {**model, **DEPTHS}}, None),
        ("dpo compares", {"objective": "dpo"}, "objective.type"),
        ("together with shift_attn", {"model": {**model, "shift_attn": True}}, "model.shift_attn"),
    ):
        objective = sections.pop("objective", "sft")
        with pytest.raises(UserError, match=refused) as error:
            tune(f"refused-{key}", objective, **{"model": model, **sections})
        assert error.value.where == (key or "model.mixture_of_depths")


def test_an_architecture_that_does_not_keep_documents_apart_is_refused(
    tune: Any, smollm2_tokenizer: Any, tmp_path: Path
) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4}
    mamba = MambaForCausalLM(MambaConfig(vocab_size=len(smollm2_tokenizer), **sizes))
    mamba.save_pretrained(tmp_path / "mamba")
    smollm2_tokenizer.save_pretrained(tmp_path / "mamba")
    with pytest.raises(UserError, match="Tokens cannot pass the layers") as error:
        tune("run", model={"name_or_path": str(tmp_path / "mamba"), **DEPTHS})
    assert [change.path for change in error.value.changes] == [("model", "mixture_of_depths")]


def test_an_estimate_knows_that_fewer_tokens_take_less(tune: Any, quick_model: str) -> None:
    where = Hardware("GPU", 2**40, torch.float32, is_gpu=True)

    def activations(**model: Any) -> int:
        data = {"train": "unused", "max_length": 512}
        config = config_from_dict({"data": data, "method": FULL, "model": model})
        return (
            Estimator(ModelSource(quick_model, None), longest_batch(config))
            .estimate(config, where)
            .activations
        )

    whole, half, few = (activations(**one) for one in ({}, {"mixture_of_depths": 0.5}, DEPTHS))
    assert whole > half > few > 0.5 * whole  # of two layers one is as before


def test_what_is_offered_where_memory_is_short_goes_together(tune: Any, quick_model: str) -> None:
    _, run = tune("run")
    for name, depths in ((quick_model, DEPTHS), (str(run.paths.model), {})):
        data = {"train": "unused", "max_length": 512}
        config = config_from_dict({"data": data, "method": FULL, "model": {"name_or_path": name, **depths}})
        estimator = Estimator(ModelSource(name, None), longest_batch(config))
        where = Hardware("GPU", 2**40, torch.float32, is_gpu=True)
        needed = estimator.estimate(config, where).total
        short = Hardware("GPU", needed - 2**20, torch.float32, is_gpu=True)
        ways = solutions(config, estimator, short, lambda: None)
        assert ways
        assert not any("method.type" in way.settings for way in ways)


def test_a_model_with_routers_of_another_package_is_refused(
    tune: Any, quick_model: str, tmp_path: Path
) -> None:
    shutil.copytree(quick_model, tmp_path / "other")
    written = json.loads((tmp_path / "other/config.json").read_text())
    written["architectures"] = ["LlamaMoDForCausalLM"]
    (tmp_path / "other/config.json").write_text(json.dumps(written))
    with pytest.raises(UserError, match="saved by the package mixture-of-depth"):
        tune("run", model={"name_or_path": str(tmp_path / "other")})


@pytest.mark.parametrize("depths", ["convert", "load"])
def test_the_example_of_llama_factory_runs_with_another_model_and_other_data(
    tune: Any, tmp_path: Path, quick_model: str, depths: str
) -> None:
    model = quick_model
    if depths == "load":
        _, run = tune("converted")
        model = str(run.paths.model)
    rows = [{"instruction": row["prompt"], "input": "", "output": row["completion"]} for row in QUESTIONS]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/sums.json").write_text(json.dumps(rows))
    (tmp_path / "data/dataset_info.json").write_text(json.dumps({"sums": {"file_name": "sums.json"}}))
    config = read_config(LLAMA_FACTORY.format(model=model, depths=depths))
    assert config.model.mixture_of_depths == {"convert": 0.125, "load": None}[depths]
    told = in_process(tmp_path / "run", **config.model_dump(mode="json", exclude_unset=True))
    assert measured(told)[-1].step == 3
    tuned, _ = Run(RunDirectory(tmp_path / "run")).load()
    assert routers(tuned)[0].capacity == {"convert": 0.125, "load": 0.25}[depths]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        *(
            ({"model": {"attention": name}}, f"it does not go together with attention: {name}")
            for name in ("flash_attention_2", "flash_attention_3", "flex")
        ),
        ({"model": {"shift_attn": True}}, "it does not go together with shift_attn"),
        ({"model": {"liger_kernel": True}}, "it does not go together with liger_kernel"),
        ({"method": {"type": "lora"}}, "only method: full trains the routers"),
        ({"method": {"type": "freeze"}}, "only method: full trains the routers"),
        ({"objective": "dpo"}, "dpo compares what a model says in training"),
        ({"objective": "kto"}, "kto compares"),
        ({"objective": {"type": "sft", "loss": "asft"}}, "asft compares"),
        ({"objective": {"type": "grpo", "reward": "$f", "beta": 0.0}}, "grpo compares"),
        ({"objective": {"type": "ppo", "reward": "$f"}}, "ppo compares"),
    ],
    ids=lambda one: str(one),
)
def test_what_it_does_not_go_with_is_refused_with_the_reason(values: dict[str, Any], said: str) -> None:
    values = {"data": "rows", "method": FULL, **values}
    config_from_dict(values)
    with pytest.raises(ConfigError, match=said) as error:
        config_from_dict({**values, "model": {**values.get("model", {}), **DEPTHS}})
    [problem] = error.value.problems
    assert problem.changes[-1].path == ("model", "mixture_of_depths")


def test_without_a_method_it_is_said_which_one_trains_routers() -> None:
    with pytest.raises(ConfigError, match="only method: full trains the routers") as error:
        config_from_dict({"data": "rows", "model": DEPTHS})
    [problem] = error.value.problems
    assert problem.changes[0].value == "full"
