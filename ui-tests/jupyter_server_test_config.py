"""Server for the browser tests: open to anyone who reaches it, so never use it otherwise."""

import os

from jupyterlab.galata import configure_jupyter_server

configure_jupyter_server(c)  # noqa: F821

c.ServerApp.port = int(os.environ["LLMTUNE_TEST_PORT"])  # noqa: F821
