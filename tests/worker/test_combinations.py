"""Objectives, methods and quantizations go together, or it is said why not: every pair of them is tried."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, set_seed
from watching import losses_of
from ways import METHODS, QUESTIONS, ROWS, TRAINED, other_kind

from llmtune_kernel.config import RunConfig, UserError, config_from_dict
from llmtune_kernel.models.sources import find_model
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.run import Run
from llmtune_kernel.worker.assembling import load_trainable
from llmtune_kernel.worker.telling import Teller

Combination = tuple[str, str, str]

OBJECTIVES: dict[str, dict[str, Any]] = {
    **{name: {"type": name} for name in ROWS},
    "ppo": {"type": "ppo", "reward": "$vowels", "response_length": 16},
    "grpo": {"type": "grpo", "reward": "$vowels", "max_completion_length": 16, "beta": 0.1},
}
# Of each method what is in the names of all weights that it trains, and of no others.
TUNED = {
    "lora": r"\.lora_",
    "expanded-blocks": r"\.layers\.1\..*\.lora_",
    "dora": r"\.lora_",
    "pissa": r"\.lora_",
    "loftq": r"\.lora_",
    "eva": r"\.lora_",
    "adalora": r"\.lora_",
    "lora-and-norm": r"\.lora_|\.norm\.modules_to_save",
    "IA3": r"\.ia3_",
    "LOHA": r"\.hada_",
    "PROMPT_TUNING": r"^prompt_encoder\.",
    **{
        name: "|".join(f"^{re.escape(part)}" for part in TRAINED[name])
        for name in ("last-layer", "norm-and-embeddings", "new-block", "full")
    },
}
SETTINGS = {
    **METHODS,
    "lora-and-norm": {**METHODS["lora"], "modules_to_save": ["norm"]},
    **{name: other_kind(name) for name in ("IA3", "LOHA", "PROMPT_TUNING")},
}
QUANTIZED = ("nf4", "fp4", "int8", "hqq4", "torchao_int8")
QUANTIZATIONS = ("none", *QUANTIZED)
NOT_TOGETHER = {
    **{
        (method, bits): "would train quantized weights, which stay as they are"
        for method in ("last-layer", "norm-and-embeddings", "new-block", "full")
        for bits in QUANTIZED
    },
    **{("LOHA", bits): f"LOHA does not go with weights of {bits}" for bits in QUANTIZED},
    ("IA3", "hqq4"): "IA3 does not go with weights of hqq4",
    **{("pissa", bits): "pissa needs weights that are not quantized" for bits in QUANTIZED},
    ("loftq", "none"): "loftq makes up for quantization, and the weights are not quantized",
    ("adalora", "hqq4"): "adalora does not go with weights of hqq4",
    ("loftq", "int8"): "loftq does not go with weights of int8",
    ("dora", "int8"): "use_dora does not go with weights of int8",
    ("reward", "PROMPT_TUNING"): "PROMPT_TUNING does not train a reward model",
}
# Under a trained head, and where no rank is left, PEFT keeps one of no meaning.
UNUSED = (".score.original_module.weight", ".ranknum.default")
ALL: list[Combination] = list(itertools.product(OBJECTIVES, TUNED, QUANTIZATIONS))


def reasons(combination: Combination) -> list[str]:
    return [said for pair, said in NOT_TOGETHER.items() if set(pair) <= set(combination)]


def pairs(combination: Combination) -> set[tuple[str, ...]]:
    return set(itertools.combinations(combination, 2))


def covering(combinations: list[Combination]) -> Iterator[Combination]:
    """Few of them, in which every two things that go together are together: greedily."""
    left = set().union(*map(pairs, combinations))
    while left:
        best = max(combinations, key=lambda one: len(pairs(one) & left))
        left -= pairs(best)
        yield best


def values(folder: str, combination: Combination) -> dict[str, Any]:
    objective, method, quantization = combination
    return {
        "model": {"name_or_path": folder, "dtype": "float32", "quantization": quantization},
        "data": "rows.jsonl",
        "objective": OBJECTIVES[objective],
        "method": SETTINGS[method],
        "training": {
            "max_steps": 2,
            "save_steps": 1,
            "learning_rate": 0.01,
            "per_device_train_batch_size": 4,
        },
    }


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_what_does_not_go_together_is_refused_with_its_reason_and_nothing_else(objective: str) -> None:
    for combination in ALL:
        if combination[0] == objective:
            said, settings = reasons(combination), values("unused", combination)
            if said:
                with pytest.raises(UserError, match="|".join(said)):
                    config_from_dict(settings)
            else:
                config_from_dict(settings)


@pytest.mark.parametrize(
    "combination", list(covering([one for one in ALL if not reasons(one)])), ids=lambda one: "-".join(one)
)
def test_a_combination_changes_what_it_says_and_goes_on_from_its_checkpoint(
    tmp_path: Path, quick_model: str, combination: Combination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    objective, method, _quantization = combination
    rows = ROWS.get(objective, [{"prompt": row["prompt"]} for row in QUESTIONS])
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = values(quick_model, combination)
    config = config_from_dict(settings)

    losses = losses_of(tmp_path / "run", settings)
    assert len(losses) == 2
    assert all(loss is not None and math.isfinite(loss) for loss in losses)

    tuned, _tokenizer = Run(RunDirectory(tmp_path / "run")).load()
    after = {name: one for name, one in tuned.named_parameters() if not name.endswith(UNUSED)}
    trained = {name for name in after if re.search(TUNED[method], name)}
    if objective == "reward":
        trained |= {name for name in after if re.search(r"\bscore\.", name)}
    assert changed(config, after) == trained

    first = tmp_path / "run" / "checkpoints" / "step-000001"
    assert losses_of(tmp_path / "again", settings, first) == pytest.approx(losses[1:], abs=1e-6)


def changed(config: RunConfig, after: dict[str, torch.Tensor]) -> set[str]:
    """Names of the weights that are others than before training."""
    set_seed(config.training.seed)
    source = find_model(config.model)
    model, _packed = load_trainable(config, source, torch.float32, Teller(lambda payload: None, None))
    before = dict(model.named_parameters())
    if getattr(config.method, "changes_base", False):  # what is saved is an adapter of the model as it was
        plain: Any = AutoModelForCausalLM.from_pretrained(source.name_or_path, dtype=torch.float32)
        weights = dict(plain.named_parameters())
        inside = {name: re.sub(r"^base_model\.model\.|\.base_layer", "", name) for name in after}
        before |= {name: weights[plain] for name, plain in inside.items() if plain in weights}
    return {
        name
        for name, weight in after.items()
        if name not in before or weight.shape != before[name].shape or not same(weight, before[name])
    }


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two weights are equal; torchao compares none of its own."""
    return torch.equal(
        *(weight.dequantize() if hasattr(weight, "qdata") else weight for weight in (one, other))
    )
