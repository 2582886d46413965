"""`llmtune estimate`: from the configuration alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from workplace import Workplace


@pytest.fixture(scope="module")
def folder(workplace: Workplace) -> Path:
    """The workplace, with a configuration of a model without weights, whose data are not there."""
    from transformers import LlamaConfig

    LlamaConfig(architectures=["LlamaForCausalLM"], num_hidden_layers=4).save_pretrained(
        workplace.folder / "model"
    )
    (workplace.folder / "estimate.yaml").write_text(
        "model: ./model\ndata: {train: nowhere.jsonl, max_length: 256}\n"
        "training: {per_device_train_batch_size: 8}\n"
    )
    return workplace.folder


def found(workplace: Workplace, *arguments: str) -> Any:
    done = workplace.llmtune("estimate", "estimate.yaml", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_needs_neither_weights_nor_data(workplace: Workplace, folder: Path) -> None:
    shown = workplace.llmtune("estimate", "estimate.yaml")
    assert shown.returncode == 0, shown.stderr
    assert "1,074,180,096, of which trained 2,498,560 (0.23%)" in shown.stdout
    assert "2,048 tokens" in shown.stdout
    for part in ("frozen weights", "trained weights", "state of the optimizer", "activations", "logits"):
        assert part in shown.stdout
    for gpu in ("T4", "RTX 3090", "RTX 4090", "A100 40GB", "A100 80GB", "L4", "H100", "H200"):
        assert gpu in shown.stdout


def test_json_has_every_figure_and_the_parts_add_up(workplace: Workplace, folder: Path) -> None:
    one = found(workplace, "--gpu", "h100")
    assert (one["device"], one["dtype"], one["fits"], one["changes"]) == ("H100", "bfloat16", True, [])
    assert one["tokens"] == 8 * 256
    assert sum(one["parts"].values()) == one["memory"]
    assert one["parts"]["weights"] == 2 * (one["parameters"] - one["trained"])
    assert one["parts"]["trained"] == 4 * one["trained"]
    gpus = {gpu["name"]: gpu for gpu in one["gpus"]}
    assert gpus["H100"]["memory"] == one["memory"]
    assert all(gpu["fits"] == (gpu["memory"] <= gpu["available"]) for gpu in gpus.values())
    # It does not multiply bfloat16: its weights take twice as much.
    assert gpus["T4"]["dtype"] == "float32"


def test_what_would_make_it_fit_is_named_and_true(workplace: Workplace, folder: Path) -> None:
    full = ["--set", "method=full", "--gpu", "T4"]
    one = found(workplace, *full)
    assert not one["fits"]
    assert 1 <= len(one["changes"]) <= 3
    assert all(way["memory"] <= one["available"] < one["memory"] for way in one["changes"])
    cheapest = one["changes"][0]
    settings = [f"{key}={json.dumps(value)}" for key, value in cheapest["settings"].items()]
    changed = found(workplace, "--gpu", "T4", "--set", "method=full", *settings)
    assert changed["fits"]
    assert changed["memory"] == pytest.approx(cheapest["memory"], rel=0.02)
    shown = workplace.llmtune("estimate", "estimate.yaml", *full)
    assert "It would fit on T4 with any of these:" in shown.stdout


def test_what_no_change_mends_is_said(workplace: Workplace, folder: Path) -> None:
    from transformers import LlamaConfig

    huge = LlamaConfig(architectures=["LlamaForCausalLM"], hidden_size=65536, num_hidden_layers=2)
    huge.save_pretrained(workplace.folder / "huge")
    shown = workplace.llmtune("estimate", "estimate.yaml", "--gpu", "T4", "--set", "model=./huge")
    assert shown.returncode == 0, shown.stderr
    assert "No change makes it fit on T4: take a smaller model." in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.yaml"], ["nowhere.yaml", "No such file"]),
        (["typo.yaml"], ["line 2", "max_lenght", "max_length"]),
        (["estimate.yaml", "--gpu", "H1000"], ["no GPU named 'H1000'", "H100"]),
        (["estimate.yaml", "--set", "model=./empty"], ["no model at this path"]),
        (
            ["estimate.yaml", "--set", "model=nobody/nothing"],
            ["nobody/nothing", "the network", "config.json alone"],
        ),
        (["estimate.yaml", "--set", "method.target_modules=[nope]"], ["named 'nope'", "q_proj"]),
    ],
)
def test_a_mistake_is_one_message(
    workplace: Workplace, folder: Path, arguments: list[str], said: list[str]
) -> None:
    (folder / "typo.yaml").write_text("model: ./model\ndata: {train: rows.jsonl, max_lenght: 3}\n")
    done = workplace.llmtune("estimate", *arguments, HF_HUB_OFFLINE="1")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for words in said:
        assert words in done.stderr
