"""In which words does it speak? Every text that a user reads, in the language of `LLMTUNE_LANG`."""

from llmtune_kernel.locale.language import LANGUAGES, VARIABLE, find_language, unknown_language
from llmtune_kernel.locale.texts import N_, _, _n, look_up

__all__ = ["LANGUAGES", "N_", "VARIABLE", "_", "_n", "find_language", "look_up", "unknown_language"]
