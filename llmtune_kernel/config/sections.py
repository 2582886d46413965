"""The sections of a configuration. Each field carries what the form, the documentation and the errors say of it.

Names are those of transformers, PEFT and TRL. None means "not set"; what then happens is in the description.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from llmtune_kernel.config.backends import check_model
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.methods import AdapterName, ModuleName
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
from llmtune_kernel.config.quantizations import QuantizationName
from llmtune_kernel.config.section import PathText, Section, setting
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

TokenText = Annotated[str, Field(min_length=1, description=N_("the text of a token"))]


class ModelConfig(Section):
    """The base model and how it is loaded."""

    name_or_path: PathText = setting(
        "smollm2-135m",
        "Model",
        "Name on the Hugging Face Hub, local folder or GGUF file; smollm2-135m is the embedded model.",
        min_length=1,
    )
    revision: str | None = setting(
        None, "Revision", "Branch, tag or commit on the Hub; left out, the main branch.", min_length=1
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = setting(
        "auto",
        "Precision",
        "Precision of the matrix products; auto takes bfloat16 where the hardware is fast at it.",
    )
    quantization: QuantizationName = setting(
        "none",
        "Quantization",
        "Keep the frozen weights in few bits, a fraction of the memory and somewhat less exact: "
        "nf4 and fp4 in 4 bits, int8 in 8, the others in as many as their names say.",
    )
    double_quantization: bool = setting(
        True,
        "Double quantization",
        "Quantize the scales of 4-bit weights too; saves another 0.4 bits a weight.",
        used_by={"quantization": ["nf4", "fp4"]},
    )
    attention: Literal["auto", "sdpa", "eager", "flash_attention_2", "flash_attention_3", "flex"] = setting(
        "auto",
        "Attention",
        "How attention is computed; auto packs sequences without padding where the model allows it; "
        "the last three need an NVIDIA GPU.",
    )
    shift_attn: bool = setting(
        False,
        "Shifted attention",
        "In training, look only at a quarter of the maximum length, with half of the heads at a shifted one: "
        "long texts take less time (LongLoRA).",
    )
    liger_kernel: bool = setting(
        False,
        "Liger kernels",
        "Compute norms, positions and gated layers by kernels of Liger, in less time and memory; "
        "needs an NVIDIA GPU.",
    )
    rope_scaling: Literal["none", "linear", "dynamic", "yarn", "llama3"] = setting(
        "none",
        "RoPE scaling",
        "How positions are stretched where texts are longer than the model was made for.",
    )
    rope_factor: Literal["auto"] | Annotated[float, Field(gt=1)] = setting(
        "auto",
        "RoPE factor",
        "By how much positions are stretched; auto makes room for the maximum length.",
        used_by={"rope_scaling": ["linear", "dynamic", "yarn", "llama3"]},
    )
    adapters: list[AdapterName] = setting(
        [],
        "Earlier adapters",
        "Runs, or folders of adapters, that the model has before training, each trained on top of those before it.",
    )
    merge_adapters: bool = setting(
        True,
        "Merge earlier adapters",
        "Make them part of the weights; otherwise they stay beside them as they are, on quantized weights too, beneath "
        "the adapter of lora that is trained.",
        validate_default=True,
    )
    add_tokens: list[TokenText] = setting(
        [],
        "New tokens",
        "Texts that become one token each, read as such wherever they stand; their rows of the embeddings are trained.",
    )
    backend: Literal["transformers", "unsloth"] = setting(
        "transformers",
        "Backend",
        "Library that loads and trains the model; unsloth needs its package, and trains adapters of LoRA or all "
        "weights.",
    )
    trust_remote_code: Literal[False] = setting(
        False, "Trust remote code", "Always false: code that comes with a model is never run."
    )

    @field_validator("double_quantization")
    @classmethod
    def _used_by_the_quantization(cls, value: bool, info: ValidationInfo) -> bool:
        quantization = info.data.get("quantization")
        if not value and quantization not in (None, "nf4", "fp4"):
            raise ValueError(
                _("quantization: {name} does not use it", name=quantization),
                _("leave it out"),
                [leave_out("model.double_quantization")],
            )
        return value

    @field_validator("shift_attn")
    @classmethod
    def _computes_groups(cls, value: bool, info: ValidationInfo) -> bool:
        attention = info.data.get("attention", "auto")
        if value and attention not in ("auto", "sdpa"):
            raise ValueError(
                _("it does not go together with attention: {name}", name=attention),
                _("leave one of the two out"),
                [leave_out("model.attention"), leave_out("model.shift_attn")],
            )
        return value

    @field_validator("rope_factor")
    @classmethod
    def _scales_something(cls, value: float | str, info: ValidationInfo) -> float | str:
        if value != "auto" and info.data.get("rope_scaling") == "none":
            raise ValueError(_("there is no rope_scaling"), _("write rope_scaling: yarn, or leave it out"))
        return value

    @field_validator("merge_adapters")
    @classmethod
    def _into_whole_weights(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("adapters") and info.data.get("quantization", "none") != "none":
            raise ValueError(
                _("adapters are merged into weights that are not quantized"),
                _("write merge_adapters: false, or leave quantization out"),
                [change_to("model.merge_adapters", False), leave_out("model.quantization")],
            )
        return value

    @property
    def stacks(self) -> bool:
        """Whether earlier adapters stay beside the weights."""
        return not self.merge_adapters

    @field_validator("add_tokens")
    @classmethod
    def _of_one_adapter(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if value and info.data.get("adapters") and not info.data.get("merge_adapters"):
            key = "model.add_tokens"
            raise ValueError(
                _("{key} needs earlier adapters to be merged", key=key),
                _("write model.merge_adapters: true, or leave it out"),
                [leave_out(key), change_to("model.merge_adapters", True)],
            )
        return value

    @field_validator("add_tokens")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        once = list(dict.fromkeys(value))
        if len(once) < len(value):
            twice = next(token for token in once if value.count(token) > 1)
            raise ValueError(
                _("{token!r} is there twice", token=twice),
                _("leave one of the two out"),
                [change_to("model.add_tokens", [*once])],
            )
        return value

    @field_validator("backend")
    @classmethod
    def _does_so(cls, value: str, info: ValidationInfo) -> str:
        if value == "unsloth":
            check_model(info.data)
        return value

    @field_validator("trust_remote_code", mode="before")
    @classmethod
    def _never_remote_code(cls, value: object) -> object:
        if value is True:
            raise ValueError(_("code that comes with a model is never run"), _("leave this key out"))
        return value


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
    save_steps: int | None = setting(
        None,
        "Save every",
        "Save a checkpoint every this many steps; left out, on stop, on request and, for lora, at the end.",
        unit="steps",
        ge=1,
    )
    save_total_limit: int | None = setting(
        None,
        "Checkpoints kept",
        "Keep only so many checkpoints, the newest ones; left out, all.",
        unit="checkpoints",
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
    auto_batch_size: bool = setting(
        False,
        "Smaller batches where memory runs out",
        "Where memory runs out, halve the batch, double the accumulation and go on from the last step.",
    )

    @field_validator("warmup_steps")
    @classmethod
    def _one_kind_of_warm_up(cls, value: int | None, info: ValidationInfo) -> int | None:
        share = info.data.get("warmup_ratio")
        if value is not None and share not in (None, 0, cls.model_fields["warmup_ratio"].default):
            raise ValueError(
                _(
                    "{key} and {other} exclude each other",
                    key="training.warmup_ratio",
                    other="training.warmup_steps",
                ),
                _("keep one of the two"),
                [leave_out("training.warmup_ratio"), leave_out("training.warmup_steps")],
            )
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
