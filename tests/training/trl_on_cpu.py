"""TRL as the oracle of our losses, on a machine without a GPU."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmtune_kernel.data.sequences import TokenSequence


def moved(model: Any) -> Any:
    """The model with adapters that change its answers."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.5)
    return model


def trl_trainer(
    module: ModuleType, trainer: Any, config: Any, folder: Path, tiny_model: str, rows: list[dict[str, Any]]
) -> Any:
    """A trainer of TRL, from its `module`, with a model that has moved away from its reference."""
    from datasets import Dataset
    from peft import LoraConfig

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "add_fused_lm_head", plain_head)
        made = trainer(
            model=AutoModelForCausalLM.from_pretrained(
                tiny_model, dtype=torch.float32, attn_implementation="sdpa"
            ),
            args=config(
                str(folder),
                per_device_train_batch_size=len(rows),
                use_cpu=True,
                bf16=False,
                report_to=[],
                gradient_checkpointing=False,
            ),
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(tiny_model),
            peft_config=LoraConfig(r=4, target_modules="all-linear"),
        )
    moved(made.model)
    return made


def sequences_of(batch: dict[str, Any], prefix: str = "", sides: Any = None) -> list[TokenSequence]:
    """The sequences of a batch of TRL."""
    parts = (batch[f"{prefix}{name}"] for name in ("input_ids", "attention_mask", "completion_mask"))
    return [
        TokenSequence(
            ids[seen.bool()].numpy().astype(np.int32),
            trained[seen.bool()].bool().numpy(),
            0 if sides is None else sides[number],
        )
        for number, (ids, seen, trained) in enumerate(zip(*parts, strict=True))
    ]


def plain_head(model: Any, temperature: float = 1.0, **settings: Any) -> None:
    """What TRL's head, which needs a GPU, computes of the targets, in plain torch."""
    forward = model.forward

    def answer(*, labels: torch.Tensor | None = None, fused_lm_head: bool = False, **inputs: Any) -> Any:
        outputs = forward(**inputs)
        if labels is None or not fused_lm_head:
            return outputs
        logits, targets = outputs.logits[:, :-1] / temperature, labels[:, 1:]
        scored = targets != -100
        logps = logits.log_softmax(-1)
        chosen = logps.gather(-1, targets.clamp(min=0)[..., None])[..., 0]
        return SimpleNamespace(
            log_probs=chosen * scored,
            entropy=-(logps.exp() * logps).sum(-1),
            mean_logits=logits.mean(-1),
            is_top1=(logits.argmax(-1) == targets),
            label_mask=scored,
        )

    model.forward = answer
