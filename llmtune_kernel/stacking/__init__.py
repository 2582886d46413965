"""Earlier adapters: merged into the weights, or, of LoRA, as they are beneath another one: all of them are at work.

PEFT adds up what each gives. It is told that only the one that is trained, `default`, is active, and so saves and loads
that one alone; the layers know of all.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_TRAINED = "default"


def merge_into(model: Any, folder: Path) -> Any:
    """A model with an adapter merged into its weights, also into those of one that scores.

    Raises:
        RuntimeError, ValueError: of PEFT, where it does not fit.
    """
    from peft import PeftConfig, PeftModel

    config: Any = PeftConfig.from_pretrained(str(folder))
    config.task_type = None  # it may be another one than that of the model
    return PeftModel.from_pretrained(model, str(folder), config=config).merge_and_unload()


def lay_beneath(tuned: Any, folders: Sequence[Path]) -> Any:
    """Put adapters beneath the one that a model has.

    Args:
        tuned: A `PeftModel` with one adapter of LoRA; on the device meta its sizes are all that is changed.
        folders: Of adapters of LoRA, the one at the bottom first.

    Returns:
        The same model, which saves only the adapter that it had.

    Raises:
        RuntimeError, ValueError: of PEFT, where one does not fit.
    """
    from peft import PeftConfig, PeftModel, set_peft_model_state_dict
    from peft.utils import SAFETENSORS_WEIGHTS_NAME
    from safetensors.torch import load_file

    if not folders:
        return tuned
    on_meta = next(tuned.parameters()).is_meta
    for number, folder in enumerate(folders, start=1):
        config: Any = PeftConfig.from_pretrained(str(folder))
        # How it began is of no account any more, and could change the weights of the model.
        config.inference_mode, config.init_lora_weights = True, True
        name = f"earlier-{number}"
        # Of the base class: that of models which score would give each adapter a head.
        PeftModel.add_adapter(tuned, name, config)
        if not on_meta:
            set_peft_model_state_dict(tuned, load_file(folder / SAFETENSORS_WEIGHTS_NAME), adapter_name=name)
    _work(tuned, [*_beneath(tuned), _TRAINED], _trained(tuned))
    tuned.save_pretrained = functools.partial(tuned.save_pretrained, selected_adapters=[_TRAINED])
    return tuned


@contextlib.contextmanager
def only_beneath(tuned: Any) -> Iterator[None]:
    """A `PeftModel` without the adapter that is trained: with those beneath it, if there are any."""
    beneath, trained = _beneath(tuned), _trained(tuned)
    try:
        with tuned.disable_adapter():
            if beneath:
                _work(tuned, beneath, [])
            yield
    finally:
        if beneath:  # PEFT would train them from now on
            _work(tuned, [*beneath, _TRAINED], trained)


def _beneath(tuned: Any) -> list[str]:
    return [name for name in tuned.peft_config if name != _TRAINED]


def _trained(tuned: Any) -> list[Any]:
    return [weight for weight in tuned.parameters() if weight.requires_grad]


def _work(tuned: Any, names: list[str], trained: list[Any]) -> None:
    """Let adapters work, in this order, of which only these weights are trained."""
    from peft.tuners.lora import LoraLayer

    for layer in tuned.modules():
        if isinstance(layer, LoraLayer):
            layer.enable_adapters(True)
            layer.set_adapter(names, inference_mode=True)
    for weight in trained:
        weight.requires_grad_(True)
