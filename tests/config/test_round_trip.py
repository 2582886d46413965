"""What is written is read back; whatever is read, a user gets a configuration or a list of mistakes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmtune_kernel.config import (
    ConfigError,
    Problem,
    RunConfig,
    config_from_dict,
    dump_config,
    json_schema,
    read_config,
)
from llmtune_kernel.config.data import OF_OBJECTIVES
from llmtune_kernel.config.methods import OF_ADAPTER
from llmtune_kernel.config.objectives import DpoObjective, SftObjective
from llmtune_kernel.config.optimizers import (
    AT_ONCE,
    LOW_RANK,
    NO_GROUPS,
    ON_WEIGHTS,
    OPTIMIZERS,
    WITH_BETAS,
    WITH_EPSILON,
)
from llmtune_kernel.config.optimizers import settings as optimizer_settings
from llmtune_kernel.config.peft_types import (
    IN_FRONT,
    IN_PLACE_OF_LAYERS,
    NEEDS_ACTIVATIONS,
    WITHOUT_HEAD,
    WITHOUT_TARGETS,
    check_field,
)

KEYS = [
    "model",
    "data",
    "method",
    "training",
    "samples",
    "tracking",
    "type",
    "prompts",
    "r",
    "role",
    "seed",
    "report_to",
]
CHANGES_BASE = ("pissa", "pissa_niter_16", "olora")
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
words = texts.filter(lambda text: not text.startswith("~")) | st.sampled_from(
    [
        "1e-4",
        "0x1f",
        "null",
        "~",
        "yes",
        "true",
        "012",
        ".5",
        "12:30",
        "2024-01-01",
        "- a",
        "a: b",
        "#",
        "*x",
        "auto",
        " ",
    ]
)
sources = words.filter(lambda text: not text.startswith("$") and "://" not in text) | st.just("$rows")
turns = st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": words})


def problems_of(read: Callable[[], RunConfig]) -> list[Problem]:
    try:
        read()
    except ConfigError as error:
        return error.problems
    return []


def values_of(field: dict[str, Any], key: str) -> st.SearchStrategy[Any]:
    """Values that the schema allows for a field."""
    if "anyOf" in field:
        return st.one_of(values_of(member, key) for member in field["anyOf"])
    if "const" in field:
        return st.just(field["const"])
    if "enum" in field:
        return st.sampled_from(field["enum"])
    low, high = (
        field.get("minimum", field.get("exclusiveMinimum")),
        field.get("maximum", field.get("exclusiveMaximum")),
    )
    match field["type"]:
        case "integer":
            return st.integers(low, high)
        case "number":
            bounds = {"exclude_min": "exclusiveMinimum" in field, "exclude_max": "exclusiveMaximum" in field}
            return st.floats(low, high, allow_nan=False, allow_infinity=False, **bounds)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "string":
            return sources if key in ("train", "eval", "source", "reward") else words
        case "object" if "properties" in field:
            return sections_of(field)
        case "object" if key == "optim_args":
            return st.just({})  # set by `fitting_training`
        case "object":
            return st.dictionaries(st.sampled_from(field["propertyNames"]["enum"]), words, max_size=3)
        case "array" if key == "prompts":
            return st.lists(words | st.lists(turns, min_size=1, max_size=3), max_size=3)
        case "array":
            once = key == "add_tokens"
            return st.lists(
                values_of(field["items"], key), min_size=field.get("minItems", 0), max_size=3, unique=once
            )
    raise AssertionError(field)


def sections_of(section: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "oneOf" in section:
        return st.one_of(sections_of(member) for member in section["oneOf"])
    fields = {key: values_of(field, key) for key, field in section["properties"].items()}
    required = {key: fields.pop(key) for key in list(fields) if key in ("train", "type", "source", "reward")}
    return st.fixed_dictionaries(required, optional=fields)


def configurations() -> st.SearchStrategy[dict[str, Any]]:
    schema = json_schema()["properties"]
    resume = schema.pop("resume")
    sections = {name: sections_of(section) for name, section in schema.items()}
    data = sections.pop("data").map(fitting_data)
    every = st.fixed_dictionaries(
        {"data": data}, optional={**sections, "resume": values_of(resume, "resume")}
    )
    return every.map(fitting)


def fitting_data(data: dict[str, Any]) -> dict[str, Any]:
    if data.get("eval_fraction"):
        data.pop("eval_rows", None)
    if data.get("train_on_prompt"):
        data.pop("mask_history", None)
    return data | {"eval": None} if data.keys() & {"eval_fraction", "eval_rows"} else data


def fitting_method(method: dict[str, Any]) -> dict[str, Any]:
    unfit = set()
    if method["type"] == "peft":
        return fitting_peft(method)
    if method["type"] == "adalora":
        method |= {"init_r": 100, "target_r": min(method.get("target_r", 8), 99)}
    if method.get("init_lora_weights") in (*CHANGES_BASE, "loftq"):
        unfit.add("use_dora")
    if method.get("init_lora_weights") == "orthogonal":
        unfit.add("r")
    if method.get("init_lora_weights") != "eva":
        unfit.add("eva_rho")
    if method.get("adapter"):
        unfit.update([*OF_ADAPTER, "eva_rho"])
    if method.get("trainable_layers") == 0 and not method.get("extra_modules"):
        unfit.add("trainable_layers")
    if method.get("trainable_layers", 2) < 1:
        unfit.add("block_expansion")
    return {key: value for key, value in method.items() if key not in unfit}


def fitting_peft(method: dict[str, Any]) -> dict[str, Any]:
    """The same with what its type takes."""
    name = method.get("peft_type", "LOHA")
    own = {"type", "peft_type", "modules_to_save", *(() if name in WITHOUT_TARGETS else ("target_modules",))}

    def fits(key: str, value: Any) -> bool:
        try:
            check_field(name, key, value)
        except ValueError:
            return False
        return True

    return {key: value for key, value in method.items() if key in own or fits(key, value)}


def fitting_training(training: dict[str, Any], full: bool) -> dict[str, Any]:
    optim = training.get("optim", "adamw_torch")
    if optim in ON_WEIGHTS and not full:
        optim = training["optim"] = "adamw_torch"
    unfit = {
        "optim_target_modules": optim not in LOW_RANK,
        "adam_beta1": optim not in WITH_BETAS,
        "adam_beta2": optim not in WITH_BETAS,
        "adam_epsilon": optim not in WITH_EPSILON,
        "gradient_accumulation_steps": optim in AT_ONCE,
        "auto_batch_size": optim in AT_ONCE,
        "max_grad_norm": optim in AT_ONCE,
        "weight_decay": not OPTIMIZERS[optim].decays,
        "warmup_ratio": training.get("warmup_steps") is not None,
        "save_steps": training.get("save_strategy") == "epoch",
    }
    kept = {key: value for key, value in training.items() if not unfit.get(key)}
    return {**kept, "optim_args": optimizer_settings(optim, {})} if "optim_args" in training else kept


def by_unsloth(method: dict[str, Any], objective: dict[str, Any]) -> bool:
    """Whether Unsloth trains so."""
    targets = method.get("target_modules", [])
    return (
        method["type"] in ("lora", "full")
        and method.get("init_lora_weights") not in ("eva", "loftq")
        and not {name.rsplit(".", 1)[-1] for name in targets} & {"embed_tokens", "lm_head"}
        and objective.get("type") != "reward"
    )


def fitting(values: dict[str, Any]) -> dict[str, Any]:
    """The same without what does not go together."""
    objective = values.get("objective", {})
    method = values["method"] = fitting_method(values.get("method", {"type": "lora"}))
    if method["type"] != "lora" or method.get("init_lora_weights") in CHANGES_BASE:
        objective.pop("reference", None)
        values.get("model", {}).pop("quantization", None)
    if method.get("init_lora_weights") == "loftq":
        objective.pop("reference", None)
        values.setdefault("model", {})["quantization"] = "nf4"
    if method["type"] in ("peft", "adalora"):
        values.get("model", {}).pop("add_tokens", None)
    evaluates = any(values["data"].get(key) for key in ("eval", "eval_fraction", "eval_rows"))
    if method["type"] == "adalora" or objective.get("type") in ("ppo", "grpo") or not evaluates:
        for key in ("load_best_model_at_end", "early_stopping_patience"):
            values.get("training", {}).pop(key, None)
    if values.get("model", {}).get("backend") == "unsloth" and not by_unsloth(method, objective):
        values["model"].pop("backend")
    if values.get("model", {}).get("backend") == "unsloth":
        for key in (
            "quantization",
            "double_quantization",
            "attention",
            "shift_attn",
            "rope_scaling",
            "merge_adapters",
            "liger_kernel",
            "mixture_of_depths",
            "pure_bf16",
        ):
            values["model"].pop(key, None)
    if values.get("model", {}).get("dtype") != "bfloat16":
        values.get("model", {}).pop("pure_bf16", None)
    if method.get("adapter"):
        objective.pop("reference", None)
    if objective.get("reference_adapters"):
        objective.pop("reference_quantization", None)
    if objective.keys() & {"reference_model", "reference_adapters", "reference_quantization"}:
        objective.pop("reference", None)
    merges = values.get("model", {}).get("merge_adapters", True)
    on_top = (
        method["type"] == "lora"
        and not values.get("model", {}).get("add_tokens")
        and not (method.get("use_dora") or method.get("init_lora_weights") in (*CHANGES_BASE, "loftq", "eva"))
    )
    if values.get("model", {}).get("quantization", "none") != "none" if merges else not on_top:
        values["model"].pop("adapters", None)
    if values.get("model", {}).get("quantization", "none") not in ("nf4", "fp4"):
        values.get("model", {}).pop("double_quantization", None)
    if values.get("model", {}).get("rope_scaling", "none") == "none":
        values.get("model", {}).pop("rope_factor", None)
    if values.get("model", {}).get("quantization") in ("int8", "eetq8"):
        method.pop("use_dora", None)
    if not fits_groups(values.get("model", {}), method, objective):
        values.get("model", {}).pop("shift_attn", None)
    if not fits_depths(values.get("model", {}), method, objective):
        values.get("model", {}).pop("mixture_of_depths", None)
    for key, value, objectives in OF_OBJECTIVES:
        if values["data"].get(key) is value and objective.get("type", "sft") not in objectives:
            del values["data"][key]
    if method.get("peft_type") in IN_FRONT and values["data"].get("packing") is True:
        del values["data"]["packing"]
    if "training" in values:
        adapters = method["type"] in ("lora", "adalora", "peft")
        values["training"] = fitting_training(values["training"], full=not adapters)
        model = values.get("model", {})
        if model.get("quantization", "none") != "none" or model.get("backend") == "unsloth":
            values["training"].pop("fp8", None)
        if method.get("peft_type") in IN_PLACE_OF_LAYERS:
            values["training"].pop("fp8", None)
        if method.get("peft_type") in NEEDS_ACTIVATIONS:
            values["training"].pop("gradient_checkpointing", None)
        optim = values["training"].get("optim")
        if optim in NO_GROUPS:
            method.pop("loraplus_lr_ratio", None)
        if optim in AT_ONCE and values.get("model", {}).get("dtype") == "float16":
            values["model"].pop("dtype")
    if objective.get("type") == "reward":
        if method.get("peft_type") in WITHOUT_HEAD:
            values["method"] = {"type": "peft"}
        values.get("samples", {}).pop("prompts", None)
    return {**values, "objective": fitting_objective(objective)} if objective else values


def fits_groups(model: dict[str, Any], method: dict[str, Any], objective: dict[str, Any]) -> bool:
    """Whether it can have shifted attention."""
    compared = ("ppo", "grpo", "kto", "dpo")
    return (
        model.get("attention", "auto") in ("auto", "sdpa")
        and method.get("peft_type") not in IN_FRONT
        and objective.get("type") not in compared
        and objective.get("loss") != "asft"
    )


def fits_depths(model: dict[str, Any], method: dict[str, Any], objective: dict[str, Any]) -> bool:
    """Whether tokens can pass layers by."""
    return (
        method["type"] == "full"
        and fits_groups({}, method, objective)
        and model.get("attention", "auto") in ("auto", "sdpa", "eager")
        and not (model.get("shift_attn") or model.get("liger_kernel"))
    )


def fitting_objective(objective: dict[str, Any]) -> dict[str, Any]:
    section: type[SftObjective | DpoObjective]
    if objective["type"] == "sft":
        section = SftObjective
    elif objective["type"] == "dpo":
        section = DpoObjective
    else:
        if objective.get("desirable_weight") == objective.get("undesirable_weight") == 0:
            del objective["undesirable_weight"]
        return objective
    loss = objective.get("loss", section.model_fields["loss"].default)
    kept = {key: value for key, value in objective.items() if loss in (section.losses_using(key) or [loss])}
    if loss == "robust":
        kept["label_smoothing"] = objective.get("label_smoothing") or 0.1
    return kept


@settings(max_examples=300, deadline=None)
@given(configurations())
@example({"data": {"train": "a\x85b\u2028c\u2029"}})
def test_every_configuration_that_the_schema_allows_is_read_back_as_written(values: dict[str, Any]) -> None:
    config = config_from_dict(values)
    assert read_config(dump_config(config)) == config
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_only_values_that_differ_from_the_defaults_are_written() -> None:
    config = read_config(
        "model: smollm2-135m\ndata: $rows\nmethod: {type: lora, r: 16, lora_alpha: 16}\ntraining: {seed: 42}"
    )
    assert dump_config(config) == "data: $rows\nmethod:\n  type: lora\n  r: 16\n"
    assert dump_config(read_config("data: x\nmethod: full")) == "data: x\nmethod: full\n"


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words | st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS) | words, plain, max_size=5))
def test_any_values_give_a_configuration_or_mistakes_with_words(values: dict[str, Any]) -> None:
    problems = problems_of(lambda: config_from_dict(values))
    assert all(problem.message for problem in problems)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *KEYS,
                ":",
                ": ",
                "\n",
                "\n  ",
                "\t",
                "- ",
                "[",
                "]",
                "{",
                "'",
                '"',
                "*",
                "&a",
                "!x",
                "---",
                "1e3",
                "|",
            ]
        )
        | words
    ).map("".join),
    st.lists(words.map(lambda text: f"training.seed={text}") | words, max_size=2),
)
@example("\x850\x850:", [])
def test_any_text_gives_a_configuration_or_mistakes_on_its_lines(text: str, overrides: list[str]) -> None:
    with contextlib.suppress(ConfigError):
        read_config(text, overrides=overrides)
    last = len(text.splitlines()) + 1
    problems = problems_of(lambda: read_config(text))
    assert all(problem.line is None or 1 <= problem.line <= last for problem in problems)


def test_a_hostile_file_is_refused_without_filling_memory() -> None:
    text = "a: &a [x, x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(30))
    with pytest.raises(ConfigError, match="aliases"):
        read_config(text)
