"""LLaMA-Factory's files: its flat arguments in our sections, those without effect listed, the others refused."""

from llmtune_kernel.config.llama_factory.kinds import is_llama_factory, translate
from llmtune_kernel.config.llama_factory.translation import Translation

__all__ = ["Translation", "is_llama_factory", "translate"]
