"""The loss of judged answers is that of the paper and of TRL."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM
from trl_on_cpu import sequences_of, trl_trainer

from llmtune_kernel.config import KtoObjective
from llmtune_kernel.data.sequences import CHOSEN, REJECTED, TokenSequence
from llmtune_kernel.training.collation import EncodedDataset, Item, collate_packed, collate_padded
from llmtune_kernel.training.kto import KahnemanTversky, MismatchedDataset
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.reference import without_adapter


def answers(prompts: list[list[int]], replies: list[list[int]]) -> EncodedDataset:
    def example(number: int) -> list[TokenSequence]:
        ids = np.array(prompts[number] + replies[number], np.int32)
        return [TokenSequence(ids, np.arange(len(ids)) >= len(prompts[number]), CHOSEN)]

    return EncodedDataset(example, [[number] for number in range(len(prompts))])


def test_every_prompt_gets_the_answer_to_another_and_every_answer_is_passed_on_once() -> None:
    prompts = [[100 + number] * 3 for number in range(20)]
    replies = [[200 + number] * (1 + number % 4) for number in range(20)]
    dataset = MismatchedDataset(answers(prompts, replies), max_length=6, seed=1)
    passed_on = []
    for number in range(20):
        own, mismatched = dataset[number].sequences
        assert own.ids.tolist() == prompts[number] + replies[number]
        assert mismatched.ids[:3].tolist() == prompts[number]
        assert mismatched.trained.tolist() == [False] * 3 + [True] * (len(mismatched.ids) - 3)
        other = int(mismatched.ids[3]) - 200
        assert other != number
        assert mismatched.ids[3:].tolist() == replies[other][:3]  # cut to max_length
        passed_on.append(other)
    assert sorted(passed_on) == list(range(20))


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_the_loss_is_that_of_the_paper_and_the_sft_loss_of_wanted_answers(
    tiny_model: str, share: float
) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()
    config = KtoObjective(beta=0.5, desirable_weight=2.0, undesirable_weight=3.0, pref_ftx=share)
    ids = [np.array(row, np.int32) for row in ([1, 2, 3, 4], [5, 6, 7], [1, 2, 8], [5, 6, 9, 3])]
    trained = [np.arange(len(row)) >= 2 for row in ids]
    wanted, unwanted = TokenSequence(ids[0], trained[0], CHOSEN), TokenSequence(ids[1], trained[1], REJECTED)
    pairs = [(wanted, TokenSequence(ids[2], trained[2])), (unwanted, TokenSequence(ids[3], trained[3]))]
    reference = [[-20.0, -12.0], [-10.0, -24.0]]
    items = [
        Item(list(pair), np.array(values, np.float32)) for pair, values in zip(pairs, reference, strict=True)
    ]
    objective = KahnemanTversky(config, Forward(torch.float32, False), lambda ask, batch: batch["reference"])
    batch = KahnemanTversky.collate(items, collate_padded)
    logps = objective.ask(model, batch).view(-1, 2).tolist()
    kl = max(0.0, sum(logps[n][1] - reference[n][1] for n in range(2)) / 2)
    first, second = (logps[n][0] - reference[n][0] for n in range(2))
    expected = 2 * (1 - 1 / (1 + math.exp(-0.5 * (first - kl)))) + 3 * (
        1 - 1 / (1 + math.exp(-0.5 * (kl - second)))
    )
    expected -= share * logps[0][0] / 2  # the mean of its two tokens
    loss = objective.loss(model, batch)
    assert loss.total.item() == pytest.approx(expected, abs=1e-5)
    assert loss.measures["kl"].item() == pytest.approx(kl, abs=1e-4)
    assert loss.measures["rewards/chosen"].tolist() == pytest.approx([0.5 * first], abs=1e-4)
    assert loss.measures["rewards/rejected"].tolist() == pytest.approx([0.5 * second], abs=1e-4)


@pytest.fixture(scope="module")
def oracle(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    trl = pytest.importorskip("trl")
    from trl.trainer import kto_trainer

    rows = [
        {
            "prompt": f"What is {n} plus {n}?",
            "completion": f" It is {2 * n}" + " indeed" * n,
            "label": n % 3 != 0,
        }
        for n in range(5)
    ]
    folder = tmp_path_factory.mktemp("trl")
    return trl_trainer(kto_trainer, trl.KTOTrainer, trl.KTOConfig, folder, tiny_model, rows)


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.7, 1.9)])
@pytest.mark.parametrize("packed", [True, False])
def test_loss_and_measures_equal_those_of_trl(
    oracle: Any, weights: tuple[float, float], packed: bool
) -> None:
    config = KtoObjective(beta=0.3, desirable_weight=weights[0], undesirable_weight=weights[1])
    oracle.beta, oracle.desirable_weight, oracle.undesirable_weight = 0.3, *weights
    oracle._metrics["train"].clear()
    model = oracle.model.train()
    batch = next(iter(oracle.get_train_dataloader()))
    expected = oracle._compute_loss(model, batch, False)
    sides = [CHOSEN if label else REJECTED for label in batch["label"]]
    both = zip(sequences_of(batch, sides=sides), sequences_of(batch, "KL_"), strict=True)
    objective = KahnemanTversky(config, Forward.of(model, torch.float32, packed), without_adapter(model))
    items = [Item(list(pair)) for pair in both]
    loss = objective.loss(model, KahnemanTversky.collate(items, collate_packed if packed else collate_padded))
    assert (loss.total / len(items)).item() == pytest.approx(expected.item(), abs=1e-5)
    for name, values in loss.measures.items():
        assert values.mean().item() == pytest.approx(oracle._metrics["train"][name][0], abs=1e-4)
