"""Which language is spoken."""

from __future__ import annotations

import functools
import os

VARIABLE = "LLMTUNE_LANG"
ENGLISH = "en"
# Each but English has a folder of tables here.
LANGUAGES = (ENGLISH, "ja_JP", "ko_KR", "ru_RU", "zh_CN")


def language() -> str:
    """The one that the environment asks for; English where it asks for none, or for one that is not there."""
    return find_language(os.environ.get(VARIABLE, "")) or ENGLISH


@functools.cache
def find_language(name: str) -> str | None:
    """The language that a name means: `ja`, `ja_JP`, `ja-JP`; `default` is English. None if there is no such."""
    code = name.partition(".")[0].replace("-", "_").lower()
    if code in ("", "default") or code.partition("_")[0] == ENGLISH:
        return ENGLISH
    return next((known for known in LANGUAGES if code in (known.lower(), known[:2])), None)


def unknown_language() -> str:
    """What to say where the environment asks for a language that is not there; empty where it does not."""
    asked = os.environ.get(VARIABLE, "")
    if find_language(asked):
        return ""
    return f"{VARIABLE} is {asked}: there is no such language. Allowed are {', '.join(LANGUAGES)}."
