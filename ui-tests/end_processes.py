"""Waits for the end of its input, then ends the processes of its test session: server, kernels, workers."""

import contextlib
import os
import sys
from collections.abc import Iterator

import psutil

SESSION = "LLMTUNE_TEST_SESSION"


def of_session() -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has ended, or is not ours
            if process.pid != os.getpid() and process.environ().get(SESSION) == os.environ[SESSION]:
                yield process


sys.stdin.read()
# What ends may have started something meanwhile.
while ending := list(of_session()):
    for process in ending:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(ending, timeout=5)
