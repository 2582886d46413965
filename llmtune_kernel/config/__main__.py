"""`python -m llmtune_kernel.config` prints the page docs/configuration.md."""

import sys

from llmtune_kernel.config.page import page

sys.stdout.write(page())
