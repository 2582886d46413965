"""Which weights are trained: adapters, some of the layers, or all."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from peft.utils import SAFETENSORS_WEIGHTS_NAME
from pydantic import JsonValue
from safetensors.torch import load_file

from llmtune_kernel.config import (
    AdaLoraMethod,
    AdapterMethod,
    Change,
    FreezeMethod,
    LoraMethod,
    Method,
    PeftMethod,
    UserError,
)
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.errors import first_line
from llmtune_kernel.config.peft_types import IN_FRONT, WITHOUT_TARGETS
from llmtune_kernel.locale import _
from llmtune_kernel.models.beneath import with_beneath
from llmtune_kernel.models.expansion import added_layers, expand
from llmtune_kernel.models.parts import layers_of, linear_layers
from llmtune_kernel.models.refusals import refusals
from llmtune_kernel.models.scoring import has_score_head, head_of
from llmtune_kernel.models.vocabulary import ends

# Ids of tokens by the layer that has a row for each.
Rows = dict[str, list[int]]
# Puts the adapters of a `LoraConfig` into a model.
PutIn = Callable[[Any, Any], Any]

# Those for which PEFT refuses an adapter on `out_proj`.
_STATE_SPACE = ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h")


def prepare_for_training(
    model: Any,
    method: Method,
    new_tokens: Sequence[int] = (),
    start: Path | None = None,
    beneath: Sequence[Path] = (),
    put_in: PutIn | None = None,
    change: Callable[[Any], object] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Any:
    """Add what `method` trains and freeze the rest.

    Args:
        new_tokens: Ids of tokens that are trained besides: with `lora` their rows alone, with `freeze` all rows.
        start: The folder of the adapter that is trained on, where `method` names one.
        beneath: Those of adapters that stay as they are beneath the one that is trained, from the bottom up.
        put_in: Puts adapters of LoRA into a model; left out, PEFT does.
        change: Changes how layers compute, those of new blocks too, before adapters are put around them.
        dtype: Of the trained weights; a head that scores is float32 always.

    Returns:
        A `PeftModel`, or the model itself.

    Raises:
        UserError: the method names a module that this model does not have, or that cannot get an adapter, or an adapter
            that does not fit.
    """
    if isinstance(method, FreezeMethod) and method.block_expansion == "new":
        expand(model, method.trainable_layers, "method.trainable_layers")
    if change is not None:
        change(model)
    if isinstance(method, AdapterMethod):
        model = _with_adapters(model, method, new_tokens, start, beneath, put_in or _put_in)
    elif isinstance(method, FreezeMethod):
        _partly_frozen(model, method)
        for layer in ends(model) if new_tokens else ():
            layer.requires_grad_(True)
    else:
        model.requires_grad_(True)
    keep_trained_in(model, dtype)
    return model


def keep_trained_in(model: Any, dtype: torch.dtype) -> None:
    """Keep the trained weights in `dtype`, but a head that scores in float32: answers differ by little there."""
    head = set(head_of(model).parameters()) if has_score_head(model) else set()
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.to(torch.float32 if weight in head else dtype)


def _partly_frozen(model: Any, method: FreezeMethod) -> None:
    layers, chosen = layers_of(model), _chosen_layers(model, method)
    model.requires_grad_(False)
    for layer in chosen:
        if method.trainable_modules == "all":
            layer.requires_grad_(True)
            continue
        for name in method.trainable_modules:
            inside = dict(layer.named_modules())
            known = [part for part in inside if part]
            _train_named(inside, name, "method.trainable_modules", known, method.trainable_modules)
    outside = {
        name: part
        for name, part in model.named_modules()
        if name and not any(inner is part for layer in layers for inner in layer.modules())
    }
    if has_score_head(model):
        model.score.requires_grad_(True)
    for name in method.extra_modules:
        names = [
            path for path, part in outside.items() if next(part.parameters(recurse=False), None) is not None
        ]
        _train_named(outside, name, "method.extra_modules", names, method.extra_modules)


def _chosen_layers(model: Any, method: FreezeMethod) -> list[Any]:
    key, wanted = "method.trainable_layers", method.trainable_layers
    if method.block_expansion != "none":
        return added_layers(model, wanted, key)
    layers = list(layers_of(model))
    count = len(layers)
    if abs(wanted) > count:
        raise UserError(
            _("This model has {count} layers.", count=count),
            f"{key}: {wanted}",
            _("Set it to at most {count}, or method: full.", count=count),
            [change_to(key, count if wanted > 0 else -count), change_to("method.type", "full")],
        )
    return layers[-wanted:] if wanted > 0 else layers[:-wanted]


def _train_named(
    modules: dict[str, Any], name: str, where: str, known: list[str], given: Sequence[str]
) -> None:
    found = _parts(modules, name)
    if not found:
        names = sorted({path.rsplit(".", 1)[-1] for path in known if not path.rsplit(".", 1)[-1].isdigit()})
        raise UserError(
            _("No module there is named {name!r}.", name=name),
            where,
            _("Take some of: {layers}.", layers=", ".join(names)),
            _other_names(where, given, name, names),
        )
    for part in found:
        part.requires_grad_(True)


def _with_adapters(
    model: Any,
    method: AdapterMethod,
    new_tokens: Sequence[int],
    start: Path | None,
    beneath: Sequence[Path],
    put_in: PutIn,
) -> Any:
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = dict(model.named_modules())
    kinds = {name.rsplit(".", 1)[-1] for name in linear_layers(model)}
    fix = _("Take some of: {layers}.", layers=", ".join(sorted(kinds)))
    for key, target in _named(method):
        if not _parts(layers, target):
            what = _("No layer of this model is named {target!r}.", target=target)
            names = getattr(method, key.rpartition(".")[2])
            raise UserError(what, key, fix, _other_names(key, names, target, kinds))
    if start is not None:
        tuned = _trained_on(model, start, new_tokens, put_in)
    elif isinstance(method, LoraMethod):
        rows = _rows_of(model, method.modules_to_save, new_tokens)
        tuned = _lora(model, method, layers, fix, rows, put_in)
    else:
        tuned = _other_kind(model, method, layers)
    tuned = with_beneath(tuned, beneath, start)
    part: Any
    for part in tuned.modules():
        # Under autocast PEFT's own cast of each input to float32, and back, costs time and changes nothing.
        if isinstance(part, BaseTunerLayer):
            part.cast_input_dtype_enabled = False  # type: ignore[attr-defined]
    return tuned


def _rows_of(model: Any, modules_to_save: Sequence[str], tokens: Sequence[int]) -> Rows | None:
    """The rows of tokens by the layers that hold them, but for those that are trained in full."""
    if not tokens:
        return None
    names = {id(part): name for name, part in model.named_modules()}
    whole = tuple(f".{name}" for name in modules_to_save)
    held = [names[id(layer)] for layer in ends(model)]
    left = [name for name in held if not f".{name}".endswith(whole)]
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    both = [names[id(layer)] for layer in (embeddings, head) if layer is not None]
    if len(both) > len(held) and sum(f".{name}".endswith(whole) for name in both) == 1:
        raise UserError(
            _(
                "This model has one matrix for {names}, of which only one is trained in full.",
                names=" = ".join(both),
            ),
            "method.modules_to_save",
            _("With new tokens, name both of them, or none."),
            [
                change_to("method.modules_to_save", [*dict.fromkeys([*modules_to_save, *both])]),
                leave_out("method.modules_to_save"),
            ],
        )
    return {name: list(tokens) for name in left} or None


def _put_in(model: Any, config: Any) -> Any:
    from peft import get_peft_model

    return get_peft_model(model, config)


def _lora(
    model: Any, method: LoraMethod, layers: dict[str, Any], fix: str, rows: Rows | None, put_in: PutIn
) -> Any:
    from peft import EvaConfig, LoraConfig

    on_meta = next(model.parameters()).is_meta  # where nothing can be found in the weights
    start = "default" if on_meta or method.init_lora_weights == "loftq" else method.init_lora_weights
    config = LoraConfig(
        task_type=_task(model),
        r=method.r,
        lora_alpha=method.lora_alpha,
        lora_dropout=method.lora_dropout,
        target_modules=_targets(model, method),
        exclude_modules=_past_adapters(model) if method.target_modules == "all-linear" else None,
        modules_to_save=_whole_names(layers, method.modules_to_save) or None,
        trainable_token_indices=rows,
        use_rslora=method.use_rslora,
        use_dora=method.use_dora,
        init_lora_weights=True if start == "default" else start,  # type: ignore[arg-type]
        eva_config=EvaConfig(rho=method.eva_rho) if start == "eva" else None,
    )
    try:
        tuned = put_in(model, config)
    except ValueError as error:
        if "target" not in str(error).lower():
            raise
        key = "method.target_modules"
        raise UserError(_unsuitable(model, layers, method, error), key, fix, [leave_out(key)]) from error
    return _saving_only(rows, tuned)


def _saving_only(rows: Rows | None, tuned: Any) -> Any:
    """A model that saves no more of the embeddings than these rows, if there are any: PEFT would save them all."""
    if rows:
        tuned.save_pretrained = functools.partial(tuned.save_pretrained, save_embedding_layers=False)
    return tuned


def _trained_on(model: Any, start: Path, new_tokens: Sequence[int], put_in: PutIn) -> Any:
    """The model with the adapter of a folder, to train it on.

    Raises:
        UserError: it is of another kind, of another model, or has other new tokens.
    """
    from peft import PeftConfig, set_peft_model_state_dict

    config: Any = PeftConfig.from_pretrained(str(start))
    if config.peft_type != "LORA":
        what = _(
            "This adapter is of the kind {name}; only those of LoRA are trained on.",
            name=config.peft_type.value,
        )
        raise _unfit(start, what)
    rows = _rows_of(model, config.modules_to_save or (), new_tokens)
    if not _same_rows(config.trainable_token_indices, rows):
        raise UserError(
            _("This adapter was trained with other new tokens."),
            f"method.adapter: {start}",
            _("Write model.add_tokens as it was in its run."),
        )
    config.inference_mode, config.task_type = False, _task(model)
    config.init_lora_weights, config.eva_config = True, None
    config.trainable_token_indices = rows

    def mistake(reason: str) -> UserError:
        return _unfit(start, _("This adapter does not fit the model: {reason}", reason=reason))

    head = head_of(model).state_dict() if has_score_head(model) else {}
    with refusals(mistake):
        tuned = put_in(model, config)
        if not next(model.parameters()).is_meta:
            # One that did not score has no head: the new one of the model is trained then.
            new = {f"base_model.model.score.{name}": weight for name, weight in head.items()}
            set_peft_model_state_dict(tuned, new | load_file(start / SAFETENSORS_WEIGHTS_NAME))
    return _saving_only(rows, tuned)


def _same_rows(before: Any, rows: Rows | None) -> bool:
    """Whether an adapter trained no rows of tokens, or the same."""
    if before is None:
        return True
    listed = before.values() if isinstance(before, dict) else [before]
    return rows is not None and all(ids in rows.values() for ids in listed)


def _unfit(start: Path, what: str) -> UserError:
    fix = _("Name an adapter of LoRA that was trained on this model.")
    return UserError(what, f"method.adapter: {start}", fix, [leave_out("method.adapter")])


def _other_kind(model: Any, method: AdaLoraMethod | PeftMethod, layers: dict[str, Any]) -> Any:
    """The model with adapters of another type; what PEFT finds wrong is the user's to mend."""
    from peft import PeftType, get_peft_model
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    made = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType(method.peft_type)]
    values: dict[str, Any] = {"task_type": _task(model), **_usual(method), **method.settings}
    if method.peft_type not in WITHOUT_TARGETS:
        values["target_modules"] = _targets(model, method)
    if method.target_modules == "all-linear" and "exclude_modules" in made.__dataclass_fields__:
        values.setdefault("exclude_modules", _past_adapters(model))
    if method.modules_to_save:
        values["modules_to_save"] = _whole_names(layers, method.modules_to_save)

    def mistake(reason: str) -> UserError:
        return UserError(
            _("{name} cannot be made: {reason}", name=method.peft_type, reason=reason),
            f"method.type: {method.type}, {method.peft_type}",
            _("Set what it needs, name other target modules, or take another type."),
            [change_to("method.type", "lora")],
        )

    with refusals(mistake, AssertionError, TypeError):
        tuned = get_peft_model(model, made(**values))
    if isinstance(method, AdaLoraMethod):
        for name, weight in tuned.named_parameters():
            if ".ranknum." in name:  # PEFT makes it anew, as one to train, where the weights have two bytes
                weight.requires_grad_(False)
    if not any(weight.numel() for weight in tuned.parameters() if weight.requires_grad):
        raise mistake(_("it would train no weights"))
    return tuned


def _usual(method: AdaLoraMethod | PeftMethod) -> dict[str, Any]:
    """What PEFT leaves open for a type, or what would not fit this model."""
    if method.peft_type in IN_FRONT:
        return {"num_virtual_tokens": 20}
    if method.peft_type == "IA3":
        return {"feedforward_modules": []}
    return {}


def _task(model: Any) -> str:
    return "SEQ_CLS" if has_score_head(model) else "CAUSAL_LM"  # trains the head that scores, too


def _targets(model: Any, method: AdapterMethod) -> str | list[str]:
    """What PEFT takes as `target_modules`: for it all-linear leaves out quantized layers of classes of their own."""
    linear = linear_layers(model)
    if isinstance(method, LoraMethod) and method.expanded_blocks is not None:
        return _within_blocks(model, method, method.expanded_blocks)
    if method.target_modules != "all-linear" or all(
        isinstance(part, torch.nn.Linear) for part in linear.values()
    ):
        return method.target_modules
    return [name for name, part in linear.items() if part is not head_of(model)]


def _within_blocks(model: Any, method: LoraMethod, count: int) -> list[str]:
    """The whole names of the targets in the blocks that an expansion has added."""
    from transformers.pytorch_utils import Conv1D

    blocks = added_layers(model, count, "method.expanded_blocks")
    added = {id(part) for block in blocks for part in block.modules()}
    inside = {name: part for name, part in model.named_modules() if id(part) in added}
    if method.target_modules != "all-linear":
        return _whole_names(inside, method.target_modules)
    linear = linear_layers(model)
    return [name for name, part in inside.items() if name in linear or isinstance(part, Conv1D)]


def _past_adapters(model: Any) -> list[str] | None:
    """Linear layers that adapters do nothing for: fused kernels of state-space models read their weights themselves,
    and linear layers of an architecture's own class, such as routers of experts, give more than a product."""
    fused = ["out_proj", "dt_proj"] if model.config.model_type in _STATE_SPACE else []
    own = [
        name
        for name, part in model.named_modules()
        if isinstance(part, torch.nn.Linear)
        and type(part).__module__.startswith("transformers")
        and not _gives_a_product(part)
    ]
    return [*fused, *own] or None


@torch.no_grad()
def _gives_a_product(layer: torch.nn.Linear) -> bool:
    """Whether a linear layer takes and gives what its sizes say."""
    try:
        given: Any = layer(layer.weight.new_zeros(1, layer.in_features))
    except RuntimeError:  # of torch, about shapes
        return False
    return isinstance(given, torch.Tensor) and given.shape == (1, layer.out_features)


def _other_names(key: str, names: Sequence[str], unknown: str, known: Iterable[str]) -> list[Change]:
    """Names of modules with the closest known one in place of an unknown one, or none at all."""
    close = difflib.get_close_matches(unknown, list(known), n=1)
    others: list[list[JsonValue]] = (
        [[close[0] if name == unknown else name for name in names]] if close else []
    )
    return [*(change_to(key, other) for other in others), leave_out(key)]


def _named(method: AdapterMethod) -> Iterator[tuple[str, str]]:
    """The modules that a method names, each with its key."""
    if method.target_modules != "all-linear":
        yield from (("method.target_modules", name) for name in method.target_modules)
    yield from (("method.modules_to_save", name) for name in method.modules_to_save)


def _parts(layers: dict[str, Any], target: str) -> list[Any]:
    """The layers that a name of `target_modules` means."""
    return [layers[name] for name in _whole_names(layers, [target])]


def _whole_names(layers: dict[str, Any], targets: Sequence[str]) -> list[str]:
    """The whole names of what `targets` mean: PEFT takes norm for the end of input_layernorm, too."""
    return [name for name in layers if any(f".{name}".endswith(f".{target}") for target in targets)]


def _unsuitable(model: Any, layers: dict[str, Any], method: LoraMethod, error: ValueError) -> str:
    """Which layer cannot get an adapter."""
    from transformers.pytorch_utils import Conv1D

    linear = linear_layers(model).values()
    for target in () if method.target_modules == "all-linear" else method.target_modules:
        for part in _parts(layers, target):
            if not isinstance(part, torch.nn.Embedding | Conv1D) and part not in linear:
                kind = type(part).__name__
                return _(
                    "The layer {name!r} is of type {kind} and cannot get an adapter.", name=target, kind=kind
                )
    return first_line(error)
