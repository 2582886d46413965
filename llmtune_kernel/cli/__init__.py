"""What does a terminal show? The command `llmtune`, over the same engine as the notebook."""

from llmtune_kernel.cli.command import main

__all__ = ["main"]
