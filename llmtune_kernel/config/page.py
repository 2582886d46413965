"""The page docs/configuration.md: a table for each section."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmtune_kernel.config.document import dump
from llmtune_kernel.config.run import SHORT_FORMS
from llmtune_kernel.config.schema import Schema, cached_schema, choices, expected

_INTRODUCTION = """# Configuration

<!-- Written by `python -m llmtune_kernel.config > docs/configuration.md`: change the code, not this page. -->

A run is described in YAML: in a `%%finetune` cell, or in a file for `llmtune train FILE.yaml`. Only `data` is required:

```yaml
model: smollm2-135m
data: rows.jsonl # or $name, a variable of the notebook
method: lora
training:
  num_train_epochs: 3
  learning_rate: 2e-4
samples:
  - What is the capital of France?
```

All mistakes are reported at once, each with its line, its key and the closest valid choice."""


def page() -> str:
    """The page as Markdown."""
    schema = cached_schema()
    short = ", ".join(f"`{section}: X` is `{section}: {{{key}: X}}`" for section, key in SHORT_FORMS.items())
    parts = [_INTRODUCTION, f"Short forms: {short}."]
    for name, section in schema["properties"].items():
        members = section.get("oneOf", [section])
        parts.append(
            f"## `{name}`\n\n{section['description']}"
            + ("" if "properties" in members[0] else _line(section))
        )
        for member in members:
            if "properties" in member:
                if len(members) > 1:
                    parts += [
                        f"### `type: {choices(member['properties']['type'])[0]}`",
                        member["description"],
                    ]
                parts.append("\n".join(_table(member)))
                parts += _inner(name, member)
    return "\n\n".join(parts) + "\n"


def _inner(name: str, section: Schema) -> Iterator[str]:
    """A table for each section that is the value of fields."""
    keys: dict[str, list[str]] = {}
    tables = {}
    for key, field in section["properties"].items():
        for member in field.get("anyOf", ()):
            if "properties" in member:
                keys.setdefault(member["title"], []).append(f"`{name}.{key}`")
                tables[member["title"]] = [f"{member['description']}\n", *_table(member)]
    for title, table in tables.items():
        yield f"### A section of {' or '.join(keys[title])}\n\n" + "\n".join(table)


def _line(field: Schema) -> str:
    return f" Default: {_default(field['default'])}; {expected(field)}."


def _table(section: Schema) -> Iterator[str]:
    yield "| key | default | unit | values | description |"
    yield "| --- | --- | --- | --- | --- |"
    for key, field in section["properties"].items():
        default = "required" if "default" not in field else _default(field["default"])
        described = field["description"] + _defaults(field)
        yield f"| `{key}` | {default} | {field.get('unit', '')} | {expected(field)} | {described} |"


def _defaults(field: Schema) -> str:
    """What counts by the choice of another field, where nothing is written."""
    users: dict[str, list[str]] = {}
    for values in field.get("default_by", {}).values():
        for choice, value in values.items():
            users.setdefault(_default(value), []).append(choice)
    told = [
        value if len(users) == 1 else f"{value} ({', '.join(choices)})" for value, choices in users.items()
    ]
    return f" Left out, {', '.join(told)}." if told else ""


def _default(value: Any) -> str:
    return f"`{dump({'_': value}).removeprefix('_: ').strip()}`"
