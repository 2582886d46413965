"""What `%load_ext llmtune_kernel` does, and how it is undone."""

from __future__ import annotations

import sys

from IPython.core.interactiveshell import InteractiveShell

from llmtune_kernel.locale import unknown_language
from llmtune_kernel.notebook import comm
from llmtune_kernel.notebook.magics import FinetuneMagics
from llmtune_kernel.notebook.presence import presence
from llmtune_kernel.runs.workers import pool

_CELL_MAGICS = [[f"%%{name}"] for name in FinetuneMagics.magics["cell"]]


def load(ip: InteractiveShell) -> None:
    """Register the magics and the comm service, ask the page for its extension, warm a worker up.

    A page that has loaded it into a restarted kernel may be followed by the user's own `%load_ext`.
    """
    if problem := unknown_language():
        sys.stderr.write(f"{problem}\n")
    ip.register_magics(FinetuneMagics)
    if _give_a_body not in ip.input_transformers_cleanup:
        ip.input_transformers_cleanup.append(_give_a_body)
    if hasattr(ip, "kernel"):
        comm.register(lambda: dict(ip.user_ns), ip.user_ns.__setitem__)
        presence().hello()
    pool().prepare()


def unload(ip: InteractiveShell) -> None:
    """Take magics and comm service away and end the waiting worker; runs go on."""
    for kind, names in FinetuneMagics.magics.items():
        for name in names:
            ip.magics_manager.magics[kind].pop(name, None)
    ip.input_transformers_cleanup.remove(_give_a_body)
    comm.unregister()
    pool().close()


def _give_a_body(lines: list[str]) -> list[str]:
    """Add an empty line to a cell that is nothing but our magic: IPython would refuse it before we can answer."""
    if len(lines) == 1 and lines[0].split()[:1] in _CELL_MAGICS:
        return [*lines, "\n"]
    return lines
