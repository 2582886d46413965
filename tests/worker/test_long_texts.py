"""Whole runs with what makes long texts learnable: shifted attention, and what only a GPU can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import MambaConfig, MambaForCausalLM
from ways import LORA, METHODS, last_loss, loss_of, other_kind, quantized, two_steps

from llmtune_kernel.config import ConfigError, UserError, config_from_dict
from llmtune_kernel.models.loading import device
from llmtune_kernel.models.quantization import keep_layout
from llmtune_kernel.runs.events import Log, Metrics, Payload
from llmtune_kernel.runs.run import Run

SHIFTED = {"shift_attn": True}
# Rows have 20 to 50 tokens.
LENGTH = 64
# As "LongLoRA+" of the paper.
PLUS = {**LORA, "modules_to_save": ["embed_tokens", "norm", "input_layernorm", "post_attention_layernorm"]}


@pytest.fixture
def tune(tmp_path: Path, small_model: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(name: str, objective: str = "sft", /, **sections: Any) -> tuple[list[Payload], Run]:
        model = {"name_or_path": small_model, **sections.pop("model", {})}
        sections = {"method": LORA, "data": {"max_length": LENGTH}, **sections}
        return two_steps(tmp_path / name, objective, model=model, **sections)

    return run


def losses(told: list[Payload]) -> list[float]:
    return [payload.loss for payload in told if isinstance(payload, Metrics) and payload.loss is not None]


@pytest.mark.parametrize(
    ("objective", "method", "quantization"),
    [
        ("sft", "lora", "none"),
        ("pretrain", "dora", "none"),
        ("sft", "norm-and-embeddings", "none"),
        ("pretrain", "full", "none"),
        quantized("nf4", "sft", "lora"),
        quantized("hqq4", "pretrain", "lora"),
    ],
)
def test_training_has_groups_and_evaluation_full_attention(
    tune: Any, objective: str, method: str, quantization: str
) -> None:
    model = {"quantization": quantization}
    plain, _ = tune("plain", objective, method=METHODS[method], model=model)
    told, run = tune("shifted", objective, method=METHODS[method], model={**model, **SHIFTED})
    said = [payload.message for payload in told if isinstance(payload, Log)]
    assert "Shifted attention: groups of 16 tokens in training." in said
    assert losses(told)[0] != pytest.approx(losses(plain)[0], abs=1e-5)
    tuned, _ = run.load()
    keep_layout(tuned)
    assert loss_of(tuned, objective) == pytest.approx(last_loss(told), abs=1e-4)


def test_a_reward_model_is_trained_with_groups(tune: Any) -> None:
    plain, _ = tune("plain", "reward")
    told, _ = tune("shifted", "reward", model=SHIFTED)
    assert losses(told)[1] != pytest.approx(losses(plain)[1], abs=1e-6)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_training_with_groups_makes_answers_likely_under_full_attention(
    tune: Any, checkpointing: bool
) -> None:
    training = {"max_steps": 40, "gradient_checkpointing": checkpointing, "learning_rate": 0.02}
    told, _ = tune("run", model=SHIFTED, method={"type": "full"}, training=training)
    assert losses(told)[0] > 10
    assert last_loss(told) < 2


def test_embeddings_and_norms_are_trained_beside_adapters(tune: Any) -> None:
    told, run = tune("run", model=SHIFTED, method=PLUS)
    tuned, _ = run.load()
    assert loss_of(tuned, "sft") == pytest.approx(last_loss(told), abs=1e-5)
    whole = {
        name.split("base_model.model.model.")[1].split(".modules_to_save")[0]
        for name, _ in tuned.named_parameters()
        if ".modules_to_save." in name
    }
    of_layers = {
        f"layers.{number}.{norm}"
        for number in range(2)
        for norm in ("input_layernorm", "post_attention_layernorm")
    }
    assert whole == {"embed_tokens", "norm", *of_layers}


def test_an_architecture_without_such_attention_is_refused(
    tune: Any, smollm2_tokenizer: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "mamba"
    MambaForCausalLM(
        MambaConfig(vocab_size=len(smollm2_tokenizer), hidden_size=32, num_hidden_layers=1, state_size=4)
    ).save_pretrained(folder)
    smollm2_tokenizer.save_pretrained(folder)
    with pytest.raises(UserError, match=r"architecture \(mamba\) cannot be shifted") as error:
        tune("run", model={"name_or_path": str(folder), **SHIFTED}, method={"type": "full"})
    assert [change.path for change in error.value.changes] == [("model", "shift_attn")]


@pytest.mark.skipif(device().type != "cpu", reason="there is a GPU")
@pytest.mark.parametrize("name", ["model.liger_kernel", "training.activation_offloading"])
def test_a_run_that_needs_a_gpu_is_refused_before_anything_is_loaded(tune: Any, name: str) -> None:
    section, key = name.split(".")
    with pytest.raises(UserError, match="GPU") as error:
        tune(
            "run", **{section: {"name_or_path": "nowhere", key: True} if section == "model" else {key: True}}
        )
    assert error.value.where == name


@pytest.mark.parametrize(
    ("values", "said"),
    [
        *(
            ({"model": {"attention": name}}, f"it does not go together with attention: {name}")
            for name in ("eager", "flash_attention_2", "flash_attention_3", "flex")
        ),
        ({"method": other_kind("PREFIX_TUNING")}, "PREFIX_TUNING puts tokens in front"),
        ({"objective": "dpo"}, "dpo compares with what full attention finds"),
        ({"objective": "kto"}, "kto compares"),
        ({"objective": {"type": "sft", "loss": "asft"}}, "asft compares"),
        ({"objective": {"type": "grpo", "reward": "$f", "beta": 0.0}}, "grpo compares"),
        ({"objective": {"type": "ppo", "reward": "$f"}}, "ppo compares"),
    ],
)
def test_what_groups_do_not_go_with_is_refused(values: dict[str, Any], said: str) -> None:
    config_from_dict({"data": "rows", **values})
    with pytest.raises(ConfigError, match=said) as error:
        config_from_dict({"data": "rows", **values, "model": {**values.get("model", {}), **SHIFTED}})
    [problem] = error.value.problems
    assert problem.changes[-1].path == ("model", "shift_attn")


@pytest.mark.parametrize(
    "values",
    [
        {"model": {"attention": "sdpa"}},
        {"objective": "reward"},
        {"objective": {"type": "dpo", "loss": "orpo"}},
        {"objective": {"type": "sft", "loss": "dft"}},
    ],
)
def test_what_groups_go_with_is_taken(values: dict[str, Any]) -> None:
    alone = config_from_dict({"data": "rows", **values})
    config = config_from_dict({"data": "rows", **values, "model": {**values.get("model", {}), **SHIFTED}})
    assert config.model == alone.model.model_copy(update=SHIFTED)
    assert config.objective == alone.objective
