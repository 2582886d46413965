"""Which of LLaMA-Factory's files a text is: arguments of a run, of its v1, or settings of the processes around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmtune_kernel.config.llama_factory.translate import translate_arguments
from llmtune_kernel.config.llama_factory.translation import Translation
from llmtune_kernel.config.llama_factory.v1 import is_v1, translate_v1
from llmtune_kernel.config.run import RunConfig
from llmtune_kernel.locale import N_, _, look_up

_MARKS = {
    "stage",
    "finetuning_type",
    "dataset",
    "template",
    "do_train",
    "do_eval",
    "do_predict",
    "adapter_name_or_path",
    "export_dir",
}
_OF_ACCELERATE = N_("this file says how accelerate starts processes, and a run needs none")
_OF_DEEPSPEED = N_("this file says how DeepSpeed shares work out, and a run needs none")
# Files that stand beside those of runs: a key that tells them, and what they are.
_BESIDE = {
    "distributed_type": _OF_ACCELERATE,
    "compute_environment": _OF_ACCELERATE,
    "zero_optimization": _OF_DEEPSPEED,
    "train_micro_batch_size_per_gpu": _OF_DEEPSPEED,
}


def is_llama_factory(values: object) -> bool:
    """Whether the values of a YAML text are LLaMA-Factory's."""
    if not isinstance(values, dict):
        return False
    marks = values.keys() & _MARKS
    flat = bool(marks) and "model_name_or_path" in values
    # It may lack the name of the model, or have a mistyped one.
    flat = flat or (len(marks) > 1 and not values.keys() & RunConfig.model_fields.keys())
    return flat or is_v1(values) or _beside(values) is not None


def translate(values: Mapping[str, Any]) -> Translation:
    """Translate a file; all that cannot be is in its problems."""
    if key := _beside(values):
        found = Translation()
        hint = _("give the file that names the model and the dataset; leave this one out")
        found.refuse(key, look_up(_BESIDE[key]), hint)
        return found
    return translate_v1(values) if is_v1(values) else translate_arguments(values)


def _beside(values: Mapping[str, Any]) -> str | None:
    if values.keys() & {"model_name_or_path", "model", "data"}:
        return None
    return next((key for key in _BESIDE if key in values), None)
