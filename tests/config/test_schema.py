"""The schema draws the form, and its page is the documentation."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from llmtune_kernel.config import json_schema, read_config
from llmtune_kernel.config.run import DEFAULT_TYPES

ROOT = Path(__file__).parents[2]
SECTIONS = ["model", "data", "method", "objective", "training", "samples", "tracking", "launch"]


def members_of(section: dict[str, Any]) -> list[dict[str, Any]]:
    return [member for member in section.get("oneOf", [section]) if "properties" in member]


def fields() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, section in json_schema()["properties"].items():
        for member in members_of(section):
            for key, field in member["properties"].items():
                yield name, key, field


def test_the_schema_has_every_section_and_stands_alone() -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    assert [*schema["properties"]] == [*SECTIONS, "resume"]
    assert "$ref" not in json.dumps(schema)
    for section in schema["properties"].values():
        assert section["title"]
        assert section["description"].endswith(".")


@pytest.mark.parametrize(
    ("section", "key", "field"), list(fields()), ids=lambda part: part if isinstance(part, str) else ""
)
def test_every_field_has_what_a_form_needs(section: str, key: str, field: dict[str, Any]) -> None:
    assert field["title"]
    assert field["description"].endswith(".")
    assert field["description"].count(". ") == 0, "one sentence"
    assert "default" in field or (section, key) in (("data", "train"), ("objective", "reward"))
    for member in field.get("anyOf", [field]):
        if member.get("type") in ("integer", "number") and key != "trainable_layers":
            assert {"minimum", "exclusiveMinimum"} & member.keys(), "no lower bound"
    if key.endswith("_steps") or key in ("max_length", "max_new_tokens", "limit"):
        assert field["unit"]


def test_what_is_handed_out_can_be_changed_without_harm() -> None:
    json_schema()["properties"].clear()
    assert json_schema()["properties"]


@pytest.mark.parametrize("text", ["data: x", "data: x\nmethod: full\nsamples: [a]\ntracking: tensorboard"])
def test_a_configuration_is_valid_by_its_schema(text: str) -> None:
    validator = Draft202012Validator(json_schema())
    values = read_config(text).model_dump(mode="json")
    assert list(validator.iter_errors(values)) == []
    assert not validator.is_valid({**values, "data": {}})


def test_every_default_that_the_schema_names_is_accepted() -> None:
    values: dict[str, Any] = {"data": {"train": "x"}}
    for section, key, field in fields():
        if section not in DEFAULT_TYPES and "default" in field:
            values.setdefault(section, {})[key] = field["default"]
    assert read_config(json.dumps(values)) == read_config("data: x")


@pytest.mark.parametrize("section", DEFAULT_TYPES)
def test_every_default_of_a_type_is_accepted(section: str) -> None:
    for member in members_of(json_schema()["properties"][section]):
        needed = dict.fromkeys(member.get("required", ()), "x")
        values = {key: needed.get(key, field.get("default")) for key, field in member["properties"].items()}
        written, least = (
            read_config(json.dumps({"data": "x", section: given}))
            for given in (values, {"type": values["type"], **needed})
        )
        assert written == least


def test_the_page_of_the_documentation_is_current() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "llmtune_kernel.config"], cwd=ROOT, capture_output=True, check=True
    )
    page = (ROOT / "docs/configuration.md").read_bytes()
    assert page == made.stdout, "run: python -m llmtune_kernel.config > docs/configuration.md"


def test_the_example_of_the_documentation_is_a_configuration() -> None:
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert read_config(page.split("```yaml\n")[1].split("```")[0]).training.learning_rate == 2e-4


def test_reading_a_configuration_needs_no_heavy_library() -> None:
    code = (
        "import sys\nfrom llmtune_kernel.config import read_config, json_schema\n"
        "read_config('data: x')\njson_schema()\n"
        "print(sorted({'torch', 'transformers', 'pandas', 'numpy', 'datasets', 'pyarrow'} & sys.modules.keys()))"
    )
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"
