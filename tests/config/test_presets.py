"""The presets are configurations, and do what their names say."""

from __future__ import annotations

from typing import Any

import pytest

from llmtune_kernel.config import LoraMethod, RunConfig, config_from_dict
from llmtune_kernel.config.presets import PRESETS

METHOD = {"method.type", "method.r", "method.lora_alpha", "method.use_rslora"}


def configured(name: str) -> RunConfig:
    (values,) = [preset.values for preset in PRESETS if preset.name == name]
    return config_from_dict({**values, "data": {**values.get("data", {}), "train": "rows.jsonl"}})


def keys(values: dict[str, Any], path: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in values.items():
        found |= keys(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}"}
    return found


def lora(name: str) -> LoraMethod:
    method = configured(name).method
    assert isinstance(method, LoraMethod)
    return method


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_with_data_is_a_whole_configuration(preset: Any) -> None:
    assert configured(preset.name).data.train == "rows.jsonl"
    assert preset.title
    assert preset.description


def test_a_preset_sets_only_what_defines_it() -> None:
    assert {preset.name: keys(preset.values) for preset in PRESETS} == {
        "beginner": {*METHOD, "training.learning_rate"},
        "quick": {"data.max_length", "training.max_steps"},
        "low-memory": {
            "data.max_length",
            "training.per_device_train_batch_size",
            "training.gradient_accumulation_steps",
            "training.gradient_checkpointing",
        },
        "quality": {*METHOD, "data.eval_fraction", "training.num_train_epochs"},
    }


def test_beginner_is_lora_as_it_comes() -> None:
    assert configured("beginner") == config_from_dict({"data": "rows.jsonl"})


def test_quick_takes_few_steps() -> None:
    steps = configured("quick").training.max_steps
    assert steps is not None
    assert steps <= 50
    assert all(configured(name).training.max_steps is None for name in ("beginner", "low-memory", "quality"))


def test_low_memory_holds_fewer_tokens_at_once_and_learns_from_as_many_rows_a_step() -> None:
    low, usual = configured("low-memory"), configured("beginner")
    assert low.training.gradient_checkpointing is True
    assert low.training.per_device_train_batch_size == 1
    assert low.data.max_length < usual.data.max_length
    assert low.training.gradient_accumulation_steps >= usual.training.per_device_train_batch_size


def test_quality_trains_more_weights_for_longer_and_evaluates() -> None:
    quality, usual = configured("quality"), configured("beginner")
    assert lora("quality").r > lora("beginner").r
    assert lora("quality").use_rslora
    assert quality.training.num_train_epochs > usual.training.num_train_epochs
    assert quality.data.eval_fraction > 0
