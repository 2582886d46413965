"""The loss of answers that are compared with others to their prompt is that of TRL, on packed batches as on padded."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl_on_cpu import plain_head

from llmtune_kernel.config import config_from_dict
from llmtune_kernel.data.examples import Question
from llmtune_kernel.runs.completion import Drawn
from llmtune_kernel.training.collation import collate_packed, collate_padded
from llmtune_kernel.training.grpo import GroupRelativePolicy, GrpoRollouts
from llmtune_kernel.training.objective import Forward
from llmtune_kernel.training.reference import frozen_copy
from llmtune_kernel.training.rollouts import Turn

PROMPTS = [Question([{"role": "user", "content": text}]) for text in ("one", "two")]
ASKED = [[11, 12, 13], [14, 15]]
# Of each prompt three answers, of different lengths; the end is a token of its own.
ANSWERS = [[21, 22], [23, 24, 25, 26], [27], [28, 29, 30], [31, 32, 33], [34, 35, 36, 37, 38]]
CUT = (1, 5)
SCORES = [1.0, -0.5, 2.0, 0.25, 0.25, 0.25]
SETTINGS: dict[str, Any] = {"num_generations": 3, "max_completion_length": 6, "temperature": 0.8}


@pytest.fixture(scope="module")
def tokenizer(tiny_model: str) -> Any:
    return AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture
def model(tiny_model: str) -> Any:
    return AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)


def answers_of(tokenizer: Any) -> list[Drawn]:
    return [
        Drawn(
            ASKED[number // 3],
            answer if number in CUT else [*answer, tokenizer.eos_token_id],
            "",
            number not in CUT,
        )
        for number, answer in enumerate(ANSWERS)
    ]


def rollouts(model: Any, tokenizer: Any, packed: bool, before: Any = None, **settings: Any) -> GrpoRollouts:
    """Of answers that are given, against the model as it is or that of `before`."""
    objective = {"type": "grpo", "reward": "$x", **SETTINGS, **settings}
    config = config_from_dict(
        {"data": "unused", "objective": objective, "training": {"per_device_train_batch_size": 6}}
    )
    given = answers_of(tokenizer)
    return GrpoRollouts(
        config,
        model,
        Forward.of(model, torch.float32, packed),
        frozen_copy(before if before is not None else model) if config.reference else None,
        draw=lambda prompts, seed: given,
        reward=lambda prompts, answers: SCORES,
        collate=collate_packed if packed else collate_padded,
    )


def turns(*places: int) -> list[Turn]:
    return [Turn(0, (0, 0, 0, 1, 1, 1), place) for place in places]


def moved(model: Any) -> None:
    """Change the model a little, as training does."""
    torch.manual_seed(4)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.03 * torch.randn_like(weight)


@pytest.fixture(scope="module")
def oracle(tiny_model: str, tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """TRL's trainer, whose model draws the answers that are given."""
    trl = pytest.importorskip("trl")
    from datasets import Dataset
    from trl.trainer import grpo_trainer

    drawn = answers_of(tokenizer)

    def draw(prompts: Any, trainer: Any) -> dict[str, Any]:
        return {
            "prompt_ids": [one.prompt for one in drawn],
            "completion_ids": [one.answer for one in drawn],
            "logprobs": None,
        }

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grpo_trainer, "add_fused_lm_head", plain_head)
        made = trl.GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32),
            reward_funcs=lambda prompts, **more: SCORES,
            args=trl.GRPOConfig(
                str(tmp_path_factory.mktemp("trl")),
                per_device_train_batch_size=6,
                num_iterations=2,
                beta=0.1,
                use_cpu=True,
                bf16=False,
                report_to=[],
                gradient_checkpointing=False,
                **SETTINGS,
            ),
            train_dataset=Dataset.from_list([{"prompt": "one"}, {"prompt": "two"}]),
            processing_class=tokenizer,
            rollout_func=draw,
        )
    return made


def told_by(
    oracle: Any, model: Any, before: Any, settings: dict[str, Any]
) -> tuple[float, dict[str, float], Any]:
    """TRL's loss, measures and gradients after answers were drawn from `before` and the model has moved."""
    values = {"loss_type": "dapo", "beta": 0.0, "scale_rewards": "group", "mask_truncated_completions": False}
    values |= {"importance_sampling_level": "token", "epsilon_low": 0.2, "epsilon_high": 0.2, **settings}
    if "epsilon" in settings:
        values["epsilon_low"] = settings["epsilon"]
    for name, value in values.items():
        setattr(oracle, name, value)
    oracle.current_gradient_accumulation_steps = 1
    oracle._metrics["train"].clear()
    oracle.model.train()
    oracle.model.load_state_dict(before.state_dict())
    rows = [{"prompt": "one"}] * 3 + [{"prompt": "two"}] * 3
    inputs = oracle._generate_and_score_completions(rows)
    oracle.model.load_state_dict(model.state_dict())
    oracle.model.zero_grad()
    loss = oracle._compute_loss(oracle.model, inputs)
    loss.backward()
    measures = {name: sum(values) / len(values) for name, values in oracle._metrics["train"].items()}
    return loss.item(), measures, [weight.grad for weight in oracle.model.parameters()]


# As we name what TRL names otherwise.
THEIR_NAMES = {"answer_length": "completions/mean_length"}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"loss_type": "grpo"},
        {"loss_type": "bnpo"},
        {"loss_type": "dr_grpo", "scale_rewards": "none"},
        {"scale_rewards": "batch", "epsilon": 0.05, "epsilon_high": 0.4},
        {"beta": 0.2},
        {"beta": 0.2, "loss_type": "grpo", "importance_sampling_level": "sequence"},
        *(
            {"mask_truncated_completions": True, "loss_type": one}
            for one in ("dapo", "grpo", "bnpo", "dr_grpo")
        ),
    ],
    ids=str,
)
def test_loss_measures_and_gradients_equal_those_of_trl(
    model: Any, tokenizer: Any, oracle: Any, settings: dict[str, Any], packed: bool
) -> None:
    before = copy.deepcopy(model)
    moved(before)
    made = rollouts(before, tokenizer, packed, model, **settings)
    batch = made.batch(turns(4, 0, 2, 5, 1, 3), PROMPTS)
    reference = copy.deepcopy(model)
    model.load_state_dict(before.state_dict())
    moved(model)
    objective = GroupRelativePolicy(made._config, Forward.of(model, torch.float32, packed))
    loss = objective.loss(model, batch)
    mean = loss.total / objective.count(batch)
    mean.backward()

    oracle.ref_model.load_state_dict(reference.state_dict())
    their_loss, theirs, gradients = told_by(oracle, model, before, settings)
    assert mean.item() == pytest.approx(their_loss, abs=1e-5)
    assert their_loss != 0
    for ours, other in zip(model.parameters(), gradients, strict=True):
        assert torch.allclose(ours.grad, other, atol=1e-5)
    measures = {name: float(values.detach().mean()) for name, values in loss.measures.items()}
    assert measures.pop("ended") == pytest.approx(1 - theirs["completions/clipped_ratio"])
    for name, value in measures.items():
        # Of whole answers TRL tells how many of them were clipped, we how many of the tokens.
        if not (name.startswith("clip") and "importance_sampling_level" in settings):
            assert value == pytest.approx(theirs[THEIR_NAMES.get(name, name)], abs=1e-5), name
    assert measures["frac_reward_zero_std"] == (0 if settings.get("scale_rewards") == "batch" else 0.5)
    assert measures["clip_ratio/region_mean"] > 0


def test_what_was_just_drawn_has_ratio_1_and_is_learned_from(model: Any, tokenizer: Any) -> None:
    made = rollouts(model, tokenizer, packed=True, beta=0.1)
    objective = GroupRelativePolicy(made._config, Forward.of(model, torch.float32, True))
    loss = objective.loss(model, made.batch(turns(0, 1, 2, 3, 4, 5), PROMPTS))
    assert float(loss.measures["kl"].abs().max()) == pytest.approx(0, abs=1e-6)
    assert float(loss.measures["clip_ratio/region_mean"].max()) == 0
    loss.total.backward()
    assert model.lm_head.weight.grad.abs().sum() > 0


def test_nothing_is_learned_where_all_answers_are_cut(model: Any, tokenizer: Any) -> None:
    for loss_type in ("dapo", "grpo", "bnpo", "dr_grpo"):
        made = rollouts(model, tokenizer, True, mask_truncated_completions=True, loss_type=loss_type)
        objective = GroupRelativePolicy(made._config, Forward.of(model, torch.float32, True))
        loss = objective.loss(model, made.batch(turns(*CUT), PROMPTS))
        loss.total.backward()
        assert float(loss.total) == 0
        assert float(model.lm_head.weight.grad.abs().sum()) == 0
        assert loss.measures["entropy"].numel() == 0


def test_a_rollout_goes_on_from_what_was_saved(model: Any, tokenizer: Any, tmp_path: Path) -> None:
    made, other = (rollouts(model, tokenizer, True, beta=0.1) for _ in range(2))
    made.batch(turns(0, 1), PROMPTS)
    made.save(tmp_path / "state")
    moved(model)
    other.load(tmp_path / "state")
    ours, theirs = (one.batch(turns(2, 4), PROMPTS) for one in (made, other))
    assert torch.equal(ours["input_ids"], theirs["input_ids"])
    assert ours["experience"].keys() == theirs["experience"].keys() > {"logps", "reference", "advantages"}
    for name, values in ours["experience"].items():
        assert torch.equal(theirs["experience"][name], values), name


def test_answers_to_evaluation_prompts_are_measured(model: Any, tokenizer: Any) -> None:
    before = copy.deepcopy(model)
    moved(model)
    plain = rollouts(model, tokenizer, True).measures(PROMPTS)
    assert plain == pytest.approx({"reward": sum(SCORES) / 6, "answer_length": 22 / 6, "ended": 4 / 6})
    assert rollouts(model, tokenizer, True, before, beta=0.1).measures(PROMPTS)["kl"] > 0
