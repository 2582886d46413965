"""Messages between kernel and front end, and the JSON Schema that both sides are tested against.

`python -m llmtune_kernel.notebook.protocol > schema/protocol.json` writes that schema.
"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from llmtune_kernel.runs.control import COMMAND, Command
from llmtune_kernel.runs.events import Event
from llmtune_kernel.runs.listing import RunSummary


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Nothing(_Message):
    """A payload without content."""


class ConfigurationSource(_Message):
    """A configuration to check: the YAML text of a cell, or the values of a form."""

    text: str | None = None
    values: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> ConfigurationSource:
        if (self.text is None) == (self.values is None):
            raise ValueError("give either text or values")
        return self


class RunCommand(_Message):
    """A command for the worker of a run, see `runs/control.py`."""

    run: str
    command: Literal["stop", "pause", "resume", "save", "sample"]
    request: str | None = None
    prompts: list[str | list[dict[str, str]]] | None = None
    settings: dict[str, Any] | None = None

    def to_command(self) -> Command:
        """The command as the worker's control socket takes it."""
        return COMMAND.validate_python(self.model_dump(exclude={"run"}, exclude_none=True))


class Subscription(_Message):
    """Follow the events of a run from a byte offset of its events.jsonl."""

    run: str
    offset: int = Field(default=0, ge=0)


class RunName(_Message):
    run: str


class _Request(_Message):
    id: str


class VersionRequest(_Request):
    type: Literal["version"]
    payload: Nothing = Nothing()


class SchemaRequest(_Request):
    type: Literal["schema"]
    payload: Nothing = Nothing()


class ValidateRequest(_Request):
    type: Literal["validate"]
    payload: ConfigurationSource


class VariablesRequest(_Request):
    type: Literal["variables"]
    payload: Nothing = Nothing()


class RunsRequest(_Request):
    type: Literal["runs"]
    payload: Nothing = Nothing()


class ControlRequest(_Request):
    type: Literal["control"]
    payload: RunCommand


class SubscribeRequest(_Request):
    type: Literal["subscribe"]
    payload: Subscription


class UnsubscribeRequest(_Request):
    type: Literal["unsubscribe"]
    payload: RunName


Request = Annotated[
    VersionRequest
    | SchemaRequest
    | ValidateRequest
    | VariablesRequest
    | RunsRequest
    | ControlRequest
    | SubscribeRequest
    | UnsubscribeRequest,
    Field(discriminator="type"),
]
REQUEST: TypeAdapter[Request] = TypeAdapter(Request)


class Version(_Message):
    """Versions of the kernel's half and of its Python."""

    version: str
    python: str


class ConfigurationProblem(_Message):
    """One mistake in a configuration; `line` is null for values of a form."""

    line: int | None
    key: str
    message: str
    hint: str = ""


class Validation(_Message):
    """Whether a configuration is right; `config` holds every value where it is."""

    ok: bool
    problems: list[ConfigurationProblem] = []
    config: dict[str, Any] | None = None


class Variable(_Message):
    """A variable of the notebook that can be a data set."""

    name: str
    type: str
    rows: int
    columns: list[str]


class Mistake(_Message):
    """What is wrong, where, and what to do."""

    what: str
    where: str = ""
    fix: str = ""


class _Reply(_Message):
    id: str
    type: Literal["reply"] = "reply"


class VersionReply(_Reply):
    payload: Version


class SchemaReply(_Reply):
    payload: dict[str, Any]


class ValidateReply(_Reply):
    payload: Validation


class VariablesReply(_Reply):
    payload: list[Variable]


class RunsReply(_Reply):
    payload: list[RunSummary]


class DoneReply(_Reply):
    """Answer to control, subscribe and unsubscribe; the effect shows as events."""

    payload: Nothing = Nothing()


class ErrorReply(_Message):
    id: str
    type: Literal["error"] = "error"
    error: Mistake


class EventsPush(_Message):
    """New events of a run; `offset` is where the next ones will begin."""

    type: Literal["events"] = "events"
    run: str
    events: list[Event]
    offset: int


class HelloOpen(_Message):
    """Data with which the kernel opens the comm `llmtune.hello`."""

    version: str


class Hello(_Message):
    """The page's answer on it: it has the extension."""

    type: Literal["hello"] = "hello"
    version: str


class ChartAppend(_Message):
    """Rows for the chart; one float32 buffer, column after column, NaN where a value is missing."""

    type: Literal["append"] = "append"
    table: Literal["train", "eval"]
    start: int = Field(ge=0, description="Index of the first row.")
    count: int = Field(ge=0)
    columns: list[str]


class ChartReset(_Message):
    """Forget all rows."""

    type: Literal["reset"] = "reset"


class ChartReplay(_Message):
    """Asked by the page: send everything again."""

    type: Literal["replay"] = "replay"


class StaticOutput(_Message):
    """What an output becomes."""

    data: dict[str, Any]
    metadata: dict[str, Any] = {}


class ChartSnapshot(_Message):
    """The run is over: outputs whose `metadata.llmtune` is `{id, part}` become `outputs[part]`."""

    type: Literal["snapshot"] = "snapshot"
    id: str
    outputs: dict[str, StaticOutput]


_DEFINITIONS: dict[str, Any] = {
    "Event": Event,
    "Request": Request,
    **{
        model.__name__: model
        for model in (
            VersionReply,
            SchemaReply,
            ValidateReply,
            VariablesReply,
            RunsReply,
            DoneReply,
            ErrorReply,
            EventsPush,
            HelloOpen,
            Hello,
            ChartAppend,
            ChartReset,
            ChartReplay,
            ChartSnapshot,
        )
    },
}


def protocol_schema() -> dict[str, Any]:
    """JSON Schema whose `$defs` hold every event and message."""
    adapters = [(name, "validation", TypeAdapter(kind)) for name, kind in _DEFINITIONS.items()]
    roots, shared = TypeAdapter.json_schemas(adapters, ref_template="#/$defs/{model}")  # type: ignore[arg-type]
    definitions: dict[str, Any] = dict(shared["$defs"])
    for (name, _), root in roots.items():
        definitions.setdefault(name, root)
    for definition in definitions.values():
        if "const" in definition.get("properties", {}).get(
            "type", {}
        ):  # what tells messages apart is never left out
            definition["required"] = sorted({*definition.get("required", []), "type"})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Events and messages of jupyterlab-llmtune",
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


if __name__ == "__main__":
    json.dump(protocol_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
