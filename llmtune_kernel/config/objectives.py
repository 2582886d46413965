"""What a model is trained for: one section for each type of objective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.methods import AdapterName
from llmtune_kernel.config.quantizations import QuantizationName
from llmtune_kernel.config.samples import answer_length, top_k, top_p
from llmtune_kernel.config.section import PathText, Section, setting
from llmtune_kernel.locale import _

PreferenceLoss = Literal[
    "sigmoid", "hinge", "ipo", "robust", "bco", "orpo", "simpo", "cpo", "apo_zero", "apo_down"
]
WITHOUT_REFERENCE = ("orpo", "simpo", "cpo")
# The others take means over tokens, or know no reference to compare with.
_BY_SUMS: tuple[PreferenceLoss, ...] = ("sigmoid", "hinge", "robust", "bco", "apo_zero", "apo_down")
_BY_REFERENCE: tuple[PreferenceLoss, ...] = ("ipo", *_BY_SUMS)
_SIMPO_GAMMA = 0.5

Reference = Literal["auto", "adapter", "precomputed", "model"]
GrpoLoss = Literal["grpo", "bnpo", "dr_grpo", "dapo"]
SftLoss = Literal["nll", "dft", "eaft", "asft"]


def _reference(**more: Any) -> Any:
    return setting(
        "auto",
        "Reference",
        "How the model before training is asked: adapter at every step, with the adapter off; precomputed once, "
        "before the first step; model at every step, of a second model in memory; auto is adapter where that gives the "
        "model before training, else precomputed.",
        **more,
    )


def _reference_model(**more: Any) -> Any:
    return setting(
        None,
        "Reference model",
        "Model that is compared with in place of the one before training: a name on the Hub, a folder or a GGUF file; "
        "left out, the same model.",
        min_length=1,
        **more,
    )


def _reference_adapters(**more: Any) -> Any:
    return setting(
        [],
        "Adapters of the reference",
        "Runs, or folders of adapters, that are merged into the reference model one after the other.",
        **more,
    )


def _reference_quantization(**more: Any) -> Any:
    return setting(
        "none",
        "Quantization of the reference",
        "Keep the reference model in few bits, as model.quantization does.",
        **more,
    )


class _WithLoss(Section):
    """A choice of losses, some of which do not use all fields: those are refused where they are set."""

    @classmethod
    def losses_using(cls, name: str) -> Sequence[str]:
        """The losses that use a field, where not all do; else none."""
        extra = cast("dict[str, Any]", cls.model_fields[name].json_schema_extra or {})
        losses: Sequence[str] = extra.get("used_by", {}).get("loss", ())
        return losses

    @field_validator("*")
    @classmethod
    def _used_by_the_loss(cls, value: Any, info: ValidationInfo) -> Any:
        name, loss = str(info.field_name), info.data.get("loss")
        losses = cls.losses_using(name)
        if loss and losses and loss not in losses and value != cls.model_fields[name].default:
            raise ValueError(
                _("the loss {loss} does not use it", loss=loss),
                _("leave it out, or take one of {losses}", losses=", ".join(losses)),
                [leave_out(f"objective.{name}"), change_to("objective.loss", losses[0])],
            )
        return value


class SftObjective(_WithLoss):
    """Learn to give the answers of the data."""

    type: Literal["sft"] = setting("sft", "Objective", "Supervised fine-tuning on given answers.")
    loss: SftLoss = setting(
        "nll",
        "Loss",
        "nll is the usual negative log-likelihood; dft weighs each token by its probability, eaft by how unsure the "
        "model is; asft is dft held to the model before training.",
    )
    label_smoothing: float = setting(
        0.0,
        "Label smoothing",
        "Share of the probability of each token that is spread over the whole vocabulary; for nll.",
        ge=0,
        used_by={"loss": ("nll",)},
        lt=1,
    )
    eaft_alpha: float = setting(
        1.0,
        "Power of the entropy",
        "Power to which eaft takes the entropy: the higher, the less is learned of what the model is sure of.",
        ge=0,
        used_by={"loss": ("eaft",)},
    )
    asft_alpha: float = setting(
        0.1,
        "Weight of the divergence",
        "How strongly asft holds the model to that of before training.",
        ge=0,
        used_by={"loss": ("asft",)},
    )
    neftune_noise_alpha: float | None = setting(
        None,
        "NEFTune noise",
        "Strength of the noise on the embeddings in training, usually 5 to 15; left out, none.",
        ge=0,
    )


class PretrainObjective(Section):
    """Go on with the pre-training on plain text."""

    type: Literal["pretrain"] = setting("pretrain", "Objective", "Continued pre-training on plain text.")


class DpoObjective(_WithLoss):
    """Learn from pairs of a better and a worse answer to prefer the better one."""

    type: Literal["dpo"] = setting("dpo", "Objective", "Preference optimization on pairs of answers.")
    loss: PreferenceLoss = setting(
        "sigmoid",
        "Loss",
        "sigmoid is the loss of the DPO paper; orpo, simpo and cpo need no reference model.",
    )
    beta: float = setting(
        0.1,
        "Beta",
        "How strongly the model is held to the reference: lower lets it move further; for orpo the weight of the "
        "preference; simpo usually takes 2 or more.",
        gt=0,
    )
    label_smoothing: float = setting(
        0.0,
        "Label smoothing",
        "Share of pairs that may be the wrong way round; for sigmoid, robust, simpo and cpo.",
        ge=0,
        used_by={"loss": ("sigmoid", "robust", "simpo", "cpo")},
        lt=0.5,
        validate_default=True,
    )
    gamma: float | None = setting(
        None,
        "Target margin",
        "By how much the reward of the better answer should exceed that of the other; for simpo; left out, 0.5.",
        used_by={"loss": ("simpo",)},
        ge=0,
    )
    pref_ftx: float = setting(
        0.0,
        "SFT weight",
        "Weight of the SFT loss on the better answers, added to the loss; orpo and cpo already include it.",
        ge=0,
    )
    ld_alpha: float | None = setting(
        None,
        "Length weight",
        "Weight of the tokens by which an answer is longer than the other of its pair; below 1 keeps answers from "
        "growing longer; left out, 1.",
        used_by={"loss": _BY_SUMS},
        ge=0,
        le=1,
    )
    reference: Reference = _reference(used_by={"loss": _BY_REFERENCE})
    reference_model: PathText | None = _reference_model(used_by={"loss": _BY_REFERENCE})
    reference_adapters: list[AdapterName] = _reference_adapters(used_by={"loss": _BY_REFERENCE})
    reference_quantization: QuantizationName = _reference_quantization(used_by={"loss": _BY_REFERENCE})

    @field_validator("label_smoothing")
    @classmethod
    def _needed_by_robust(cls, value: float, info: ValidationInfo) -> float:
        if info.data.get("loss") == "robust" and not value:
            raise ValueError(
                _("the loss robust needs it above 0"),
                _("set it to the share of pairs that may be the wrong way round, such as 0.1"),
                [change_to("objective.label_smoothing", 0.1)],
            )
        return value

    @property
    def margin(self) -> float:
        """The target margin of simpo, null resolved."""
        return _SIMPO_GAMMA if self.gamma is None else self.gamma


class KtoObjective(Section):
    """Learn from answers that are judged one by one."""

    type: Literal["kto"] = setting(
        "kto", "Objective", "Kahneman-Tversky optimization on answers that are each wanted or not."
    )
    beta: float = setting(
        0.1, "Beta", "How strongly the model is held to the reference: lower lets it move further.", gt=0
    )
    desirable_weight: float = setting(
        1.0, "Weight of wanted answers", "Weight of their loss; raise it where they are the fewer.", ge=0
    )
    undesirable_weight: float = setting(
        1.0, "Weight of unwanted answers", "Weight of their loss; raise it where they are the fewer.", ge=0
    )
    pref_ftx: float = setting(
        0.0, "SFT weight", "Weight of the SFT loss on the wanted answers, added to the loss.", ge=0
    )
    reference: Reference = _reference()
    reference_model: PathText | None = _reference_model()
    reference_adapters: list[AdapterName] = _reference_adapters()
    reference_quantization: QuantizationName = _reference_quantization()

    @field_validator("undesirable_weight")
    @classmethod
    def _something_counts(cls, value: float, info: ValidationInfo) -> float:
        if not value and info.data.get("desirable_weight") == 0:
            raise ValueError(
                _("no answer counts where both weights are 0"),
                _("leave one of the two out"),
                [leave_out("objective.desirable_weight"), leave_out("objective.undesirable_weight")],
            )
        return value


class RewardObjective(Section):
    """Learn from pairs of a better and a worse answer to score answers."""

    type: Literal["reward"] = setting(
        "reward", "Objective", "A reward model, which scores answers, from pairs of answers."
    )
    center_rewards_coefficient: float | None = setting(
        None,
        "Centering",
        "How strongly the scores are kept around 0, such as 0.01; left out, not at all.",
        ge=0,
    )


def _check_reward(value: str) -> str:
    if value.startswith("$") and not value[1:].isidentifier():
        raise ValueError(
            _("{value!r} does not name a function", value=value),
            _("write $ and the name of one, such as $score, the name of a run, a path or an address"),
        )
    if "://" in value and not value.startswith(("http://", "https://")):
        raise ValueError(
            _("{value!r} is no address that answers are sent to", value=value),
            _("write one that begins with http:// or https://"),
        )
    return value


class _Rewarded(Section):
    """What scores the answers that are learned from, and how they are drawn."""

    type: str
    reward: Annotated[PathText, AfterValidator(_check_reward)] = setting(
        ...,
        "Reward",
        "What scores the answers: a run of the objective reward, a reward model as a path or on the Hub, an address "
        "(http://…), or a function of the notebook as $name.",
        min_length=1,
    )
    temperature: float = setting(
        1.0, "Temperature", "How much the drawn answers vary: lower varies them less.", gt=0, le=2
    )
    top_p: float = top_p()
    top_k: int = top_k(0)


class PpoObjective(_Rewarded):
    """Learn to give the answers that a reward scores higher."""

    type: Literal["ppo"] = setting(
        "ppo", "Objective", "Proximal policy optimization: the model answers prompts, and is rewarded."
    )
    ppo_epochs: int = setting(
        4, "Passes", "How often each answer is learned from before new ones are drawn.", ge=1
    )
    num_mini_batches: int = setting(
        1,
        "Mini-batches",
        "Optimizer steps in one pass over the answers drawn together; more of them draw more answers at once.",
        ge=1,
    )
    response_length: int = answer_length(128)
    missing_eos_penalty: float | None = setting(
        None,
        "Missing-end penalty",
        "Taken from the score of answers that do not end; left out, none.",
        gt=0,
    )
    kl_coef: float = setting(
        0.05,
        "Weight of the divergence",
        "How strongly the model is held to that of before training: weight of the divergence in the reward.",
        ge=0,
    )
    ppo_target: float | None = setting(
        None,
        "Target divergence",
        "Divergence of an answer that the weight is led to, up or down; left out, the weight stays.",
        gt=0,
    )
    whiten_rewards: bool = setting(
        False, "Whiten rewards", "Divide the rewards of the answers drawn together by their deviation."
    )
    ppo_score_norm: bool = setting(
        False,
        "Normalize scores",
        "Shift and scale the scores by the mean and the deviation of all until then.",
    )
    gamma: float = setting(
        1.0, "Discount", "Weight of a reward one token later; 1 discounts nothing.", gt=0, le=1
    )
    lam: float = setting(
        0.95,
        "GAE lambda",
        "Of the generalized advantage estimation: lower trusts the value model more, 1 only the rewards.",
        ge=0,
        le=1,
    )
    cliprange: float = setting(
        0.2, "Clip range", "How far the probability of a token may move before more is no gain.", gt=0
    )
    cliprange_value: float = setting(
        0.2, "Clip range of values", "How far a value may move from that of before the step.", gt=0
    )
    vf_coef: float = setting(0.1, "Weight of values", "Weight of the value loss in the whole loss.", ge=0)
    reference_model: PathText | None = _reference_model()
    reference_adapters: list[AdapterName] = _reference_adapters()
    reference_quantization: QuantizationName = _reference_quantization()

    @property
    def longest_answer(self) -> int:
        """Tokens of the longest answer."""
        return self.response_length

    @property
    def passes(self) -> int:
        """How often each answer is learned from."""
        return self.ppo_epochs

    @property
    def answers_per_prompt(self) -> int:
        """How many answers to a prompt are drawn together."""
        return 1


class GrpoObjective(_Rewarded):
    """Learn to give the answers that a reward scores higher than others to the same prompt."""

    type: Literal["grpo"] = setting(
        "grpo", "Objective", "Group relative policy optimization: answers to a prompt are compared."
    )
    num_generations: int = setting(
        8, "Answers to a prompt", "How many answers to each prompt are drawn and compared.", ge=2
    )
    max_completion_length: int = answer_length(512)
    num_iterations: int = setting(
        1, "Passes", "How often each answer is learned from before new ones are drawn.", ge=1
    )
    steps_per_generation: int | None = setting(
        None,
        "Batches of answers",
        "Batches in one pass over the answers drawn together, and more where they do not hold all answers to each "
        "prompt; left out, those of one step.",
        unit="batches",
        ge=1,
    )
    loss_type: GrpoLoss = setting(
        "dapo",
        "Loss",
        "What the loss is a mean of: dapo of all tokens, bnpo of the tokens of each batch, grpo of the answers; "
        "dr_grpo divides the sum of an answer by the length of the longest that may be.",
    )
    importance_sampling_level: Literal["token", "sequence"] = setting(
        "token",
        "Level of clipping",
        "What is clipped: token, the change of each token's probability; sequence, the mean change of an answer, as "
        "GSPO does.",
    )
    scale_rewards: Literal["group", "batch", "none"] = setting(
        "group",
        "Scale rewards",
        "What rewards are divided by: group, the deviation of the answers to the same prompt; batch, that of all drawn "
        "together; none, nothing.",
    )
    epsilon: float = setting(
        0.2, "Clip range", "How far the probability of a token may move before more is no gain.", gt=0
    )
    epsilon_high: float | None = setting(
        None, "Clip range upwards", "The same where it rises, such as 0.28; left out, the clip range.", gt=0
    )
    beta: float = setting(
        0.0,
        "Beta",
        "How strongly the model is held to that of before training; 0 does without, and saves its memory and time.",
        ge=0,
    )
    mask_truncated_completions: bool = setting(
        False, "Leave out cut answers", "Learn nothing from answers that do not end."
    )

    @property
    def longest_answer(self) -> int:
        """Tokens of the longest answer."""
        return self.max_completion_length

    @property
    def passes(self) -> int:
        """How often each answer is learned from."""
        return self.num_iterations

    @property
    def answers_per_prompt(self) -> int:
        """How many answers to a prompt are drawn together."""
        return self.num_generations


# Objectives that can compare with a model of their own choice.
ComparedObjective = DpoObjective | KtoObjective | PpoObjective
# Objectives that learn from answers of the model itself.
RewardedObjective = PpoObjective | GrpoObjective
Objective = Annotated[
    SftObjective | PretrainObjective | DpoObjective | KtoObjective | RewardObjective | RewardedObjective,
    Field(discriminator="type"),
]
