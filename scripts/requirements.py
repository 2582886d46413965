"""Print what pyproject.toml asks for, with the extras for development, one requirement a line."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
extras = project["project"]["optional-dependencies"]
used = ("quantization", "hqq", "torchao", "optimizers", "test", "dev")
wanted = [*project["project"]["dependencies"], *(one for extra in used for one in extras[extra])]
sys.stdout.write("\n".join(wanted) + "\n")
