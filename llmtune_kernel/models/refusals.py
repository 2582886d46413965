"""What PEFT refuses, as mistakes of the user."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from llmtune_kernel.config import UserError
from llmtune_kernel.config.errors import first_line
from llmtune_kernel.models.out_of_memory import out_of_memory


@contextlib.contextmanager
def refusals(mistake: Callable[[str], UserError], *kinds: type[Exception]) -> Iterator[None]:
    """Raise what `mistake` makes of the reason where PEFT refuses names, sizes or layers; that memory ran out stays.

    Args:
        kinds: Of the errors by which it refuses, besides RuntimeError and ValueError.
    """
    caught: tuple[type[Exception], ...] = (RuntimeError, ValueError, *kinds)
    try:
        yield
    except caught as error:
        if out_of_memory(error):
            raise
        raise mistake(first_line(error)) from error
