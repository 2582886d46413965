"""Ways to tune, and rows to learn from, that several tests try."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from watching import in_process

from llmtune_kernel.config import SftObjective, config_from_dict
from llmtune_kernel.config.quantizations import QUANTIZATIONS, QuantizationName
from llmtune_kernel.data.encoding import encode_rows
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Evaluation, Payload
from llmtune_kernel.runs.run import Run
from llmtune_kernel.training.collation import Item, collate_padded
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.reference import no_reference
from llmtune_kernel.training.sft import SupervisedFineTuning

QUESTIONS = [{"prompt": f"What is {n} plus {n}?", "completion": f"It is {2 * n}."} for n in range(8)]
PAIRS = [{**{"prompt": row["prompt"]}, "chosen": row["completion"], "rejected": "No."} for row in QUESTIONS]
JUDGED = [{**row, "label": n % 2 == 0} for n, row in enumerate(QUESTIONS)]
TEXTS = [{"text": f"{n} plus {n} is {2 * n}, and that is all there is to say."} for n in range(8)]
ROWS: dict[str, list[dict[str, Any]]] = {
    "sft": QUESTIONS,
    "pretrain": TEXTS,
    "dpo": PAIRS,
    "kto": JUDGED,
    "reward": PAIRS,
}

LORA = {"type": "lora", "r": 4}
METHODS: dict[str, dict[str, Any]] = {
    "lora": LORA,
    "rslora": {**LORA, "use_rslora": True},
    "dora": {**LORA, "use_dora": True},
    "gaussian": {**LORA, "init_lora_weights": "gaussian"},
    "orthogonal": {**LORA, "init_lora_weights": "orthogonal"},
    "pissa": {**LORA, "init_lora_weights": "pissa"},
    "pissa-fast": {**LORA, "init_lora_weights": "pissa_niter_16"},
    "pissa-rslora": {**LORA, "init_lora_weights": "pissa", "use_rslora": True},
    "olora": {**LORA, "init_lora_weights": "olora"},
    "eva": {**LORA, "init_lora_weights": "eva"},
    "eva-dora": {**LORA, "init_lora_weights": "eva", "use_dora": True},
    "loftq": {**LORA, "init_lora_weights": "loftq"},
    "adalora": {"type": "adalora", "init_r": 6, "target_r": 3},
    "lora+": {**LORA, "loraplus_lr_ratio": 8.0},
    "lora-and-head": {**LORA, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    "pissa-and-head": {
        **LORA,
        "init_lora_weights": "pissa",
        "target_modules": ["q_proj"],
        "modules_to_save": ["lm_head"],
    },
    "last-layer": {"type": "freeze", "trainable_layers": 1},
    "first-mlp": {"type": "freeze", "trainable_layers": -1, "trainable_modules": ["mlp"]},
    "norm-and-embeddings": {
        "type": "freeze",
        "trainable_layers": 0,
        "extra_modules": ["norm", "embed_tokens"],
    },
    "new-block": {"type": "freeze", "trainable_layers": 1, "block_expansion": "new"},
    "expanded-blocks": {**LORA, "expanded_blocks": 1},
    "full": {"type": "full"},
}
TRAINED = {
    "last-layer": ["model.layers.1."],
    "first-mlp": ["model.layers.0.mlp."],
    "norm-and-embeddings": ["model.norm.", "model.embed_tokens."],
    "new-block": ["model.layers.2."],
    "full": [""],
}
# What types need to fit a model of 64 hidden units.
FITTING: dict[str, dict[str, Any]] = {
    "C3A": {"block_size": 32},
    "ROAD": {"group_size": 32},
    "TRAINABLE_TOKENS": {"token_indices": [4, 5, 28, 29, 30, 198]},
    "VBLORA": {"vector_length": 32},
    "WAVEFT": {"n_frequency": 64},
}


def other_kind(name: str) -> dict[str, Any]:
    return {"type": "peft", "peft_type": name, **FITTING.get(name, {})}


def quantized(quantization: QuantizationName, *values: Any) -> Any:
    """Parameters of a test that needs the packages of a quantization; that itself is the last of them."""
    missing = [name for name in QUANTIZATIONS[quantization].packages if not importlib.util.find_spec(name)]
    mark = pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} is not installed")
    return pytest.param(*values, quantization, marks=mark)


def two_steps(
    folder: Path, objective: str, /, *, checkpoint: Path | None = None, **sections: Any
) -> tuple[list[Payload], Run]:
    """A run of two large steps in this process, on the rows of an objective; gives what was told and the run.

    Args:
        folder: To be the directory of the run, in the working directory, into which the rows are written.
    """
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[objective]))
    steps = {"max_steps": 2, "learning_rate": 0.01, "lr_scheduler_type": "constant"}
    told = in_process(
        folder,
        checkpoint=checkpoint,
        model={"dtype": "float32", **sections.pop("model")},
        data={"train": "rows.jsonl", "eval": "rows.jsonl", **sections.pop("data", {})},
        objective={"type": objective, **sections.pop("objective", {})},
        training={**steps, **sections.pop("training", {})},
        **sections,
    )
    return told, Run(RunDirectory(folder))


def base_weights(folder: str) -> dict[str, torch.Tensor]:
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return dict(model.named_parameters())


def last_loss(told: list[Payload]) -> float:
    [*_, last] = [payload.loss for payload in told if isinstance(payload, Evaluation)]
    assert last is not None
    return last


def loss_of(model: Any, objective: str, tokenizer: Any = None) -> float:
    """The mean loss over the rows, computed plainly; with the tokenizer of the base model, if none is given."""
    tokenizer = tokenizer or AutoTokenizer.from_pretrained(model.config._name_or_path)
    encoded = encode_rows(ROWS[objective], tokenizer, config_from_dict({"data": "unused"}).data)
    batch = collate_padded([Item(encoded.example(number)) for number in range(len(encoded))])
    plain = SupervisedFineTuning(SftObjective(), Forward(torch.float32, only_targets=False), no_reference)
    with torch.no_grad():
        return float(plain.loss(model, batch).total) / plain.count(batch)
