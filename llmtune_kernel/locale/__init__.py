"""In which words does it speak? Every text that a user reads, in the language of `LLMTUNE_LANG`."""

from llmtune_kernel.locale.language import LANGUAGES, VARIABLE, find_language, unknown_language
from llmtune_kernel.locale.texts import N_, _, _n, either, look_up, sentence

__all__ = [
    "LANGUAGES",
    "N_",
    "VARIABLE",
    "_",
    "_n",
    "either",
    "find_language",
    "look_up",
    "sentence",
    "unknown_language",
]
