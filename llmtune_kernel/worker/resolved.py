"""The file `resolved.json`: everything that is needed to know what was run, and to load its result."""

from __future__ import annotations

import importlib.metadata
import json
from typing import Any

import torch

from llmtune_kernel.config import RunConfig
from llmtune_kernel.data.summary import format_names
from llmtune_kernel.models.loading import load_configuration
from llmtune_kernel.models.quantization import quantization_config
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.quantizers import written
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.worker.prepare import PreparedData
from llmtune_kernel.worker.reading import ReadSource, SplitRows

_LIBRARIES = ("jupyterlab-llmtune", "torch", "transformers", "peft", "accelerate", "tokenizers", "datasets")


def write_resolved(
    directory: RunDirectory,
    config: RunConfig,
    source: ModelSource,
    model: Any,
    weights: torch.dtype,
    data: PreparedData,
) -> None:
    """Write it into a run's directory.

    Args:
        model: As loaded.
        weights: The precision of those that are not quantized.
    """
    if config.model.backend == "unsloth":  # which leaves out layers by itself
        quantization = getattr(model.config, "quantization_config", None)
    else:
        quantization = quantization_config(config.model, weights, load_configuration(source))
    values = config.model_dump(mode="json")
    values["training"]["learning_rate"] = config.learning_rate_value
    libraries = (*_LIBRARIES, "unsloth") if config.model.backend == "unsloth" else _LIBRARIES
    resolved = {
        "config": values,
        "base": {
            "name": config.model.name_or_path,
            "name_or_path": source.name_or_path,
            "revision": source.revision,
            "dtype": str(weights).removeprefix("torch."),
            "quantization": written.write(quantization) if quantization else None,
            "positions": _positions(config, model),
            "vocabulary": model.config.get_text_config().vocab_size,
        },
        "data": {name: _split(split) for name, split in data.splits().items()},
        "format": format_names(data.train.split.encoded),
        "seed": config.training.seed,
        "versions": {name: importlib.metadata.version(name) for name in libraries},
    }
    partial = directory.resolved.with_suffix(".partial")
    partial.write_text(json.dumps(resolved, indent=2, ensure_ascii=False), encoding="utf-8")
    partial.replace(directory.resolved)


def _positions(config: RunConfig, model: Any) -> dict[str, Any]:
    """How positions are stretched, as `from_pretrained` takes it; empty where they are not."""
    if config.model.rope_scaling == "none":
        return {}
    keys = ("rope_parameters", "max_position_embeddings")
    return {key: getattr(model.config, key) for key in keys}


def _split(split: SplitRows) -> dict[str, Any]:
    return {
        "sources": [_source(source) for source in split.sources],
        "rows": split.rows,
        "skipped": len(split.encoded.skipped),
        "dropped": len(split.encoded.dropped),
        "truncated": split.encoded.truncated,
    }


def _source(source: ReadSource) -> dict[str, Any]:
    """What `source_before` of a run that continues this one needs to know."""
    return {
        "source": source.source.source,
        "read": source.read.model_dump(mode="json"),
        "files": [str(file.expanduser().absolute()) for file in source.found.files],
        "rows": source.rows,
        "fingerprint": source.found.fingerprint,
    }
