"""Quantization that transformers itself does not do, as quantizers of its own kind."""

import logging

_WARN_AT_IMPORT = ("bitsandbytes.backends.cpu.ops", "torch.utils._pytree", "torchao")


def import_quietly() -> None:
    """Keep from users what libraries of quantization warn of when they are imported: kernels that nothing here uses."""
    for name in _WARN_AT_IMPORT:
        logging.getLogger(name).setLevel(logging.ERROR)
