"""Files of LLaMA-Factory's v1, with sections for the model's parts: what they say, as arguments of its other files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from llmtune_kernel.config.document import Document
from llmtune_kernel.config.llama_factory.backends import MEASURED, ONE_PROCESS, SAFETENSORS
from llmtune_kernel.config.llama_factory.names import names, plain
from llmtune_kernel.config.llama_factory.reasons import NO_EFFECT
from llmtune_kernel.config.llama_factory.translate import translate_arguments
from llmtune_kernel.config.llama_factory.translation import Translation
from llmtune_kernel.locale import N_, _, look_up

# Arguments by the names that they have in the other files; of a section after a dot.
_NAMES = {
    "model": "model_name_or_path",
    "micro_batch_size": "per_device_train_batch_size",
    **{
        name: name
        for name in (
            "trust_remote_code",
            "output_dir",
            "cutoff_len",
            "learning_rate",
            "num_train_epochs",
            "max_steps",
            "max_grad_norm",
            "bf16",
            "seed",
            "full_determinism",
            "resume_from_checkpoint",
            "save_steps",
            "save_total_limit",
            "logging_steps",
            "pref_loss",
            "pref_beta",
            "pref_ftx",
            "simpo_gamma",
            "dpo_label_smoothing",
            "ld_alpha",
        )
    },
    "quant_config.name": "quantization_method",
    "quant_config.quantization_bit": "quantization_bit",
    "quant_config.quantization_type": "quantization_type",
    "quant_config.double_quantization": "double_quantization",
    "quant_config.compute_dtype": "compute_dtype",
}
_OF_PEFT = {
    "lora": {
        "r": "lora_rank",
        "lora_alpha": "lora_alpha",
        "lora_dropout": "lora_dropout",
        "target_modules": "lora_target",
        "use_rslora": "use_rslora",
        "use_dora": "use_dora",
        "modules_to_save": "additional_target",
        "adapter_name_or_path": "adapter_name_or_path",
        "infer_dtype": "infer_dtype",
        "export_dir": "export_dir",
        "export_size": "export_size",
        "export_hub_model_id": "export_hub_model_id",
        "export_legacy_format": "export_legacy_format",
    },
    "freeze": {
        "freeze_trainable_layers": "freeze_trainable_layers",
        "freeze_trainable_modules": "freeze_trainable_modules",
        "freeze_extra_modules": "freeze_extra_modules",
    },
}
_OF_MUON = {"wd": "weight_decay", "adamw_eps": "adam_epsilon"}
_SETTINGS_OF_MUON = ("momentum", "nesterov", "ns_steps")
_OF_PREFERENCES = ("pref_loss", "pref_beta", "pref_ftx", "simpo_gamma", "dpo_label_smoothing", "ld_alpha")
_ATTENTION = {"eager": "disabled", "sdpa": "sdpa", "flash_attention_2": "fa2"}
# What these files leave out, as v1 takes it.
_DEFAULTS = {
    "cutoff_len": 2048,
    "learning_rate": 1e-4,
    "lr_scheduler_type": "constant",
    "per_device_train_batch_size": 1,
    "num_train_epochs": 3,
    "weight_decay": 0.01,
    "logging_steps": 1,
    "save_strategy": "no",
}
_DEFAULTS_OF_LORA = {"lora_rank": 8, "lora_alpha": 16, "lora_dropout": 0.05}
_DEFAULTS_OF_MUON = {"weight_decay": 0.1, "adam_beta1": 0.9, "adam_beta2": 0.95}
_NO_EFFECT = {
    **dict.fromkeys(
        (
            "dist_config",
            "dist_timeout",
            "dp_size",
            "cp_size",
            "cp_mode",
            "mp_replicate_size",
            "mp_shard_size",
        ),
        ONE_PROCESS,
    ),
    **dict.fromkeys(("init_config", "peft_config.cast_trainable_params_to_fp32"), MEASURED),
    **dict.fromkeys(("sample_backend", "max_new_tokens"), NO_EFFECT["infer_backend"]),
    "batching_workers": NO_EFFECT["dataloader_num_workers"],
    "save_ckpt_as_hf": SAFETENSORS,
    "optim_config.lr": N_("learning_rate says it"),
}
_REFUSED = {
    "custom_chat_template": (
        N_("a chat template is a file, or has a name"),
        N_("write it into a file with the ending .jinja, and name that as data.template of a file of ours"),
    ),
    "lr_scheduler_config": (N_("the learning rate stays as it is"), N_("leave it out")),
    "save_epochs": (
        N_("checkpoints are saved by steps or at the end of each epoch"),
        N_("write 1, or save_steps"),
    ),
}
_CALLED = {
    **{its: f"peft_config.{name}" for of in _OF_PEFT.values() for name, its in of.items()},
    **{its: name for name, its in _NAMES.items()},
    "dataset": "train_dataset",
    "finetuning_type": "peft_config.name",
    "gradient_accumulation_steps": "global_batch_size",
    "gradient_checkpointing": "enable_activation_checkpointing",
}
_SECTIONS = ("peft_config", "kernel_config", "quant_config", "optim_config")
_MARKS = {
    "train_dataset",
    "model_class",
    "peft_config",
    "kernel_config",
    "quant_config",
    "dist_config",
    "init_config",
}
# Sections of a file of ours, which has no such arguments but by mistake.
_OURS = {"data", "method", "objective", "training"}

_FORMATS = {"alpaca": "alpaca", "sharegpt": "sharegpt", "pair": "preference"}
_OF_DATA_SETS = ("path", "source", "split", "converter", "size", "weight", "streaming")


def is_v1(values: Mapping[str, Any]) -> bool:
    """Whether the values of a YAML text are those of such a file."""
    return bool(_MARKS & values.keys()) and not values.keys() & {*_OURS, "model_name_or_path"}


def translate_v1(values: Mapping[str, Any]) -> Translation:
    """Translate such a file; whether it is for the command `sft`, `dpo` or `rm` there is seen from what it holds."""
    return _File(values).translated()


class _File:
    """What a file says, as arguments of the other files; `_origins` has those of v1 by their names."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._given: dict[str, Any] = {"do_train": True}
        self._origins: dict[str, str] = {}
        self._own = Translation()
        self._flat = _flat(plain(values))
        self._taken: set[str] = set()
        self._muon: dict[str, Any] = {}

    def translated(self) -> Translation:
        sources = self._sources("train_dataset"), self._sources("eval_dataset")
        self._model()
        self._method()
        self._optimizer()
        self._batches()
        for name, its in _NAMES.items():
            self._put(its, name)
        self._stage(sources[0])
        self._rest()
        if sources[0] is None and "export_dir" not in self._given:
            self._own.refuse(
                "model", _("this LLaMA-Factory file names no dataset"), _("write train_dataset: PATH")
            )
        if self._own.problems:
            return self._own
        found = translate_arguments({**self._defaults(), **self._given})
        return self._renamed(found, sources)

    def _value(self, name: str) -> Any:
        self._taken.add(name)
        return self._flat.get(name)

    def _put(self, its: str, name: str, change: Callable[[Any], Any] = lambda value: value) -> None:
        value = self._value(name)
        if value is not None:
            self._given[its] = change(value)
            self._origins[its] = name

    def _refuse_other(self, name: str, value: Any, known: Any) -> None:
        hint = _("take one of {names}", names=", ".join(known))
        self._own.refuse(name, _("{name} is not supported", name=value), hint)

    def _model(self) -> None:
        attention = self._value("flash_attn") or "sdpa"
        if attention in _ATTENTION:
            self._put("flash_attn", "flash_attn", lambda value: _ATTENTION[value])
        else:
            self._refuse_other("flash_attn", attention, _ATTENTION)
        kernels = names(self._value("kernel_config.name") or "")
        if "liger_kernel" in kernels:
            self._put("enable_liger_kernel", "kernel_config.name", lambda _names: True)
        for name in [name for name in self._flat if name.startswith("kernel_config.")]:
            self._taken.add(name)
            if "liger_kernel" not in kernels or name != "kernel_config.name":
                self._own.without_effect[name] = look_up(MEASURED)
        if self._flat.get("bf16") is False:
            self._taken.add("bf16")
            self._own.without_effect["bf16"] = look_up(MEASURED)
            del self._flat["bf16"]
        if self._flat.get("quant_config.name") == "auto":
            self._flat["quant_config.name"] = "bnb"

    def _method(self) -> None:
        kind = self._value("peft_config.name") or ("lora" if "peft_config" in self._flat else "full")
        self._given["finetuning_type"] = kind
        if "peft_config.name" in self._flat:
            self._origins["finetuning_type"] = "peft_config.name"
        if kind != "full" and kind not in _OF_PEFT:
            self._refuse_other("peft_config.name", kind, _OF_PEFT)
        for name, its in _OF_PEFT.get(kind, {}).items():
            self._put(its, f"peft_config.{name}")

    def _optimizer(self) -> None:
        kind = self._value("optim_config.name")
        if kind not in (None, "muon"):
            self._refuse_other("optim_config.name", kind, ["muon"])
        if kind != "muon":
            return
        self._put("use_muon", "optim_config.name", lambda _name: True)
        for name, its in _OF_MUON.items():
            self._put(its, f"optim_config.{name}")
        betas = self._value("optim_config.adamw_betas")
        for its, value in zip(
            ("adam_beta1", "adam_beta2"), betas if isinstance(betas, list) else (), strict=False
        ):
            self._given[its] = value
            self._origins[its] = "optim_config.adamw_betas"
        for name in _SETTINGS_OF_MUON:
            if (value := self._value(f"optim_config.{name}")) is not None:
                self._muon[name] = value

    def _batches(self) -> None:
        if self._flat.get("save_epochs") == 1:
            self._put("save_strategy", "save_epochs", lambda _epochs: "epoch")
        strategy = self._value("batching_strategy") or "normal"
        if str(strategy).startswith("dynamic"):
            self._put("packing", "batching_strategy", lambda _strategy: True)
        elif strategy in ("normal", "padding_free"):
            if "batching_strategy" in self._flat:
                self._own.without_effect["batching_strategy"] = _("batches are never padded")
        else:
            self._refuse_other("batching_strategy", strategy, ["normal", "dynamic_padding_free"])
        whole, part = self._value("global_batch_size"), self._flat.get("micro_batch_size", 1)
        if isinstance(whole, int) and isinstance(part, int) and part > 0 and whole % part == 0:
            self._put("gradient_accumulation_steps", "global_batch_size", lambda _whole: whole // part)
        elif whole is not None:
            message = _("{name} is no multiple of micro_batch_size", name=whole)
            self._own.refuse("global_batch_size", message, _("write one"))
        if (again := self._value("enable_activation_checkpointing")) is not None:
            its = "gradient_checkpointing" if again else "disable_gradient_checkpointing"
            self._put(its, "enable_activation_checkpointing", lambda _again: True)

    def _stage(self, sources: list[Any] | None) -> None:
        kind = self._value("model_class") or "llm"
        self._own.used.add("model_class")
        pairs = all(isinstance(one, dict) and one.get("format") == "preference" for one in sources or [""])
        preferences = [name for name in _OF_PREFERENCES if name in self._given]
        if kind == "cls":
            self._put("stage", "model_class", lambda _kind: "rm")
        elif kind != "llm":
            self._refuse_other("model_class", kind, ["llm", "cls"])
        elif preferences or pairs:
            self._given["stage"] = "dpo"
            self._origins["stage"] = preferences[0] if preferences else "train_dataset"

    def _rest(self) -> None:
        """What has no effect, what is refused, and what no such argument is."""
        for name in [name for name in self._flat if name not in self._taken]:
            of = name if name in {*_NO_EFFECT, *_REFUSED} else name.partition(".")[0]
            if of in _NO_EFFECT:
                self._own.without_effect[of] = look_up(_NO_EFFECT[of])
            elif of in _REFUSED:
                self._own.refuse(of, *map(look_up, _REFUSED[of]))
            elif name not in _SECTIONS:
                self._own.refuse_unknown(name, [*_NAMES, *_NO_EFFECT, *_REFUSED, *self._taken])

    def _sources(self, name: str) -> list[Any] | None:
        path = self._value(name)
        if path is None:
            return None
        self._given["dataset" if name == "train_dataset" else "eval_dataset"] = path
        self._origins["dataset" if name == "train_dataset" else "eval_dataset"] = name
        if not str(path).endswith((".yaml", ".yml")):
            return [path]
        try:
            document = Document(Path(path).expanduser().read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            hint = _("check the path, which starts at the working directory, or name the data themselves")
            self._own.refuse(name, _("there is no file {path} with data sets", path=path), hint)
            return []
        entries = document.value
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            hint = _("write such as rows: {{path: rows.json, source: local, converter: alpaca}}")
            self._own.refuse(name, _("{path} has no data sets", path=path), hint)
            return []
        return [self._source(name, f"{path}: {key}", entry) for key, entry in entries.items()]

    def _source(self, name: str, where: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        """One entry of a file of data sets as a source of ours."""
        path, place, converter = entry.get("path"), entry.get("source", "hf_hub"), entry.get("converter")
        for key in entry.keys() - set(_OF_DATA_SETS):
            self._own.refuse(name, f"{where}: " + _("{key} is not supported", key=key), _("leave it out"))
        if not isinstance(path, str):
            self._own.refuse(name, f"{where}: " + _("it has no path"), _("write path: rows.json"))
        for key, value, known in (
            ("source", place, ("hf_hub", "local")),
            ("converter", converter, (None, *_FORMATS)),
        ):
            if value not in known:
                message = f"{where}: " + _("{key} is {value}, which is not supported", key=key, value=value)
                hint = _("take one of {names}", names=", ".join(filter(None, known)))
                self._own.refuse(name, message, hint)
        settings = {
            "source": path if place == "local" else f"hf:{path}",
            "split": entry.get("split"),
            "format": _FORMATS.get(str(converter)),
            "num_samples": entry.get("size"),
            "weight": entry.get("weight"),
        }
        return {key: value for key, value in settings.items() if value is not None}

    def _defaults(self) -> dict[str, Any]:
        defaults = dict(_DEFAULTS)
        if "save_steps" in self._given:
            del defaults["save_strategy"]
        if self._given["finetuning_type"] == "lora" and "adapter_name_or_path" not in self._given:
            defaults |= _DEFAULTS_OF_LORA
        return defaults | _DEFAULTS_OF_MUON if "use_muon" in self._given else defaults

    def _renamed(self, found: Translation, sources: tuple[list[Any] | None, ...]) -> Translation:
        """What became of the arguments, by the names that they have in this file."""
        its = self._origins
        for key, split, listed in zip(("train", "eval"), ("dataset", "eval_dataset"), sources, strict=True):
            if listed and isinstance(listed[0], dict) and not found.problems:
                found.put(f"data.{key}", listed, split)
        if self._muon and not found.problems:
            found.put("training.optim_args", self._muon, "use_muon")
        return Translation(
            found.values,
            {path: its.get(argument, "") for path, argument in found.origins.items()},
            {its[name] for name in found.used if name in its} | self._own.used,
            {its[name]: why for name, why in found.without_effect.items() if name in its}
            | self._own.without_effect,
            [(its.get(name, name), message, hint) for name, message, hint in found.problems],
            _CALLED,
        )


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with those of some sections, named after a dot."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in _SECTIONS and isinstance(value, dict):
            found[name] = True
            found |= {f"{name}.{key}": inner for key, inner in plain(value).items()}
        else:
            found[name] = value
    return found
