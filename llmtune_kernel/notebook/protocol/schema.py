"""The JSON Schema that both sides are tested against."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from llmtune_kernel.notebook.protocol.chart import (
    ChartAppend,
    ChartReplay,
    ChartReset,
    ChartSnapshot,
)
from llmtune_kernel.notebook.protocol.pushes import (
    AnswerPush,
    EventsPush,
    Hello,
    HelloOpen,
    ProgressPush,
    RunsPush,
)
from llmtune_kernel.notebook.protocol.replies import (
    AskReply,
    CatalogueReply,
    ColumnSummaryReply,
    DataChangedReply,
    DoneReply,
    EditReply,
    ErrorReply,
    FolderReply,
    InspectReply,
    ModelsReply,
    OpenTableReply,
    OutputsReply,
    PresetsReply,
    RegisteredReply,
    RunsReply,
    SaveTableReply,
    SchemaReply,
    TablePageReply,
    TableProblemReply,
    TableRowReply,
    ValidateReply,
    VariablesReply,
    VersionReply,
    ViewReply,
)
from llmtune_kernel.notebook.protocol.requests import (
    Request,
)
from llmtune_kernel.notebook.protocol.statistics import StatisticsReply
from llmtune_kernel.runs.events import Event

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
            RegisteredReply,
            FolderReply,
            CatalogueReply,
            RunsReply,
            ModelsReply,
            PresetsReply,
            InspectReply,
            StatisticsReply,
            ViewReply,
            OutputsReply,
            EditReply,
            AskReply,
            DataChangedReply,
            OpenTableReply,
            TablePageReply,
            TableRowReply,
            TableProblemReply,
            ColumnSummaryReply,
            SaveTableReply,
            DoneReply,
            ErrorReply,
            EventsPush,
            RunsPush,
            AnswerPush,
            ProgressPush,
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
