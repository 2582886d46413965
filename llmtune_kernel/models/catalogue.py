"""Models to choose from: the built-in one, those in the local Hub cache, and well-known public ones."""

from __future__ import annotations

import csv
import importlib.resources
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from llmtune_kernel.models.sources import BUILT_IN

if TYPE_CHECKING:
    from huggingface_hub import CachedRepoInfo

# Endings of the names of architectures that AutoModelForCausalLM loads.
_LANGUAGE_MODELS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


@dataclass(frozen=True)
class ModelChoice:
    """A model; `name` is what a configuration says, `parameters` are in billions."""

    name: str
    kind: Literal["built-in", "cached", "catalogue"]
    title: str
    parameters: float | None
    licence: str
    description: str


def model_choices(cache: Path | None = None) -> list[ModelChoice]:
    """The built-in model, the models of the local Hub cache by name, and the rest of the catalogue.

    Args:
        cache: Folder of the Hub cache; by default the one that huggingface_hub uses.
    """
    built_in = ModelChoice(
        BUILT_IN,
        "built-in",
        "SmolLM2 135M Instruct",
        0.135,
        "apache-2.0",
        "Small enough for any machine; comes with the package.",
    )
    known = {choice.name: choice for choice in catalogue()}
    cached = [_cached_choice(name, known.get(name)) for name in sorted(_cached_models(cache), key=str.lower)]
    names = {choice.name for choice in cached}
    return [built_in, *cached, *(choice for choice in known.values() if choice.name not in names)]


def catalogue() -> list[ModelChoice]:
    """Public models that `AutoModelForCausalLM` loads without remote code; facts as their cards give."""
    text = (importlib.resources.files("llmtune_kernel.models") / "known.csv").read_text(encoding="utf-8")
    return [
        ModelChoice(
            row["name"],
            "catalogue",
            row["title"],
            float(row["parameters"]),
            row["licence"],
            row["description"],
        )
        for row in csv.DictReader(text.splitlines())
    ]


def _cached_choice(name: str, known: ModelChoice | None) -> ModelChoice:
    title = known.title if known else name.rpartition("/")[2]
    parameters, licence = (known.parameters, known.licence) if known else (None, "")
    description = known.description if known else "In the local Hub cache."
    return ModelChoice(name, "cached", title, parameters, licence, description)


def _cached_models(cache: Path | None) -> Iterator[str]:
    """Hub ids of the language models in the cache."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        found = scan_cache_dir(cache)
    except (CacheNotFound, OSError, ValueError):
        return
    for repo in found.repos:
        if repo.repo_type == "model" and _is_language_model(repo):
            yield repo.repo_id


def _is_language_model(repo: CachedRepoInfo) -> bool:
    """Whether any revision holds a config.json that names such an architecture."""
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
                return True
    return False
