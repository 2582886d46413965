"""What `%load_ext llmtune_kernel` does, and how it is undone."""

from __future__ import annotations

from IPython.core.interactiveshell import InteractiveShell

from llmtune_kernel.notebook import comm
from llmtune_kernel.notebook.magics import FinetuneMagics
from llmtune_kernel.notebook.presence import presence
from llmtune_kernel.runs.workers import pool


def load(ip: InteractiveShell) -> None:
    """Register the magics and the comm service, ask the page for its extension, warm a worker up."""
    ip.register_magics(FinetuneMagics)
    if hasattr(ip, "kernel"):
        comm.register(lambda: dict(ip.user_ns))
        presence().hello()
    pool().prepare()


def unload(ip: InteractiveShell) -> None:
    """Take magics and comm service away and end the waiting worker; runs go on."""
    for kind, names in FinetuneMagics.magics.items():
        for name in names:
            ip.magics_manager.magics[kind].pop(name, None)
    comm.unregister()
    pool().close()
