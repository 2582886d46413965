"""Scores of packed answers are those of each alone, and their loss is that of the paper and of TRL."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, set_seed
from trl_on_cpu import moved

from llmtune_kernel.config import FullMethod, LoraMethod, Method, RewardObjective, TrainingConfig
from llmtune_kernel.data.sequences import CHOSEN, REJECTED, TokenSequence
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.attention import PACKED, packing_works, register_packed_attention
from llmtune_kernel.models.parts import matrices, projected
from llmtune_kernel.training.collation import Item, collate_packed, collate_padded
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.reward import RewardModelling, pairwise

PADDING = 2


def load(folder: str, method: Method, packed: bool = True, padding: int | None = PADDING) -> Any:
    register_packed_attention()
    set_seed(3)
    model: Any = AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=1,
        dtype=torch.float32,
        pad_token_id=padding,
        attn_implementation=PACKED if packed else "sdpa",
    )
    assert packing_works(model.base_model)
    return moved(prepare_for_training(model, method)).eval()


def items() -> list[Item]:
    """Pairs of answers of different lengths, some of which end with the token of padding."""
    generator = np.random.default_rng(1)

    def draw(length: int, end: list[int]) -> TokenSequence:
        ids = np.array([*generator.integers(3, 40000, length), *end], np.int32)
        return TokenSequence(ids, np.arange(len(ids)) >= 2, CHOSEN if end else REJECTED)

    return [Item([draw(5 + number, [PADDING] * number), draw(9 - number, [])]) for number in range(3)]


@pytest.mark.parametrize("method", [LoraMethod(r=4), FullMethod()], ids=["lora", "full"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("padding", [PADDING, None])
def test_a_score_is_that_of_the_answer_alone(
    tiny_model: str, method: Method, packed: bool, padding: int | None
) -> None:
    model = load(tiny_model, method, packed, padding)
    sequences = [sequence for item in items() for sequence in item.sequences]
    collate = collate_packed if packed else collate_padded
    with torch.no_grad():
        alone = [model(input_ids=torch.tensor(one.ids[None].astype(np.int64))).logits for one in sequences]
        scores = Forward.of(model, torch.float32, packed).scores(model, collate(items()))
    expected = torch.cat(alone)[:, 0].tolist()
    assert scores.tolist() == pytest.approx(expected, abs=1e-5)
    assert len({round(score, 3) for score in expected}) > 3


def test_optimizers_of_matrices_take_the_head_for_none(tiny_model: str) -> None:
    model = load(tiny_model, FullMethod())
    for names in (matrices(model), projected(TrainingConfig(), model)):
        assert {name.split(".")[0] for name in names} == {"model"}


def test_the_loss_is_that_of_the_paper() -> None:
    chosen, rejected = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 1.0])
    expected = [math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))]
    assert pairwise(chosen, rejected, 0.0).tolist() == pytest.approx(expected)
    assert pairwise(chosen, rejected, 0.1).tolist() == pytest.approx([expected[0] + 0.9, expected[1] + 0.1])


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("centering", [None, 0.3])
def test_loss_and_measures_equal_those_of_trl(
    tiny_model: str, tmp_path: Path, packed: bool, centering: float | None
) -> None:
    trl = pytest.importorskip("trl")
    from datasets import Dataset

    rows = [
        {"prompt": f"What is {n} plus {n}?", "chosen": f" It is {2 * n}.", "rejected": " No" * (n + 1)}
        for n in range(4)
    ]
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    oracle = trl.RewardTrainer(
        model=load(tiny_model, FullMethod(), packed=False, padding=tokenizer.pad_token_id),
        args=trl.RewardConfig(
            str(tmp_path),
            per_device_train_batch_size=len(rows),
            center_rewards_coefficient=centering,
            use_cpu=True,
            bf16=False,
            report_to=[],
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )
    batch = next(iter(oracle.get_train_dataloader()))
    expected = oracle.compute_loss(oracle.model.train(), dict(batch))
    sequences = [
        TokenSequence(ids[seen].numpy().astype(np.int32), np.ones(int(seen.sum()), bool))
        for ids, seen in zip(batch["input_ids"], batch["attention_mask"].bool(), strict=True)
    ]
    half = len(rows)
    pairs = [Item([sequences[number], sequences[half + number]]) for number in range(half)]
    model = load(tiny_model, FullMethod(), packed, padding=tokenizer.pad_token_id)
    objective = RewardModelling(
        RewardObjective(center_rewards_coefficient=centering), Forward.of(model, torch.float32, packed)
    )
    loss = objective.loss(model, collate_packed(pairs) if packed else collate_padded(pairs))
    assert (loss.total / half).item() == pytest.approx(expected.item(), abs=1e-5)
    for name, values in loss.measures.items():
        assert values.mean().item() == pytest.approx(oracle._metrics["train"][name][0], abs=1e-5)
