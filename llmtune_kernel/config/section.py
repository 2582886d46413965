"""What every section of a configuration is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Section(BaseModel):
    """Unknown keys are errors; text is never taken for a number; a whole number is taken for a real one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def setting(
    default: Any,
    title: str,
    description: str,
    unit: str = "",
    words: str = "",
    used_by: Mapping[str, Sequence[str]] | None = None,
    quoted: bool = False,
    **bounds: Any,
) -> Any:
    """A field as the form and the documentation show it.

    Args:
        default: `...` where a value is required.
        words: What the value must be, where its type says it at too great a length.
        used_by: Of a field of the same section, the choices that use this one; the others do not.
        quoted: Title and description are those of a library, and stay in English.
    """
    extra: dict[str, JsonValue] = {"unit": unit} if unit else {}
    if words:
        extra["words"] = words
    if used_by:
        extra["used_by"] = {field: list(choices) for field, choices in used_by.items()}
    if quoted:
        extra["quoted"] = True
    return Field(default, title=title, description=description, json_schema_extra=extra or None, **bounds)
