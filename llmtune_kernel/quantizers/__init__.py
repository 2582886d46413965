"""Quantization that transformers itself does not do, as quantizers of its own kind."""

import logging

_WARN_OF_NOTHING = (
    "bitsandbytes.autograd._functions",
    "bitsandbytes.backends.cpu.ops",
    "torch.utils._pytree",
    "torchao",
    "transformers.distributed.tensor_parallel",
)


def quieten_libraries() -> None:
    """Keep from users what libraries warn of that changes nothing here: kernels and processes that are not used, how
    products of 8 bits are computed."""
    for name in _WARN_OF_NOTHING:
        logging.getLogger(name).setLevel(logging.ERROR)
