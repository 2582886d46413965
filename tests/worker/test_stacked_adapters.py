"""Adapters stay as they are beneath the one that is trained, wherever it goes."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from watching import in_process
from ways import LORA, METHODS, PAIRS, QUESTIONS, other_kind, quantized

from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.config.quantizations import QuantizationName
from llmtune_kernel.models.merging import merged
from llmtune_kernel.models.quantization import keep_layout
from llmtune_kernel.runs.comparing import bases_of
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Metrics, Payload
from llmtune_kernel.runs.run import Run
from llmtune_kernel.worker.earlier import find_adapters
from llmtune_kernel.worker.estimate import estimate
from llmtune_kernel.worker.sample import Loader, sample

ROWS = {"sft": QUESTIONS, "dpo": PAIRS}
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture
def tune(runs_home: Path, small_model: str) -> Any:
    """Two steps in this process; gives the run and what was told."""
    runs_home.mkdir()

    def run(name: str, learned: str = "sft", /, **sections: Any) -> tuple[Run, list[Payload]]:
        checkpoint = sections.pop("checkpoint", None)
        rows = Path(f"{learned}.jsonl")
        rows.write_text("".join(json.dumps(row) + "\n" for row in ROWS[learned]))
        told = in_process(
            runs_home / name,
            prepare=(runs_home / name / "events.jsonl").touch,
            checkpoint=checkpoint,
            model={"name_or_path": small_model, "dtype": "float32", **sections.pop("model", {})},
            data={"train": str(rows)},
            objective=sections.pop("objective", learned),
            method=sections.pop("method", LORA),
            training={"max_steps": 2, "save_steps": 1, "learning_rate": 0.02, **sections.pop("training", {})},
            **sections,
        )
        return Run(RunDirectory(runs_home / name)), told

    return run


def on(*names: str, quantization: str = "none") -> dict[str, Any]:
    """The section `model` that keeps adapters beneath the one that is trained."""
    return {"adapters": list(names), "merge_adapters": False, "quantization": quantization}


def losses(told: list[Payload]) -> list[float]:
    return [float(payload.loss or 0) for payload in told if isinstance(payload, Metrics)]


def logits_of(model: Any) -> torch.Tensor:
    keep_layout(model)
    with torch.no_grad():
        found: torch.Tensor = model.eval()(torch.arange(40, 60)[None]).logits
    return found


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / WEIGHTS)


@pytest.mark.parametrize(
    ("beneath", "quantization"),
    [
        ("lora", "none"),
        ("dora", "none"),
        quantized("nf4", "lora"),
        quantized("int8", "rslora"),
        quantized("hqq4", "lora"),
    ],
)
def test_a_new_adapter_is_trained_on_top_of_others_which_stay_as_they_are(
    tune: Any, small_model: str, runs_home: Path, beneath: str, quantization: QuantizationName
) -> None:
    first, _ = tune("first", method=METHODS[beneath], model={"quantization": quantization})
    below = logits_of(first.load()[0])
    method = {**LORA, "target_modules": ["q_proj", "up_proj"]}
    second, _ = tune("second", method=method, model=on("first", quantization=quantization))
    assert (second.paths.earlier()[0] / WEIGHTS).read_bytes() == (first.paths.adapter / WEIGHTS).read_bytes()
    # Its result is the new adapter alone.
    assert {name.split(".")[-3] for name in weights_of(second.paths.adapter)} == {"q_proj", "up_proj"}
    assert [path.name for path in second.paths.adapter.iterdir() if path.is_dir()] == []

    before = {name: weight.clone() for name, weight in first.load()[0].state_dict().items()}
    shutil.rmtree(first.paths.path)  # the run has what it needs
    tuned, _ = second.load()
    after = tuned.state_dict()
    for name, weight in before.items():
        same = name.replace(".default", ".earlier-1")
        assert torch.equal(after[same], weight), name
    both = logits_of(tuned)
    assert (both - below).abs().max() > 1e-3
    tuned.base_model.set_adapter("earlier-1")
    assert torch.allclose(logits_of(tuned), below, atol=1e-5)

    # What it answers, and what the model beneath it answers, are found by its name.
    [base] = bases_of([second]).values()
    said: list[dict[str, Any]] = []
    sources = [
        {"column": "run", "directory": str(second.paths.path)},
        {"column": "base", "model": base.model_dump(mode="json")},
        {"column": "again", "directory": str(second.paths.path)},
    ]
    job = {"sources": sources, "prompts": ["1"], "settings": {"max_new_tokens": 8}, "stream": False}
    sample(job, said.append, Loader(), lambda: None)
    answers = {one["column"]: one["answers"][0]["text"] for one in said}
    assert answers["run"] == answers["again"]
    assert len(answers) == 3

    # Plain PEFT gives the same.
    settings: dict[str, Any] = {"dtype": torch.float32}
    if quantization == "nf4":
        settings["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.float32,
        )
    elif quantization != "none":
        return
    model: Any = AutoModelForCausalLM.from_pretrained(small_model, **settings)
    model = PeftModel.from_pretrained(
        model, str(runs_home / "second" / "earlier" / "1"), adapter_name="first"
    )
    model.load_adapter(str(runs_home / "second" / "adapter"), adapter_name="second")
    model.base_model.set_adapter(["first", "second"])
    assert torch.allclose(logits_of(model), both, atol=1e-5)


@pytest.mark.parametrize("quantization", ["none", "nf4"])
def test_preferences_are_compared_with_the_model_beneath_and_a_run_goes_on_as_if_it_had_not_stopped(
    tune: Any, quantization: str
) -> None:
    tune("first", model={"quantization": quantization})
    model = on("first", quantization=quantization)
    whole, told = tune("whole", "dpo", model=model, training={"max_steps": 3})
    steps = losses(told)
    assert steps[0] == pytest.approx(math.log(2), abs=1e-4)
    for reference in ("precomputed", "model"):  # asked before anything is trained, or of a copy
        objective = {"objective": {"type": "dpo", "reference": reference}}
        _, told = tune(reference, "dpo", model=model, training={"max_steps": 3}, **objective)
        assert losses(told) == pytest.approx(steps, abs=1e-5)
    second = whole.paths.checkpoints / "step-000002"
    assert [path.name for path in second.iterdir() if path.is_dir()] == []
    _, told = tune("again", "dpo", model=model, training={"max_steps": 3}, checkpoint=second)
    assert losses(told) == pytest.approx(steps[2:], abs=1e-6)


def test_those_beneath_an_adapter_come_along_wherever_it_is_named(tune: Any, small_model: str) -> None:
    tune("first")
    second, _ = tune("second", model=on("first"))
    both = logits_of(second.load()[0])
    # Merged into another model,
    model: Any = AutoModelForCausalLM.from_pretrained(small_model, dtype=torch.float32)
    folders = find_adapters(["second"], "model.adapters")
    assert find_adapters(["first", "second"], "model.adapters")[1:] == folders[1:]
    assert torch.allclose(logits_of(merged(model, folders)), both, atol=1e-5)
    full, _ = tune("full", method={"type": "full"}, model={"adapters": ["second"]}, training=_HARDLY)
    assert torch.allclose(logits_of(full.load()[0]), both, atol=1e-4)
    # beneath a further one,
    third, _ = tune("third", model=on("second"), training=_HARDLY)
    assert len(third.paths.earlier()) == 2
    assert torch.allclose(logits_of(third.load()[0]), both, atol=1e-4)
    # and where it is trained on.
    on_it = {"method": {"type": "lora", "adapter": "second"}, "training": _HARDLY}
    for model in ({}, {"merge_adapters": False}):
        further, _ = tune(f"further-{len(model)}", model=model, **on_it)
        assert len(further.paths.earlier()) == 1
        assert torch.allclose(logits_of(further.load()[0]), both, atol=1e-4)


_HARDLY = {"learning_rate": 1e-9}


def test_a_reward_model_is_trained_on_top(tune: Any) -> None:
    tune("first")
    run, told = tune("scores", "dpo", model=on("first"), objective={"type": "reward"})
    assert all(map(math.isfinite, losses(told)))
    assert run.load()[0](torch.arange(40, 60)[None]).logits.shape == (1, 1)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"method": "full"}, "stay beneath one of lora; full trains none"),
        ({"method": other_kind("LOHA")}, "stay beneath one of lora; peft trains none"),
        ({"model": {**on("a"), "add_tokens": ["<a>"]}}, "model.add_tokens needs earlier adapters"),
        ({"method": METHODS["dora"]}, "use_dora needs earlier adapters to be merged"),
        ({"method": METHODS["pissa"]}, "init_lora_weights needs earlier adapters to be merged"),
        ({"method": METHODS["eva"]}, "init_lora_weights needs earlier adapters to be merged"),
    ],
)
def test_what_cannot_go_on_top_is_said_before_a_run(sections: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        config_from_dict({"model": on("a"), "data": "rows.jsonl"} | sections)


def test_what_cannot_stay_beneath_is_said_with_the_reason(tune: Any) -> None:
    tune("loha", method=other_kind("LOHA"))
    tune("tokens", model={"add_tokens": ["<a>"]})
    tune("head", method=METHODS["lora-and-head"])
    tune("lora")
    tune("dora", method=METHODS["dora"], model={"adapters": ["lora"]})
    for name, said in [
        ("loha", "it is of the kind LOHA, not of LoRA"),
        ("tokens", "it has new tokens"),
        ("head", "it has whole modules: lm_head"),
        ("dora", "it is of DoRA, which looks at all of the weights"),
    ]:
        with pytest.raises(UserError, match=said) as caught:
            tune(f"on-{name}", model=on(name))
        assert caught.value.changes[0].path == ("model", "merge_adapters")
    tune("two", method=METHODS["lora-and-head"], model={"adapters": ["lora"]})
    run, _ = tune("further", model={"merge_adapters": False}, method={"type": "lora", "adapter": "two"})
    assert "lm_head" in str(weights_of(run.paths.adapter).keys())
    with pytest.raises(UserError, match="it is of DoRA"):
        tune("on", model={"merge_adapters": False}, method={"type": "lora", "adapter": "dora"})
    with pytest.raises(UserError, match="merged into weights that are not quantized") as caught:
        tune("four", model={"quantization": "nf4"}, method={"type": "lora", "adapter": "dora"})
    assert caught.value.changes[0].value is False


def test_the_estimate_counts_adapters_beneath(tune: Any, small_model: str) -> None:
    tune("first", method={"type": "lora", "r": 64})
    few, more = (
        weights_in_estimate({"name_or_path": small_model, "dtype": "float32", **model})
        for model in ({}, on("first"))
    )
    first = weights_of(find_adapters(["first"], "")[0])
    assert more - few == sum(4 * weight.numel() for weight in first.values())


def weights_in_estimate(model: dict[str, Any]) -> int:
    """The bytes of frozen weights, as the job `estimate` has them."""
    config = config_from_dict({"model": model, "data": "unused"})
    told: list[dict[str, Any]] = []
    estimate({"config": config.model_dump(), "gpu": None}, told.append, lambda: None)
    return int(told[0]["estimate"]["parts"]["weights"])
