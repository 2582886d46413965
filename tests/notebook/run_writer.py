"""A process that is a run without a model: holds the lock, serves the control socket, writes the events it is told.

Each line of stdin is a list of events `[type, payload]`; each order that arrives is a line on stdout. Ends with stdin.
"""

import json
import sys
import threading
from pathlib import Path

from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import EVENT, EventWriter
from llmtune_kernel.worker.control import ControlServer

directory = RunDirectory(Path(sys.argv[1]))
directory.acquire_lock()
events = EventWriter(directory.events)
control = ControlServer(directory, events.write)


def report() -> None:
    while True:
        if order := control.next(wait=0.1):
            sys.stdout.write(order.model_dump_json() + "\n")
            sys.stdout.flush()


threading.Thread(target=report, daemon=True).start()
for line in sys.stdin:
    for kind, payload in json.loads(line):
        events.write(EVENT.validate_python({"seq": 0, "time": 0.0, "type": kind, "payload": payload}).payload)
control.close()
