"""The configuration as JSON Schema, which draws the form, and as the page docs/configuration.md."""

from __future__ import annotations

from typing import Any

from llmtune_kernel.config.run import SHORT_FORMS, RunConfig


def json_schema() -> dict[str, Any]:
    """JSON Schema of the long form of a configuration, with titles, descriptions, units, bounds and defaults."""
    return RunConfig.model_json_schema()


def markdown() -> str:
    """The page docs/configuration.md: a table a section."""
    schema = json_schema()
    definitions = schema["$defs"]
    short = ", ".join(f"`{section}: …` for `{section}.{key}`" for section, key in SHORT_FORMS.items())
    lines = [
        "# Configuration",
        "",
        "<!-- Written by `python -m llmtune_kernel.config`; change the code, not this page. -->",
        "",
        "A run is described by YAML, in a `%%finetune` cell or in a file for `llmtune train`. Only `data` is needed.",
        f"A section may be written as one value: {short}.",
    ]
    for name, section in schema["properties"].items():
        for reference in _references(section):
            definition = definitions[reference]
            title = (
                name
                if len(_references(section)) == 1
                else f"{name}: {definition['properties']['type']['const']}"
            )
            lines += ["", f"## {title}", "", definition.get("description", ""), ""]
            lines += ["| key | default | values | what it is |", "| --- | --- | --- | --- |"]
            required = definition.get("required", [])
            for key, field in definition["properties"].items():
                default = "needed" if key in required else f"`{_value(field.get('default', []))}`"
                lines.append(
                    f"| `{key}` | {default} | {_allowed(field, definitions)} | {field['description']} |"
                )
    resume = schema["properties"]["resume"]
    return "\n".join([*lines, "", "## resume", "", resume["description"], ""])


def _references(section: dict[str, Any]) -> list[str]:
    found = [section] if "$ref" in section else section.get("oneOf", [])
    return [item["$ref"].rsplit("/", 1)[-1] for item in found]


def _allowed(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    options = field.get("anyOf", [field])
    words = [word for option in options if (word := _words(option))]
    unit = f" ({field['unit']})" if "unit" in field else ""
    return " or ".join(words) + unit


_TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true, false",
    "array": "list",
}
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _words(option: dict[str, Any]) -> str:
    if "enum" in option:
        return ", ".join(f"`{value}`" for value in option["enum"])
    if "const" in option:
        return f"`{option['const']}`"
    if option.get("type") == "null":
        return ""
    bounds = "".join(f" {sign} {option[name]:g}" for name, sign in _BOUNDS.items() if name in option)
    return _TYPES[option["type"]] + bounds


def _value(default: Any) -> str:
    if default is None:
        return "none"
    return str(default).lower() if isinstance(default, bool) else str(default)
