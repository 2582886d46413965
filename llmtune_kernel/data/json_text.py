"""JSON as data sets have it: a key twice is a mistake, and so is what Python does not read."""

from __future__ import annotations

import json
from typing import Any

from llmtune_kernel.locale import _


class KeyTwice(ValueError):
    """An object of a JSON text has a key twice: what it says."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _value in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise KeyTwice(_("the key {key!r} is there twice", key=twice))
    return found


class _NotJSON(ValueError):
    """A JSON text has a word that JSON does not know."""


def _refuse(name: str) -> None:
    raise _NotJSON(_("{name} is no JSON value", name=name))


_EXACT = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_object)
# NaN, which Python writes for a missing value, is null.
JSON = json.JSONDecoder(
    parse_constant=lambda name: None if name == "NaN" else float(name), object_pairs_hook=_object
)


def load_json(text: str, *, exactly: bool = False) -> Any:
    """What a JSON text says.

    Args:
        exactly: Whether NaN and Infinity, which JSON does not have, are mistakes.

    Raises:
        json.JSONDecodeError: it is not valid JSON, nested deeper than can be read, or has longer numbers.
    """
    try:
        return (_EXACT if exactly else JSON).decode(text)
    except RecursionError:
        raise json.JSONDecodeError(_("nested too deeply"), text[:1], 0) from None
    except (KeyTwice, _NotJSON) as error:
        raise json.JSONDecodeError(str(error), text[:1], 0) from None
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python reads no longer ones
        raise json.JSONDecodeError(_("a number has too many digits"), text[:1], 0) from None


def reason_of(error: json.JSONDecodeError) -> str:
    """What is wrong with a JSON text, where the place is told beside it."""
    return error.msg.removesuffix(" at").removesuffix(" starting")


def is_unicode(text: str) -> bool:
    """Whether a text can be written: half of a surrogate pair cannot."""
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def json_of(value: Any) -> str:
    """Any value as JSON to be read by people; what JSON has no form for as text."""
    return json.dumps(value, ensure_ascii=False, default=str)
