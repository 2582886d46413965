"""Models to choose from: the built-in one, those in the local Hub cache, and well-known public ones."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.locale import _
from llmtune_kernel.models.known import KnownModel, known_models
from llmtune_kernel.models.sources import BUILT_IN

if TYPE_CHECKING:
    from huggingface_hub import CachedRepoInfo

# Endings of the names of architectures that AutoModelForCausalLM loads.
_LANGUAGE_MODELS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")

Kind = Literal["built-in", "cached", "catalogue"]


@dataclass(frozen=True)
class ModelChoice:
    """A model; `name` is what a configuration says, `parameters` are in billions, `context` is in tokens.

    `gated`: its terms are to be accepted on the Hub first; None where that has changed over time. `advice`: values of a
    configuration that suit it better than what else is taken, by their keys. `description`: in the user's language.
    """

    name: str
    kind: Kind
    family: str = ""
    parameters: float | None = None
    context: int | None = None
    licence: str = ""
    gated: bool | None = False
    description: str = ""
    advice: dict[str, str | list[str]] = field(default_factory=dict)


def model_choices(cache: Path | None = None) -> list[ModelChoice]:
    """The built-in model, the models of the local Hub cache by name, and the rest of the catalogue.

    Args:
        cache: Folder of the Hub cache; by default the one that huggingface_hub uses.
    """
    built_in = ModelChoice(
        BUILT_IN,
        "built-in",
        "SmolLM",
        0.135,
        8192,
        "apache-2.0",
        description=_("Small enough for any machine; comes with the package."),
    )
    known = known_models()
    found = dict(sorted(_cached_models(cache), key=lambda one: one[0].lower()))
    cached = [
        _known_choice(known[name], "cached")
        if name in known
        else ModelChoice(name, "cached", description=_about_weights(config))
        for name, config in found.items()
    ]
    rest = [_known_choice(model, "catalogue") for name, model in known.items() if name not in found]
    return [built_in, *cached, *rest]


def find_models(words: Sequence[str], cache: Path | None = None) -> list[ModelChoice]:
    """The models that have every one of `words` in their name, family, size, licence or purpose.

    Raises:
        UserError: there are none.
    """
    found = [
        choice
        for choice in model_choices(cache)
        if all(_holds(_searched(choice), word.casefold()) for word in words)
    ]
    if not found:
        raise UserError(
            _("No model of the catalogue fits {words}.", words=" ".join(words)),
            "",
            _("Words may be parts of names, sizes such as 7b, licences, or purposes such as code."),
        )
    return found


def close_names(name: str) -> list[str]:
    """Names of models, cached or of the catalogue, that are close to one that is none of them; the closest first."""
    names = {choice.name.lower(): choice.name for choice in model_choices()}
    if name in names.values():
        return []
    return [names[close] for close in difflib.get_close_matches(name.lower(), names, cutoff=0.8)]


def model_tables(choices: Sequence[ModelChoice]) -> tuple[list[str], list[tuple[str, list[list[str]]]]]:
    """A header, and for each group of models its title and rows of cells."""
    header = [_("name"), _("parameters"), _("context"), _("licence"), _("good for")]
    tables: dict[str, list[list[str]]] = {}
    for one in choices:
        match one.kind:
            case "built-in":
                title = _("Built in")
            case "cached":
                title = _("On this machine")
            case "catalogue":
                title = one.family
        context = "" if one.context is None else f"{one.context:,}"
        tables.setdefault(title, []).append([one.name, size(one), context, licence(one), one.description])
    return header, list(tables.items())


def size(choice: ModelChoice) -> str:
    """How many parameters it has, such as 135M or 8.2B; empty where that is not known."""
    if choice.parameters is None:
        return ""
    return f"{choice.parameters * 1000:.0f}M" if choice.parameters < 1 else f"{choice.parameters:g}B"


def licence(choice: ModelChoice) -> str:
    """The licence, and whether the terms are to be accepted first."""
    if choice.gated is None:
        return _("{licence}, may be gated", licence=choice.licence)
    return _("{licence}, gated", licence=choice.licence) if choice.gated else choice.licence


def _holds(text: str, word: str) -> bool:
    """Whether a text holds a word; a number is not the end of a longer one: 7b is not in 14.7b."""
    begins = r"(?<![\d.])" if word[:1].isdigit() else ""
    return re.search(begins + re.escape(word), text) is not None


def _searched(choice: ModelChoice) -> str:
    known = known_models().get(choice.name)
    purposes = known.good_for if known else []
    words = [choice.name, choice.family, size(choice), licence(choice), choice.description, *purposes]
    return "\n".join(words).casefold()


def _known_choice(model: KnownModel, kind: Kind) -> ModelChoice:
    advice: dict[str, str | list[str]] = {}
    if model.template is not None:
        advice["data.template"] = model.template
    if model.target_modules != "all-linear":
        advice["method.target_modules"] = model.target_modules
    return ModelChoice(
        model.name,
        kind,
        model.family,
        model.parameters,
        model.context,
        model.licence,
        model.gated,
        model.description,
        advice,
    )


def _about_weights(config: dict[str, Any]) -> str:
    """That the weights of a model are quantized, and how; empty where they are not."""
    quantization = config.get("quantization_config")
    if not isinstance(quantization, dict):
        return ""
    return _("Its weights are quantized: {kind}.", kind=quantization.get("quant_method", "?"))


def _cached_models(cache: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Hub ids of the language models in the cache, with their configurations."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        found = scan_cache_dir(cache)
    except (CacheNotFound, OSError, ValueError):
        return
    for repo in found.repos:
        if repo.repo_type == "model" and (config := _language_model(repo)):
            yield repo.repo_id, config


def _language_model(repo: CachedRepoInfo) -> dict[str, Any] | None:
    """The config.json of any revision that names such an architecture."""
    for revision in repo.revisions:
        for file in revision.files:
            if file.file_name != "config.json" or file.file_path.parent != revision.snapshot_path:
                continue
            try:
                config = json.loads(file.file_path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            names = config.get("architectures") if isinstance(config, dict) else None
            if any(str(name).endswith(_LANGUAGE_MODELS) for name in names or []):
                return dict(config)
    return None
