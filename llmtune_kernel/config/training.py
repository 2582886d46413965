"""How the weights are updated, who is told, and how the process runs.

Each field carries what the form, the documentation and the errors say of it. Names are those of transformers. None
means "not set"; what then happens is in the description.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from llmtune_kernel.config.changes import exclusion, leave_out
from llmtune_kernel.config.methods import ModuleName
from llmtune_kernel.config.optimizers import (
    AT_ONCE,
    LOW_RANK,
    OPTIMIZERS,
    WITH_BETAS,
    WITH_EPSILON,
    WITH_SETTINGS,
    OptimizerName,
    OptimizerSettings,
    Value,
    check_settings,
)
from llmtune_kernel.config.section import Section, setting
from llmtune_kernel.locale import N_, _

OTHER_TRACKERS = frozenset(
    {
        "aim",
        "all",
        "clearml",
        "codecarbon",
        "comet_ml",
        "dvclive",
        "mlflow",
        "neptune",
        "swanlab",
        "trackio",
        "wandb",
    }
)


class TrainingConfig(Section):
    """How the weights are updated, and how often something is reported or saved."""

    num_train_epochs: float = setting(3.0, "Epochs", "Passes over the training data.", unit="epochs", gt=0)
    max_steps: int | None = setting(
        None,
        "Maximum steps",
        "Stop after this many updates; left out, the epochs count.",
        unit="steps",
        ge=1,
    )
    per_device_train_batch_size: int = setting(
        4, "Batch size", "Examples in one forward pass on each device.", unit="examples", ge=1
    )
    per_device_eval_batch_size: int = setting(
        8,
        "Evaluation batch size",
        "Examples in one forward pass on each device in evaluation.",
        unit="examples",
        ge=1,
    )
    gradient_accumulation_steps: int = setting(
        1, "Gradient accumulation", "Forward passes whose gradients make one update.", unit="passes", ge=1
    )
    learning_rate: Literal["auto"] | Annotated[float, Field(gt=0)] = setting(
        "auto", "Learning rate", "Peak learning rate; auto takes one that suits the method and the objective."
    )
    lr_scheduler_type: Literal[
        "linear",
        "cosine",
        "constant",
        "constant_with_warmup",
        "cosine_with_restarts",
        "polynomial",
        "inverse_sqrt",
    ] = setting("cosine", "Learning rate schedule", "How the learning rate changes over the run.")
    warmup_ratio: float = setting(
        0.03, "Warm-up", "Share of the steps in which the learning rate rises from 0 to its peak.", ge=0, le=1
    )
    warmup_steps: int | None = setting(
        None, "Warm-up steps", "Number of these steps, in place of their share.", unit="steps", ge=1
    )
    weight_decay: float = setting(0.0, "Weight decay", "Decay of the weights at each update.", ge=0)
    max_grad_norm: float = setting(
        1.0, "Gradient clipping", "Gradients are scaled down to this norm; 0 leaves them as they are.", ge=0
    )
    optim: OptimizerName = setting(
        "adamw_torch",
        "Optimizer",
        "The algorithm that updates the weights; most others than adamw_torch need less memory.",
    )
    optim_target_modules: Literal["all-linear"] | Annotated[list[ModuleName], Field(min_length=1)] = setting(
        "all-linear",
        "Projected modules",
        "Where the optimizer works in few dimensions: all-linear, or parts of names such as self_attn, mlp.",
        used_by={"optim": LOW_RANK},
    )
    optim_args: OptimizerSettings = setting(
        {},
        "Optimizer settings",
        "What else the optimizer can be told, such as {rank: 64}.",
        words=N_("a section of settings such as {rank: 64}"),
        used_by={"optim": WITH_SETTINGS},
    )
    adam_beta1: float = setting(
        0.9,
        "Beta 1",
        "How long the optimizer remembers gradients.",
        ge=0,
        lt=1,
        used_by={"optim": WITH_BETAS},
    )
    adam_beta2: float = setting(
        0.999,
        "Beta 2",
        "How long the optimizer remembers the size of gradients.",
        ge=0,
        lt=1,
        used_by={"optim": WITH_BETAS},
    )
    adam_epsilon: float = setting(
        1e-8,
        "Epsilon",
        "Keeps updates finite where gradients are tiny.",
        gt=0,
        used_by={"optim": WITH_EPSILON},
    )
    seed: int = setting(
        42,
        "Seed",
        "Start of all random numbers: order of the data, new weights, dropout.",
        ge=0,
        le=2**32 - 1,
    )
    logging_steps: int = setting(
        1, "Log every", "Report loss and speed every this many steps.", unit="steps", ge=1
    )
    eval_steps: int | None = setting(
        None,
        "Evaluate every",
        "Evaluate every this many steps; left out, once an epoch.",
        unit="steps",
        ge=1,
    )
    save_strategy: Literal["steps", "epoch"] = setting(
        "steps",
        "Save by",
        "steps saves a checkpoint as often as the next setting says, epoch at the end of each epoch.",
    )
    save_steps: int | None = setting(
        None,
        "Save every",
        "Save a checkpoint every this many steps; left out, on stop, on request and, for lora, at the end.",
        unit="steps",
        ge=1,
        used_by={"save_strategy": ["steps"]},
    )
    save_total_limit: int | None = setting(
        None,
        "Checkpoints kept",
        "Keep only so many checkpoints, the newest ones; left out, all.",
        unit="checkpoints",
        ge=1,
    )
    load_best_model_at_end: bool = setting(
        False,
        "Best weights",
        "End with the weights that had the lowest loss on the evaluation data; otherwise with the last ones.",
    )
    early_stopping_patience: int | None = setting(
        None,
        "Early stopping",
        "End when so many evaluations in a row bring no lower loss; left out, after the last step.",
        unit="evaluations",
        ge=1,
    )
    gradient_checkpointing: Literal["auto"] | bool = setting(
        "auto",
        "Gradient checkpointing",
        "Recompute activations to save memory; auto does so only where memory is short.",
    )
    activation_offloading: bool = setting(
        False,
        "Activation offloading",
        "Keep activations in the memory of the machine until they are needed: less of the GPU's, and more time.",
    )
    fp8: bool = setting(
        False,
        "Products in FP8",
        "Compute the matrix products of linear layers in 8 bits, with torchao: by GPUs since Ada and Hopper, "
        "elsewhere emulated, which is slow.",
    )
    auto_batch_size: bool = setting(
        False,
        "Smaller batches where memory runs out",
        "Where memory runs out, halve the batch, double the accumulation and go on from the last step.",
    )

    @field_validator("save_steps")
    @classmethod
    def _saves_by_steps(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("save_strategy") == "epoch":
            raise ValueError(
                _("{key} and {other} exclude each other", key="save_strategy: epoch", other="save_steps"),
                _("keep one of the two"),
                [leave_out("training.save_strategy"), leave_out("training.save_steps")],
            )
        return value

    @field_validator("warmup_steps")
    @classmethod
    def _one_kind_of_warm_up(cls, value: int | None, info: ValidationInfo) -> int | None:
        share = info.data.get("warmup_ratio")
        if value is not None and share not in (None, 0, cls.model_fields["warmup_ratio"].default):
            raise exclusion("training.warmup_ratio", "training.warmup_steps")
        return value

    @field_validator("optim")
    @classmethod
    def _suits_the_updates(cls, value: OptimizerName, info: ValidationInfo) -> OptimizerName:
        if value in AT_ONCE and info.data.get("gradient_accumulation_steps", 1) > 1:
            raise ValueError(
                _("{optimizer} updates each weight at once and accumulates no gradients", optimizer=value),
                _("leave gradient_accumulation_steps out, and raise per_device_train_batch_size"),
                [leave_out("training.gradient_accumulation_steps")],
            )
        usual = cls.model_fields["max_grad_norm"].default
        if value in AT_ONCE and info.data.get("max_grad_norm", usual) not in (0, usual):
            raise ValueError(
                _("{optimizer} updates each weight at once and clips no gradients", optimizer=value),
                _("leave max_grad_norm out"),
                [leave_out("training.max_grad_norm")],
            )
        if not OPTIMIZERS[value].decays and info.data.get("weight_decay"):
            raise ValueError(
                _("{optimizer} knows no weight decay", optimizer=value),
                _("leave weight_decay out"),
                [leave_out("training.weight_decay")],
            )
        return value

    @field_validator("optim_args")
    @classmethod
    def _known_to_the_optimizer(cls, value: dict[str, Value], info: ValidationInfo) -> dict[str, Value]:
        if optim := info.data.get("optim"):
            check_settings(optim, value)
        return value

    @field_validator("auto_batch_size")
    @classmethod
    def _of_batches_that_add_up(cls, value: bool, info: ValidationInfo) -> bool:
        optim = info.data.get("optim")
        if value and optim in AT_ONCE:
            raise ValueError(
                _("{optimizer} updates each weight at once and accumulates no gradients", optimizer=optim),
                _("leave auto_batch_size out"),
                [leave_out("training.auto_batch_size")],
            )
        return value

    @field_validator("optim_target_modules", "adam_beta1", "adam_beta2", "adam_epsilon")
    @classmethod
    def _used_by_the_optimizer(cls, value: Any, info: ValidationInfo) -> Any:
        optim, name = info.data.get("optim"), str(info.field_name)
        using = {"optim_target_modules": LOW_RANK, "adam_epsilon": WITH_EPSILON}.get(name, WITH_BETAS)
        if optim and optim not in using and value != cls.model_fields[name].default:
            raise ValueError(
                _("{optimizer} does not use it", optimizer=optim),
                _("leave it out, or take another optimizer"),
            )
        return value


class TrackingConfig(Section):
    """Experiment trackers that get the metrics too."""

    report_to: list[Literal["tensorboard"]] = setting(
        [],
        "Trackers",
        "tensorboard writes logs into the folder of the run.",
    )

    @field_validator("report_to", mode="before")
    @classmethod
    def _names_to_list(cls, value: object) -> object:
        names = [value] if isinstance(value, str) else value
        if names is None or names == ["none"]:
            return []
        for name in names if isinstance(names, list) else []:
            if isinstance(name, str) and name in OTHER_TRACKERS:
                raise ValueError(
                    _("{name} is not supported yet", name=name), _("allowed are tensorboard and none")
                )
        return names


class LaunchConfig(Section):
    """How the training process runs."""

    on_kernel_exit: Literal["continue", "stop"] = setting(
        "continue", "When the kernel ends", "continue trains on without it; stop saves and ends the run."
    )
