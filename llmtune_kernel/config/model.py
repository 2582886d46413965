"""The base model: which it is, and how it is loaded.

Each field carries what the form, the documentation and the errors say of it. Names are those of transformers and PEFT.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from llmtune_kernel.config import depths
from llmtune_kernel.config.backends import check_model
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.methods import AdapterName
from llmtune_kernel.config.quantizations import QuantizationName
from llmtune_kernel.config.section import PathText, Section, setting
from llmtune_kernel.locale import N_, _

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
    pure_bf16: bool = setting(
        False,
        "Pure bfloat16",
        "Keep the trained weights, their gradients and what the optimizer knows of them in bfloat16 too: "
        "half the memory, and less exact.",
        used_by={"dtype": ["bfloat16"]},
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
    mixture_of_depths: float | None = setting(
        None,
        "Mixture of depths",
        "Share of the tokens of each text, such as 0.125, that passes through every other layer, as routers choose "
        "that are trained as well; left out, all tokens pass through all layers.",
        gt=0,
        lt=1,
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

    @field_validator("pure_bf16")
    @classmethod
    def _multiplied_so(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("dtype", "bfloat16") != "bfloat16":
            raise ValueError(
                _("it needs dtype: bfloat16"),
                _("write dtype: bfloat16, or leave it out"),
                [change_to("model.dtype", "bfloat16"), leave_out("model.pure_bf16")],
            )
        return value

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

    @field_validator("mixture_of_depths")
    @classmethod
    def _lets_some_pass(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and (found := depths.to_model(info.data)):
            changes = [*found.changes, leave_out("model.mixture_of_depths")]
            raise ValueError(found.reason, _("leave one of the two out"), changes)
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
