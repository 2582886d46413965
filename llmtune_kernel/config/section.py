"""What every section of a configuration is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from llmtune_kernel.locale import _


class Section(BaseModel):
    """Unknown keys are errors; text is never taken for a number; a whole number is taken for a real one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _check_path(text: str) -> str:
    parts = [] if "://" in text else text.split("/")
    if any(len(part.encode()) > _LONGEST_NAME for part in parts) or len(text.encode()) > _LONGEST_PATH:
        raise ValueError(_("no file has so long a name"), _("check the name"))
    if text.startswith("~") and os.path.expanduser(text) == text:
        user = text.split("/")[0]
        raise ValueError(_("{user} is no home folder", user=user), _("write ~/ for yours, or the whole path"))
    return text


# What file systems take, in bytes; asked about more they fail.
_LONGEST_NAME, _LONGEST_PATH = 255, 4000
# Text that may name a file or folder.
PathText = Annotated[str, AfterValidator(_check_path)]


def setting(
    default: Any,
    title: str,
    description: str,
    unit: str = "",
    words: str = "",
    used_by: Mapping[str, Sequence[str]] | None = None,
    default_by: Mapping[str, Mapping[str, JsonValue]] | None = None,
    quoted: bool = False,
    **bounds: Any,
) -> Any:
    """A field as the form and the documentation show it.

    Args:
        default: `...` where a value is required.
        words: What the value must be, where its type says it at too great a length.
        used_by: Of a field of the same section, the choices that use this one; the others do not.
        default_by: By another field of the section and its choice what counts where nothing is written.
        quoted: The title is the name that a library has for it, and stays as it is.
    """
    extra: dict[str, JsonValue] = {"unit": unit} if unit else {}
    if words:
        extra["words"] = words
    if used_by:
        extra["used_by"] = {field: list(choices) for field, choices in used_by.items()}
    if default_by:
        extra["default_by"] = {field: dict(values) for field, values in default_by.items()}
    if quoted:
        extra["quoted"] = True
    return Field(default, title=title, description=description, json_schema_extra=extra or None, **bounds)
