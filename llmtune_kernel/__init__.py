"""Fine-tuning of language models inside JupyterLab: `%load_ext llmtune_kernel`, then `%%finetune`."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

from llmtune_kernel import runs

try:
    from llmtune_kernel._version import __version__
except ModuleNotFoundError:  # a checkout that was never built
    __version__ = "0.0.0"

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from llmtune_kernel.config.errors import UserError
    from llmtune_kernel.notebook.starting import finetune
    from llmtune_kernel.runs.run import Run, attach

__all__ = ["Run", "UserError", "__version__", "attach", "finetune", "runs"]

# Imported when first used: a bare `import llmtune_kernel` stays instant.
_HOMES = {
    "Run": "llmtune_kernel.runs.run",
    "UserError": "llmtune_kernel.config.errors",
    "attach": "llmtune_kernel.runs.run",
    "finetune": "llmtune_kernel.notebook.starting",
}


class _Runs(ModuleType):
    """`llmtune_kernel.runs` is a room of the package, and called it is the list of runs."""

    def __call__(self) -> list[Run]:
        """All runs of the runs folder, newest first."""
        from llmtune_kernel.runs.run import runs as list_runs

        return list_runs()


runs.__class__ = _Runs


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyterlab-llmtune"}]


def load_ipython_extension(ip: InteractiveShell) -> None:
    """`%load_ext llmtune_kernel`: register the magics and the comm service, warm a worker up."""
    from llmtune_kernel.notebook import extension

    extension.load(ip)


def unload_ipython_extension(ip: InteractiveShell) -> None:
    """`%unload_ext llmtune_kernel`: take the magics and the comm service away; running runs go on."""
    from llmtune_kernel.notebook import extension

    extension.unload(ip)
