"""Which weights are trained: one section for each type of method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.peft_types import (
    PEFT_TYPES,
    WITHOUT_TARGETS,
    PeftType,
    as_peft_names_it,
    check_field,
    with_fields,
)
from llmtune_kernel.config.section import PathText, Section, setting
from llmtune_kernel.locale import N_, _

ModuleName = Annotated[str, Field(min_length=1, description=N_("the name of a module"))]

AdapterName = Annotated[PathText, Field(min_length=1, description=N_("the name of a run, or a folder"))]

# These take what the adapters start with out of the base weights.
_CHANGES_BASE = ("pissa", "pissa_niter_16", "olora")
# With these the model that is trained is another at once than it is without the adapters.
_CHANGES_MODEL = (*_CHANGES_BASE, "loftq")


# These find what the adapters start with in the model as it is without any.
_LOOKS_AT_MODEL = (*_CHANGES_MODEL, "eva")

# Of every kind of adapter.
_Targets = Literal["all-linear"] | Annotated[list[ModuleName], Field(min_length=1)]


def _targets(**more: Any) -> Any:
    return setting(
        "all-linear",
        "Target modules",
        "Layers that get adapters: all-linear, or names such as q_proj, v_proj.",
        **more,
    )


# What an adapter that is trained on brings with it.
OF_ADAPTER = (
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "modules_to_save",
    "use_rslora",
    "use_dora",
    "init_lora_weights",
    "expanded_blocks",
)

_SAVED: Any = setting(
    [],
    "Modules trained in full",
    "Modules whose own weights are trained and saved with the adapters, such as embed_tokens or lm_head.",
)


class LoraMethod(Section):
    """Train low-rank adapters beside the frozen weights."""

    has_adapter: ClassVar = True

    type: Literal["lora"] = setting("lora", "Method", "Low-rank adapters (LoRA).")
    r: int = setting(
        8,
        "Rank",
        "Rank of the adapter matrices: higher can learn more and needs more memory.",
        ge=1,
        le=100_000,
    )
    lora_alpha: int = setting(
        16, "Alpha", "Adapters are scaled by alpha / rank, or by alpha / √rank if rank-stabilized.", ge=1
    )
    lora_dropout: float = setting(
        0.0, "Dropout", "Probability of dropping an input of the adapters in training.", ge=0, lt=1
    )
    target_modules: _Targets = _targets()
    modules_to_save: list[ModuleName] = _SAVED
    use_rslora: bool = setting(False, "Rank-stabilized", "Scale the adapters by alpha / √rank.")
    use_dora: bool = setting(False, "DoRA", "Learn direction and magnitude of the weights apart; slower.")
    init_lora_weights: Literal[
        "default", "gaussian", "orthogonal", "pissa", "pissa_niter_16", "olora", "loftq", "eva"
    ] = setting(
        "default",
        "Initialization",
        "What adapters start with: nothing (default, gaussian, orthogonal); the largest part of the weights (pissa, "
        "olora), which may learn faster, and which pissa_niter_16 finds approximately and sooner; what quantization "
        "took from them (loftq); nothing, but in the directions in which the data vary most (eva).",
    )
    eva_rho: float = setting(
        2.0,
        "EVA rank growth",
        "How many times its rank a layer may get where the data vary in more directions; 1 leaves all ranks as they "
        "are.",
        ge=1,
        le=100,
        used_by={"init_lora_weights": ("eva",)},
    )
    expanded_blocks: int | None = setting(
        None,
        "Expanded blocks",
        "How many blocks a block expansion (LLaMA Pro) has added to the model: only these get adapters; left out, all "
        "layers do.",
        unit="layers",
        ge=1,
    )
    loraplus_lr_ratio: float | None = setting(
        None,
        "LoRA+ ratio",
        "How many times higher the learning rate of the B matrices is, such as 16 (LoRA+); left out, the same.",
        ge=1,
    )
    adapter: AdapterName | None = setting(
        None,
        "Adapter to train on",
        "Run, or folder of an adapter, that is trained on; rank, alpha and target modules are its own.",
    )

    @property
    def changes_base(self) -> bool:
        """Whether the base weights differ from those of before while the adapters are off."""
        return self.init_lora_weights in _CHANGES_BASE

    @property
    def keeps_base(self) -> bool:
        """Whether the model with its adapters off is the model before training."""
        return self.init_lora_weights not in _CHANGES_MODEL and self.adapter is None

    @property
    def keeps_initial(self) -> bool:
        """Whether the run keeps the adapter that it starts with, which is not easily made again."""
        return self.init_lora_weights in ("loftq", "eva") or self.adapter is not None

    @property
    def needs_whole_model(self) -> str:
        """The key of what does not go on top of other adapters; empty if all does."""
        if self.init_lora_weights in _LOOKS_AT_MODEL:
            return "method.init_lora_weights"
        return "method.use_dora" if self.use_dora else ""

    @field_validator("adapter")
    @classmethod
    def _has_settings_of_its_own(cls, value: str | None, info: ValidationInfo) -> str | None:
        own = [key for key in OF_ADAPTER if info.data.get(key) != cls.model_fields[key].default]
        if value is not None and own:
            raise ValueError(
                _("{key} is that of the adapter which is trained on", key=own[0]),
                _("leave {names} out", names=", ".join(own)),
                [leave_out(f"method.{key}") for key in own],
            )
        return value

    @field_validator("eva_rho")
    @classmethod
    def _used_by_eva(cls, value: float, info: ValidationInfo) -> float:
        if (
            info.data.get("init_lora_weights", "eva") != "eva"
            and value != cls.model_fields["eva_rho"].default
        ):
            raise ValueError(
                _("only init_lora_weights: eva uses it"),
                _("leave it out, or write init_lora_weights: eva"),
                [leave_out("method.eva_rho"), change_to("method.init_lora_weights", "eva")],
            )
        return value

    @field_validator("init_lora_weights")
    @classmethod
    def _fits_the_rank(cls, value: str, info: ValidationInfo) -> str:
        rank = info.data.get("r")
        if value == "orthogonal" and rank is not None and rank % 2:
            raise ValueError(
                _("orthogonal needs an even rank"),
                _("set r to an even number"),
                [change_to("method.r", rank + 1), leave_out("method.init_lora_weights")],
            )
        if value in _CHANGES_MODEL and info.data.get("use_dora"):
            raise ValueError(
                _("{name} does not go together with use_dora", name=value),
                _("leave one of the two out"),
                [leave_out("method.init_lora_weights"), leave_out("method.use_dora")],
            )
        return value


class _OtherAdapter(Section):
    """What is true of each kind of adapter but LoRA."""

    has_adapter: ClassVar = True
    changes_base: ClassVar = False
    keeps_base: ClassVar = True
    keeps_initial: ClassVar = False
    use_dora: ClassVar = False


class AdaLoraMethod(_OtherAdapter):
    """Train low-rank adapters whose ranks move to where they matter."""

    peft_type: ClassVar = "ADALORA"

    type: Literal["adalora"] = setting(
        "adalora", "Method", "Low-rank adapters whose ranks are lowered where they matter least (AdaLoRA)."
    )
    init_r: int = setting(12, "Rank at the start", "Rank of each adapter at the start.", ge=2, le=100_000)
    target_r: int = setting(
        8,
        "Rank at the end",
        "Mean rank of the adapters at the end, below that at the start.",
        ge=1,
        validate_default=True,
    )
    lora_alpha: int = setting(
        16, "Alpha", "What the adapters add is scaled by alpha / rank at the start.", ge=1
    )
    lora_dropout: float = setting(
        0.0, "Dropout", "Probability of dropping an input of the adapters in training.", ge=0, lt=1
    )
    target_modules: _Targets = _targets()
    modules_to_save: list[ModuleName] = _SAVED
    tinit: int | None = setting(
        None,
        "Steps before",
        "Steps before the first rank is lowered; left out, a tenth of all.",
        unit="steps",
        ge=0,
    )
    tfinal: int | None = setting(
        None,
        "Steps after",
        "Steps after the last rank is lowered; left out, three tenths of all.",
        unit="steps",
        ge=0,
    )
    deltaT: int = setting(  # as PEFT names it
        1, "Steps between", "Every so many steps between, ranks are lowered.", unit="steps", ge=1
    )
    beta1: float = setting(
        0.85,
        "Smoothing of importance",
        "Share of what was known that the importance of a value keeps at each step.",
        gt=0,
        lt=1,
    )
    beta2: float = setting(
        0.85, "Smoothing of uncertainty", "The same of how much the importance varies.", gt=0, lt=1
    )
    orth_reg_weight: float = setting(
        0.5,
        "Weight of orthogonality",
        "How strongly the directions of each adapter are kept apart: weight of their overlap in the loss.",
        ge=0,
    )

    @field_validator("target_r")
    @classmethod
    def _is_below_the_start(cls, value: int, info: ValidationInfo) -> int:
        start = info.data.get("init_r")
        if start is not None and value >= start:
            raise ValueError(
                _("it is not below init_r, which is {rank}", rank=start),
                _("lower it, or raise init_r"),
                [change_to("method.init_r", value * 3 // 2 + 1), leave_out("method.target_r")],
            )
        return value

    @property
    def settings(self) -> dict[str, Any]:
        """What PEFT's configuration takes, but for the schedule: its steps are known when training begins."""
        names = (
            "init_r",
            "target_r",
            "lora_alpha",
            "lora_dropout",
            "deltaT",
            "beta1",
            "beta2",
            "orth_reg_weight",
        )
        return {**{name: getattr(self, name) for name in names}, "total_step": 1}

    def phases(self, steps: int) -> tuple[int, int]:
        """How many of the steps of a run come before the first rank is lowered, and how many after the last."""
        first = steps // 10 if self.tinit is None else self.tinit
        last = steps * 3 // 10 if self.tfinal is None else self.tfinal
        return first, last


class _OfWeights(Section):
    """What is true where the weights themselves are trained."""

    has_adapter: ClassVar = False
    keeps_base: ClassVar = False
    keeps_initial: ClassVar = False


class FreezeMethod(_OfWeights):
    """Train some of the layers and freeze the rest."""

    type: Literal["freeze"] = setting("freeze", "Method", "Some layers.")
    trainable_layers: int = setting(
        2, "Trained layers", "The last layers, by their number; below 0 the first ones.", unit="layers"
    )
    block_expansion: Literal["none", "new", "existing"] = setting(
        "none",
        "Block expansion",
        "LLaMA Pro: the trained layers are new ones, spread among the others, that change nothing at first (new), or "
        "those that an expansion has added to the model before (existing).",
    )
    trainable_modules: Literal["all"] | Annotated[list[ModuleName], Field(min_length=1)] = setting(
        "all",
        "Modules of these layers",
        "What is trained of these layers: all, or names such as mlp, self_attn.",
    )
    extra_modules: list[ModuleName] = setting(
        [],
        "Modules outside the layers",
        "What is trained besides, such as embed_tokens, norm or lm_head.",
        validate_default=True,
    )

    @field_validator("block_expansion")
    @classmethod
    def _has_blocks(cls, value: str, info: ValidationInfo) -> str:
        count = info.data.get("trainable_layers")
        if value != "none" and count is not None and count < 1:
            raise ValueError(
                _("it needs a number of blocks"),
                _("set trainable_layers to how many, above 0"),
                [leave_out("method.trainable_layers"), leave_out("method.block_expansion")],
            )
        return value

    @field_validator("extra_modules")
    @classmethod
    def _trains_something(cls, value: list[str], info: ValidationInfo) -> list[str]:
        if info.data.get("trainable_layers") == 0 and not value:
            raise ValueError(
                _("nothing would be trained"),
                _("set trainable_layers, or name modules outside the layers"),
                [leave_out("method.trainable_layers")],
            )
        return value


class FullMethod(_OfWeights):
    """Train all weights."""

    type: Literal["full"] = setting("full", "Method", "All weights.")


class PeftMethod(_OtherAdapter):
    """Train another kind of adapter that PEFT has, with the settings of its type."""

    type: Literal["peft"] = setting("peft", "Method", "Another kind of adapter.")
    peft_type: Annotated[PeftType, BeforeValidator(as_peft_names_it)] = setting(
        "LOHA", "Kind of adapter", "The name that PEFT has for it, such as LOHA, OFT, VERA or IA3."
    )
    target_modules: _Targets = _targets(
        used_by={"peft_type": [name for name in PEFT_TYPES if name not in WITHOUT_TARGETS]}
    )
    modules_to_save: list[ModuleName] = _SAVED

    @field_validator("target_modules")
    @classmethod
    def _has_targets(cls, value: Any, info: ValidationInfo) -> Any:
        chosen = info.data.get("peft_type")
        if value != "all-linear" and chosen in WITHOUT_TARGETS:
            raise ValueError(
                _("{name} chooses its layers by itself", name=chosen),
                _("leave it out"),
                [leave_out("method.target_modules")],
            )
        return value

    @field_validator("*")
    @classmethod
    def _used_by_the_type(cls, value: Any, info: ValidationInfo) -> Any:
        chosen, name = info.data.get("peft_type"), str(info.field_name)
        if chosen and value is not None and name not in _OWN_FIELDS:
            check_field(chosen, name, value)
        return value

    @property
    def settings(self) -> dict[str, Any]:
        """What was set of the settings of its type."""
        return {name: value for name, value in self if name not in _OWN_FIELDS and value is not None}


_OWN_FIELDS = PeftMethod.model_fields.keys()
if not TYPE_CHECKING:
    PeftMethod = with_fields(PeftMethod)

AdapterMethod = LoraMethod | AdaLoraMethod | PeftMethod
Method = Annotated[
    LoraMethod | AdaLoraMethod | FreezeMethod | FullMethod | PeftMethod, Field(discriminator="type")
]
