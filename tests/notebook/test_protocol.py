"""The messages: one schema for both sides, and fixtures that both sides test against it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from llmtune_kernel.notebook.protocol import protocol_schema

ROOT = Path(__file__).parents[2]
FIXTURES = [
    pytest.param(fixture, id=f"{path.stem}-{number}")
    for path in sorted((ROOT / "tests" / "contract").glob("*.json"))
    for number, fixture in enumerate(json.loads(path.read_text(encoding="utf-8")))
]


def test_schema_file_is_current() -> None:
    written = json.loads((ROOT / "schema" / "protocol.json").read_text(encoding="utf-8"))
    assert written == protocol_schema(), (
        "run: python -m llmtune_kernel.notebook.protocol > schema/protocol.json"
    )


@pytest.mark.parametrize("fixture", FIXTURES)
def test_contract_fixture_is_what_the_schema_says(fixture: dict[str, Any]) -> None:
    schema = protocol_schema()
    validator = Draft202012Validator({"$ref": f"#/$defs/{fixture['schema']}", "$defs": schema["$defs"]})
    assert validator.is_valid(fixture["message"]) == fixture["valid"]


def test_every_message_has_a_fixture() -> None:
    defined = {name for name in protocol_schema()["$defs"] if name in ("Event", "Request")}
    defined |= {
        name for name in protocol_schema()["$defs"] if name.endswith(("Reply", "Push")) or "Hello" in name
    }
    defined |= {name for name in protocol_schema()["$defs"] if name.startswith("Chart")}
    assert {parameter.values[0]["schema"] for parameter in FIXTURES} == defined
