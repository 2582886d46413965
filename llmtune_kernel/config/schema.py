"""The configuration as a JSON Schema, and what a schema asks for in words."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Sequence
from typing import Any

from llmtune_kernel.config.run import RunConfig
from llmtune_kernel.locale import _, either, look_up

Schema = dict[str, Any]


def json_schema() -> Schema:
    """The JSON Schema of `RunConfig`: titles, descriptions, units, bounds, choices and defaults, without `$ref`.

    It describes the long form only; short forms such as `model: X` are not in it.
    """
    return copy.deepcopy(cached_schema())


@functools.cache
def cached_schema() -> Schema:
    """`json_schema()`, shared: not to be changed."""
    schema = RunConfig.model_json_schema()
    definitions = schema.pop("$defs")
    inlined = _inline(schema, definitions)
    assert isinstance(inlined, dict)
    return inlined


def _inline(node: Any, definitions: Schema) -> Any:
    if isinstance(node, list):
        return [_inline(part, definitions) for part in node]
    if not isinstance(node, dict):
        return node
    own = {
        key: _inline(part, definitions) for key, part in node.items() if key not in ("$ref", "discriminator")
    }
    if "$ref" not in node:
        return own
    return {**_inline(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions), **own}


def properties(node: Schema) -> Schema:
    """The keys of a section and their schemas; for a section of several types, those of all types."""
    merged: Schema = {}
    for variant in node.get("oneOf", [node]):
        for key, part in variant.get("properties", {}).items():
            merged.setdefault(key, part)
    return merged


def paths(node: Schema | None = None, prefix: str = "") -> Iterator[str]:
    """Every key of the configuration as a dotted path, sections included."""
    for key, part in properties(cached_schema() if node is None else node).items():
        yield prefix + key
        yield from paths(part, f"{prefix}{key}.")


def choices(node: Schema) -> list[str]:
    """The words that a field allows; empty where it is not a choice of words."""
    if "const" in node:
        return [node["const"]] if isinstance(node["const"], str) else []
    if "oneOf" in node:
        return [variant["properties"]["type"]["const"] for variant in node["oneOf"]]
    if "anyOf" in node:
        return [word for part in node["anyOf"] for word in choices(part)]
    return list(node.get("enum", []))


def kinds(node: Schema) -> set[str]:
    """The types of JSON that a value may have; a value of a few words or constants is of the type choice."""
    if "anyOf" in node:
        return set().union(*(kinds(part) for part in node["anyOf"]))
    if "const" in node or choices(node):
        return {"object"} if "oneOf" in node else {"choice"}
    return {str(node.get("type"))}


def expected(node: Schema) -> str:
    """What a value must be, in words that follow "must be": `a whole number of at least 1, or null`."""
    if "words" in node:
        return look_up(node["words"])
    if "anyOf" in node:
        parts = [expected(part) for part in node["anyOf"]]
        return either([", ".join(parts[:-1]), parts[-1]])
    if "const" in node:
        return str(node["const"]).lower() if isinstance(node["const"], bool) else str(node["const"])
    if "oneOf" not in node and (words := choices(node)):
        return one_of(words)
    kind = node.get("type")
    if kind in ("integer", "number"):
        number, bounds = _("a whole number") if kind == "integer" else _("a number"), _bounds(node)
        return _("{number} {bounds}", number=number, bounds=bounds) if bounds else number
    if kind == "array":
        items = node["items"]
        each = look_up(items["description"]) if items.get("description") else expected(items)
        if node.get("minItems"):
            return _("a list of at least one item, each {each}", each=each)
        return _("a list, each {each}", each=each)
    if kind == "string":
        return _("text that is not empty") if node.get("minLength") else _("text")
    if node.get("additionalProperties"):
        return _("pairs of a field and a column")
    if kind == "object" or "oneOf" in node:
        return _("a section of keys such as {keys}", keys=", ".join(list(properties(node))[:3]))
    return _("true or false") if kind == "boolean" else "null"


def without_null(node: Schema) -> Schema:
    """What a value must be that is given: who wants none leaves it out."""
    parts = [part for part in node.get("anyOf", ()) if part.get("type") != "null"]
    if not parts or "words" in node:
        return node
    return parts[0] if len(parts) == 1 else {**node, "anyOf": parts}


def one_of(words: Sequence[str]) -> str:
    """What a choice of words asks for."""
    return _("one of {words}", words=", ".join(words))


def _bounds(node: Schema) -> str:
    low, above = node.get("minimum"), node.get("exclusiveMinimum")
    high, below = node.get("maximum"), node.get("exclusiveMaximum")
    if low is not None and high is not None:
        return _("from {low} to {high}", low=low, high=high)
    parts = []
    if low is not None:
        parts.append(_("of at least {low}", low=low))
    if above is not None:
        parts.append(_("above {low}", low=above))
    if high is not None:
        parts.append(_("at most {high}", high=high))
    if below is not None:
        parts.append(_("below {high}", high=below))
    if len(parts) == 2:
        return _("{low} and {high}", low=parts[0], high=parts[1])
    return "".join(parts)
