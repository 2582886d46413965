"""Server for the browser tests: open to anyone who reaches it, so never use it otherwise."""

import os
from tempfile import mkdtemp

from jupyterlab.galata import configure_jupyter_server

configure_jupyter_server(c)  # noqa: F821

# Tests change settings: not those of whoever runs them, nor of a server beside this one.
c.LabApp.user_settings_dir = mkdtemp(prefix="llmtune-settings-")  # noqa: F821
c.ServerApp.port = int(os.environ["LLMTUNE_TEST_PORT"])  # noqa: F821
# Each kernel holds a worker: those whose page is closed would fill the memory.
c.MappingKernelManager.cull_idle_timeout = 60  # noqa: F821
c.MappingKernelManager.cull_interval = 20  # noqa: F821
