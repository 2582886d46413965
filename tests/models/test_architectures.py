"""The sweep over architectures: some of it here, all by `make bench-architectures`."""

import subprocess
import sys
from pathlib import Path

SWEEP = Path(__file__).parents[2] / "benchmarks" / "architectures.py"


def test_a_tiny_model_of_each_kind_of_architecture_trains():
    """Attention, with Conv1D layers, with experts, with a mask or linear layers of its own; and a state-space model,
    which cannot be packed."""
    done = subprocess.run(
        [sys.executable, SWEEP, "llama", "gpt2", "mamba", "llama4_text", "deepseek_v32", "deepseek_v4"],
        check=True,
        capture_output=True,
        text=True,
    )
    results = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert results == {
        "llama": "passed: packed",
        "gpt2": "passed: packed",
        "mamba": "passed: padded",
        "llama4_text": "passed: packed",
        "deepseek_v32": "passed: packed",
        "deepseek_v4": "passed: packed",
    }
