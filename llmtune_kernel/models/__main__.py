"""`python -m llmtune_kernel.models` prints the page docs/models.md."""

import sys

from llmtune_kernel.models.page import page

sys.stdout.write(page())
