"""How many bytes does a run of 10,000 logged steps send to the browser?

A process without a model writes the events in about a minute; a kernel shows the run with `%attach`. Counted is each
message on the kernel's iopub channel, output or comm, with its buffers, as Jupyter Server frames it for the websocket
(protocol v1.kernel.websocket.jupyter.org, without compression).
"""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import Any

from figure import Figure, Measured
from jupyter_client.session import json_packer
from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1
from live_kernel import WrittenRun, fresh_kernel, metrics, state

STEPS = 10_000
SECONDS = 60
BATCHES = 600


def measure() -> Measured:
    """Follow one run from its first step to its static output."""
    with fresh_kernel() as kernel:
        # The page answers: it has the extension.
        [hello] = [m for m in kernel.messages if m["content"].get("target_name") == "llmtune.hello"]
        kernel.comm_send(hello["content"]["comm_id"], {"type": "hello", "version": "0"})
        os.environ["LLMTUNE_HOME"] = str(kernel.home / "runs")
        run = WrittenRun("long")
        run.write(state("training"))
        before = len(kernel.messages)
        cell = kernel.run("%attach long")
        seconds = write_steps(run)
        kernel.wait(lambda: len(kernel.static_outputs(cell)) == 3)
        time.sleep(1)  # the last messages of the widgets
        sent = kernel.messages[before:]
        written = run.directory.events.stat().st_size
    return Measured(figures(sent, written), {"seconds": round(seconds, 1), "by_type": by_type(sent)})


def write_steps(run: WrittenRun) -> float:
    """Write the events at an even pace; returns the seconds it took."""
    began = time.monotonic()
    each = STEPS // BATCHES + 1
    for first in range(1, STEPS + 1, each):
        steps = range(first, min(first + each, STEPS + 1))
        run.write(*(metrics(step, STEPS, loss=2 + 1 / step) for step in steps))
        due = began + SECONDS * steps[-1] / STEPS
        time.sleep(max(0.0, due - time.monotonic()))
    run.end(state("finished"))
    return time.monotonic() - began


def figures(sent: list[dict[str, Any]], written: int) -> list[Figure]:
    total = sum(map(size, sent))
    return [
        Figure(f"sent to the browser in {STEPS:,} logged steps", round(total / 1e6, 3), "MB", "< 2"),
        Figure("messages of it", len(sent), "messages"),
        Figure("bytes a logged step", round(total / STEPS, 1), "B"),
        Figure("events.jsonl of the run, for comparison", round(written / 1e6, 3), "MB"),
    ]


def size(message: dict[str, Any]) -> int:
    """Bytes of a message on the websocket."""
    parts = [json_packer(message[part]) for part in ("header", "parent_header", "metadata", "content")]
    return len(serialize_msg_to_ws_v1([*parts, *message["buffers"]], "iopub"))


def by_type(sent: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Messages and bytes of each type; of comm messages, what they carry."""
    messages: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for message in sent:
        data = message["content"].get("data", {})
        content = data.get("content", {}) if isinstance(data, dict) else {}
        parts = [message["msg_type"], str(data.get("method", "")), str(content.get("type", ""))]
        kind = " ".join(part for part in parts if part)
        messages[kind] += 1
        sizes[kind] += size(message)
    return {kind: {"messages": messages[kind], "bytes": sizes[kind]} for kind, _ in sizes.most_common()}
