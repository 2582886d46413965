"""What tells the rows of a source from what they were, without reading them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.config.data import SPLITS
from llmtune_kernel.config.sources import SourceConfig
from llmtune_kernel.data.identity import content_hash, file_stamps
from llmtune_kernel.data.sources import find_source, is_variable
from llmtune_kernel.data.variables import split_of
from llmtune_kernel.notebook.variables import look_up

_GONE = "gone"


def content_of(source: SourceConfig, dataset_dir: str, namespace: Mapping[str, Any]) -> str:
    """What differs when the rows of a source do, as far as a variable's sample and the sizes and times of files tell.

    Args:
        namespace: Where `$name` is looked up.

    Returns:
        Empty while it cannot be told; a source that is not there has a content too.
    """
    try:
        if is_variable(source):
            name = source.source.removeprefix("$")
            return content_hash(split_of(look_up(name, namespace, "data.train"), source.split, source.source))
        place = find_source(source, dataset_dir)
        said = [place.source.model_dump(mode="json"), file_stamps(place.files)]
    except (UserError, OSError):
        return _GONE
    return hashlib.blake2b(json.dumps(said).encode(), digest_size=8).hexdigest()


def contents_of(config: RunConfig, namespace: Mapping[str, Any]) -> str:
    """The content of all sources of a configuration; empty while that of one cannot be told."""
    data = config.data
    found = [
        content_of(source, data.dataset_dir, namespace) for split in SPLITS for source in data.sources(split)
    ]
    return " ".join(found) if all(found) else ""


def is_other(content: str, before: str) -> bool:
    """Whether rows have changed, if that can be told."""
    return bool(content and before) and content != before
