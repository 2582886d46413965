"""Preference losses are those of their papers and of TRL, on packed batches as on answers alone."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, set_seed
from trl_on_cpu import moved, sequences_of, trl_trainer

from llmtune_kernel.config import DpoObjective, FullMethod, LoraMethod, config_from_dict
from llmtune_kernel.data.sequences import CHOSEN, REJECTED, TokenSequence
from llmtune_kernel.models.adapters import prepare_for_training
from llmtune_kernel.models.attention import PACKED, register_packed_attention
from llmtune_kernel.runs.events import Evaluation, Metrics, Payload
from llmtune_kernel.training.collation import EncodedDataset, Item, collate_packed, collate_padded
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.objectives import make_objective
from llmtune_kernel.training.preference import PreferenceOptimization
from llmtune_kernel.training.preference_losses import Pairs, preference_losses, rewards
from llmtune_kernel.training.reference import no_reference, without_adapter
from llmtune_kernel.training.trainer import LLMTrainer, training_arguments

PAIRS = Pairs(
    chosen=torch.tensor([-12.0, -30.0]),
    rejected=torch.tensor([-10.0, -50.0]),
    reference_chosen=torch.tensor([-14.0, -29.0]),
    reference_rejected=torch.tensor([-9.0, -45.0]),
    chosen_length=torch.tensor([6, 10]),
    rejected_length=torch.tensor([4, 20]),
)


def softplus(value: float) -> float:
    return math.log(1 + math.exp(value))


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


# Of the first pair the better answer is 2 likelier than before, the worse one 1 less likely; of the second 1 and 5 less
# likely. A token of them has -2 and -2.5, -3 and -2.5.
BY_HAND: list[tuple[dict[str, Any], list[float]]] = [
    ({"loss": "sigmoid", "beta": 0.5}, [softplus(-1.5), softplus(-2.0)]),
    (
        {"loss": "sigmoid", "beta": 0.5, "label_smoothing": 0.2},
        [0.8 * softplus(-1.5) + 0.2 * softplus(1.5), 0.8 * softplus(-2.0) + 0.2 * softplus(2.0)],
    ),
    ({"loss": "hinge", "beta": 0.3}, [1 - 0.9, 0.0]),
    ({"loss": "ipo", "beta": 0.5}, [(2 / 6 + 1 / 4 - 1) ** 2, (-1 / 10 + 5 / 20 - 1) ** 2]),
    (
        {"loss": "robust", "beta": 0.5, "label_smoothing": 0.2},
        [
            (0.8 * softplus(-1.5) - 0.2 * softplus(1.5)) / 0.6,
            (0.8 * softplus(-2.0) - 0.2 * softplus(2.0)) / 0.6,
        ],
    ),
    (
        {"loss": "bco", "beta": 0.5},
        [softplus(-1.0) + softplus(-0.5), softplus(0.5) + softplus(-2.5)],
    ),
    (
        {"loss": "orpo", "beta": 0.5},
        [
            2
            + 0.5
            * softplus(-math.log(math.exp(-2) / (1 - math.exp(-2)) * (1 - math.exp(-2.5)) / math.exp(-2.5))),
            3
            + 0.5
            * softplus(-math.log(math.exp(-3) / (1 - math.exp(-3)) * (1 - math.exp(-2.5)) / math.exp(-2.5))),
        ],
    ),
    ({"loss": "simpo", "beta": 2.0, "gamma": 0.4}, [softplus(-0.6), softplus(1.4)]),
    ({"loss": "simpo", "beta": 2.0}, [softplus(-0.5), softplus(1.5)]),
    ({"loss": "cpo", "beta": 0.1}, [softplus(0.2) + 2, softplus(-2.0) + 3]),
    (
        {"loss": "apo_zero", "beta": 0.5},
        [1 - sigmoid(1.0) + sigmoid(-0.5), 1 - sigmoid(-0.5) + sigmoid(-2.5)],
    ),
    (
        {"loss": "apo_down", "beta": 0.5},
        [sigmoid(1.0) + 1 - sigmoid(1.5), sigmoid(-0.5) + 1 - sigmoid(2.0)],
    ),
]


@pytest.mark.parametrize(("settings", "expected"), BY_HAND, ids=[str(settings) for settings, _ in BY_HAND])
def test_a_loss_is_that_of_its_paper(settings: dict[str, Any], expected: list[float]) -> None:
    losses = preference_losses(PAIRS, DpoObjective(**settings))
    assert losses.tolist() == pytest.approx(expected, abs=1e-6)


def test_an_answer_that_is_certain_has_a_finite_loss() -> None:
    certain = torch.zeros(1, requires_grad=True)
    other = torch.tensor([-3.0])
    length = torch.tensor([2])
    for loss in ("orpo", "simpo", "cpo"):
        pairs = Pairs(certain, other, torch.zeros(1), torch.zeros(1), length, length)
        losses = preference_losses(pairs, DpoObjective(loss=loss))
        [gradient] = torch.autograd.grad(losses.sum(), certain)
        assert losses.isfinite().all()
        assert gradient.isfinite().all()


def sequence(ids: list[int], prompt: int, side: int) -> TokenSequence:
    return TokenSequence(np.array(ids, np.int32), np.arange(len(ids)) >= prompt, side)


def pair(number: int) -> list[TokenSequence]:
    """A prompt of 3 tokens and two answers of different lengths, of few tokens so that there is something to learn."""
    generator = torch.Generator().manual_seed(number)

    def draw(count: int) -> list[int]:
        return torch.randint(0, 40000, (count,), generator=generator).tolist()

    prompt = draw(3)
    chosen, rejected = draw(4 + number % 3), draw(3 + number % 5)
    return [sequence(prompt + chosen, 3, CHOSEN), sequence(prompt + rejected, 3, REJECTED)]


def load(folder: str, method: LoraMethod | FullMethod, attention: str = PACKED) -> Any:
    register_packed_attention()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention)
    set_seed(3)
    return prepare_for_training(model, method)


def by_hand(model: Any, one: TokenSequence) -> torch.Tensor:
    """Log-probability of each trained token, the sequence alone."""
    ids = torch.tensor(one.ids[None].astype(np.int64))
    logits = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
    tokens = logits[torch.arange(ids.shape[1] - 1), ids[0, 1:]]
    return tokens[torch.tensor(one.trained[1:])]


def test_packed_padded_and_lone_answers_have_equal_log_probabilities(tiny_model: str) -> None:
    items = [Item(pair(number)) for number in range(4)]
    alone = moved(load(tiny_model, LoraMethod(r=4), "sdpa")).eval()
    with torch.no_grad():
        expected = [by_hand(alone, one).sum().item() for item in items for one in item.sequences]
        for packed in (True, False):
            model = moved(load(tiny_model, LoraMethod(r=4), PACKED if packed else "sdpa")).eval()
            forward = Forward.of(model, torch.float32, packed)
            objective = PreferenceOptimization(DpoObjective(), forward, no_reference)
            found = objective.ask(model, (collate_packed if packed else collate_padded)(items))
            assert forward.only_targets == packed
            assert found.tolist() == pytest.approx(expected, abs=1e-4)


def test_ld_alpha_weighs_what_an_answer_is_longer_by(tiny_model: str) -> None:
    model = load(tiny_model, FullMethod()).eval()
    forward = Forward.of(model, torch.float32, packed=True)
    objective = PreferenceOptimization(DpoObjective(ld_alpha=0.25), forward, no_reference)
    items = [Item(pair(number)) for number in range(4)]
    expected = []
    with torch.no_grad():
        for chosen, rejected in (item.sequences for item in items):
            shared = min(int(chosen.trained.sum()), int(rejected.trained.sum()))
            for one in (chosen, rejected):
                tokens = by_hand(model, one)
                expected.append((tokens[:shared].sum() + 0.25 * tokens[shared:].sum()).item())
        assert objective.ask(model, collate_packed(items)).tolist() == pytest.approx(expected, abs=1e-4)


@pytest.fixture(scope="module")
def oracle(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    trl = pytest.importorskip("trl")
    from trl.trainer import dpo_trainer

    rows = [
        {
            "prompt": f"What is {n} plus {n}?",
            "chosen": f" It is {2 * n}, of course.",
            "rejected": " No" * (n + 1),
        }
        for n in range(4)
    ]
    folder = tmp_path_factory.mktemp("trl")
    return trl_trainer(dpo_trainer, trl.DPOTrainer, trl.DPOConfig, folder, tiny_model, rows)


TRL_NAMES = {"bco": "bco_pair"}


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "sigmoid"},
        {"loss": "sigmoid", "ld_alpha": 0.3},
        {"loss": "hinge"},
        {"loss": "ipo"},
        {"loss": "robust", "label_smoothing": 0.2},
        {"loss": "bco", "beta": 0.4},
        {"loss": "apo_zero"},
        {"loss": "apo_down", "ld_alpha": 0.0},
    ],
    ids=str,
)
def test_loss_and_measures_equal_those_of_trl(oracle: Any, settings: dict[str, Any]) -> None:
    config = DpoObjective(**settings)
    oracle.loss_types = [TRL_NAMES.get(config.loss, config.loss)]
    oracle.beta, oracle.ld_alpha = config.beta, config.ld_alpha
    oracle.label_smoothing = config.label_smoothing
    oracle._metrics["train"].clear()
    model = oracle.model.train()
    batch = next(iter(oracle.get_train_dataloader()))
    expected = oracle._compute_loss(model, batch, False)
    sequences = sequences_of(batch)
    half = len(sequences) // 2
    items = [Item([sequences[number], sequences[half + number]]) for number in range(half)]
    forward = Forward.of(model, torch.float32, packed=False)
    loss = PreferenceOptimization(config, forward, without_adapter(model)).loss(model, collate_padded(items))
    assert (loss.total / half).item() == pytest.approx(expected.item(), abs=1e-5)
    for name, values in loss.measures.items():
        if config.ld_alpha is None or not name.startswith("logps"):  # TRL weighs these too
            assert values.mean().item() == pytest.approx(oracle._metrics["train"][name][0], abs=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_losses_without_reference_equal_those_of_trl(smoothing: float) -> None:
    cpo = pytest.importorskip("trl.experimental.cpo").CPOTrainer
    orpo = pytest.importorskip("trl.experimental.orpo").ORPOTrainer
    values = {"beta": 0.7, "alpha": 0.0, "simpo_gamma": 0.3, "label_smoothing": smoothing}
    self = SimpleNamespace(**values, accelerator=SimpleNamespace(device="cpu"), loss_type="simpo")

    simpo = DpoObjective(loss="simpo", beta=0.7, gamma=0.3, label_smoothing=smoothing)
    expected, *implied = cpo.cpo_loss(self, PAIRS.chosen_mean, PAIRS.rejected_mean)
    torch.testing.assert_close(preference_losses(PAIRS, simpo), expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(rewards(PAIRS, simpo), tuple(implied), atol=1e-5, rtol=0)

    self.loss_type = "sigmoid"
    config = DpoObjective(loss="cpo", beta=0.7, label_smoothing=smoothing)
    expected, *implied = cpo.cpo_loss(self, PAIRS.chosen, PAIRS.rejected)
    likelihood = PAIRS.chosen_mean
    torch.testing.assert_close(preference_losses(PAIRS, config) + likelihood, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(rewards(PAIRS, config), tuple(implied), atol=1e-5, rtol=0)

    odds = DpoObjective(loss="orpo", beta=0.7)
    expected, *implied = orpo.odds_ratio_loss(self, PAIRS.chosen_mean, PAIRS.rejected_mean)[:3]
    torch.testing.assert_close(preference_losses(PAIRS, odds) + likelihood, -expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(rewards(PAIRS, odds), tuple(implied), atol=1e-5, rtol=0)


def train(
    folder: str, tmp_path: Path, method: LoraMethod | FullMethod, objective: dict[str, Any], **training: Any
) -> list[Payload]:
    """Train 5 steps on 8 pairs, and evaluate on 3 others."""
    settings = {"max_steps": 5, "per_device_train_batch_size": 2, "learning_rate": 1e-2, **training}
    config = config_from_dict(
        {
            "data": "unused",
            "method": method.model_dump(),
            "objective": {"type": "dpo", **objective},
            "training": settings,
        }
    )
    model = load(folder, method)
    data = [EncodedDataset(pair, [[number] for number in chosen]) for chosen in (range(8), range(20, 23))]
    forward = Forward.of(model, torch.float32, packed=True)
    events: list[Payload] = []
    trainer = LLMTrainer(
        model,
        training_arguments(config, tmp_path, checkpointing=False, on_cpu=True),
        config=config,
        train=data[0],
        evaluation=data[1],
        objective=make_objective(config, model, forward, data, collate_packed, lambda done, count: None),
        collate=collate_packed,
        emit=events.append,
        at_boundary=lambda step, last: False,
        checkpoints=tmp_path,
    )
    trainer.train()
    return events


def told(events: list[Payload], kind: type[Metrics | Evaluation]) -> list[dict[str, float | None]]:
    return [{"loss": event.loss, **event.measures} for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("kind", [Metrics, Evaluation])
def test_a_precomputed_reference_is_the_model_without_its_adapter(
    tiny_model: str, tmp_path: Path, kind: type[Metrics | Evaluation]
) -> None:
    results = [
        told(train(tiny_model, tmp_path / reference, LoraMethod(r=4), {"reference": reference}), kind)
        for reference in ("adapter", "precomputed")
    ]
    for one, other in zip(*results, strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    assert results[0][-1]["loss"] != pytest.approx(math.log(2), abs=1e-3)  # it has moved


@pytest.mark.parametrize("method", [LoraMethod(r=4), FullMethod()], ids=["lora", "full"])
def test_before_the_first_step_model_and_reference_agree(
    tiny_model: str, tmp_path: Path, method: LoraMethod | FullMethod
) -> None:
    first = told(train(tiny_model, tmp_path, method, {}), Metrics)[0]
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert first["rewards/margins"] == pytest.approx(0, abs=1e-4)


def test_accumulated_pairs_train_as_one_batch_of_them_does(tiny_model: str, tmp_path: Path) -> None:
    at_once = train(tiny_model, tmp_path / "1", FullMethod(), {}, per_device_train_batch_size=4)
    parts = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2}
    accumulated = train(tiny_model, tmp_path / "2", FullMethod(), {}, **parts)
    for one, other in zip(told(at_once, Metrics), told(accumulated, Metrics), strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    assert told(at_once, Metrics)[-1]["rewards/accuracies"] == 1.0


def test_pref_ftx_adds_the_mean_likelihood_of_the_better_answers(tiny_model: str, tmp_path: Path) -> None:
    model = load(tiny_model, FullMethod()).eval()
    forward = Forward.of(model, torch.float32, packed=True)
    items = [Item(pair(number)) for number in range(3)]
    plain, mixed = (
        PreferenceOptimization(DpoObjective(pref_ftx=share), forward, no_reference).loss(
            model, collate_packed(items)
        )
        for share in (0.0, 0.7)
    )
    expected = sum(-by_hand(model, item.sequences[0]).mean().item() for item in items)
    assert (mixed.total - plain.total).item() == pytest.approx(0.7 * expected, abs=1e-4)
