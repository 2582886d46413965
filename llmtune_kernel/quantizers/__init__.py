"""Quantization that transformers itself does not do, as quantizers of its own kind."""
