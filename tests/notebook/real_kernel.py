"""A kernel seen through its messages, and run directories that a process without a model writes."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

from llmtune_kernel.runs.directory import RunDirectory

Message = dict[str, Any]
CONFIG = """
data: rows.jsonl
samples:
  prompts: ["Who are you?"]
"""


def metrics(step: int, max_steps: int = 10, loss: float | None = 1.0) -> tuple[str, dict[str, Any]]:
    return "metrics", {
        "step": step,
        "max_steps": max_steps,
        "epoch": step / max_steps,
        "loss": loss,
        "learning_rate": 2e-4,
        "grad_norm": 0.5,
        "tokens": 100 * step,
        "tokens_per_second": 50.0,
        "memory": 10**9,
        "eta": float(max_steps - step),
    }


def state(name: str) -> tuple[str, dict[str, Any]]:
    return "state", {"state": name}


def sample(step: int, answer: str) -> tuple[str, dict[str, Any]]:
    prompt = [{"role": "user", "content": "Who are you?"}]
    return "sample", {"step": step, "answers": [{"prompt": prompt, "answer": answer}]}


class WrittenRun:
    """A run directory and the process that writes it."""

    def __init__(self, name: str, config: str = CONFIG) -> None:
        self.directory = RunDirectory.create(name)
        self.name = name
        self.directory.config.write_text(config)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("run_writer.py")), str(self.directory.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        while not self.directory.control.exists():
            assert self._process.poll() is None
            time.sleep(0.02)

    def write(self, *events: tuple[str, dict[str, Any]]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(events) + "\n")
        self._process.stdin.flush()

    def next_order(self) -> dict[str, Any]:
        """The next command that came over the control socket."""
        assert self._process.stdout is not None
        order: dict[str, Any] = json.loads(self._process.stdout.readline())
        return order

    def end(self, *events: tuple[str, dict[str, Any]]) -> None:
        """Write the last events and let go of the lock."""
        if (
            self._process.poll() is None
            and self._process.stdin is not None
            and not self._process.stdin.closed
        ):
            self.write(*events)
            self._process.stdin.close()
        self._process.wait()

    def die(self) -> None:
        self._process.kill()
        self._process.wait()


class Kernel:
    """A kernel with our extension, and every message it ever published."""

    def __init__(self, home: Path) -> None:
        environment = {**os.environ, "LLMTUNE_HOME": str(home / "runs")}
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(cwd=str(home), env=environment)
        self.client: BlockingKernelClient = self._manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.home = home
        self.messages: list[Message] = []
        self._stop = threading.Event()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                self.messages.append(self.client.get_iopub_msg(timeout=0.2))
            except queue.Empty:
                continue

    def start(self, code: str) -> str:
        """Run a cell without waiting for its end; returns the id of its request."""
        return self.client.execute(code)

    def reply(self, cell: str, timeout: float = 240) -> Message:
        """The reply to a cell: the prompt is back."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            message = self.client.get_shell_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") == cell:
                self.wait(lambda: self.is_idle(cell))
                return message
        raise TimeoutError(cell)

    def run(self, code: str, timeout: float = 240) -> str:
        """Run a cell to its end."""
        cell = self.start(code)
        self.reply(cell, timeout)
        return cell

    def wait(self, condition: Callable[[], Any], timeout: float = 120) -> Any:
        """The first true value of `condition`."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(0.05)
        raise TimeoutError("That did not happen.")

    def occupy(self) -> str:
        """Start a cell that runs until `release`, and wait until it runs."""
        loop = "while not os.path.exists('release'): time.sleep(0.05)"
        code = f"import os, time\nprint('busy')\n{loop}\nos.remove('release')"
        cell = self.start(code)
        self.wait(lambda: self.of(cell, "stream"))
        return cell

    def release(self, cell: str) -> None:
        """Let the cell of `occupy` end."""
        (self.home / "release").touch()
        self.reply(cell)

    def is_idle(self, cell: str) -> bool:
        return any(message["content"]["execution_state"] == "idle" for message in self.of(cell, "status"))

    def of(self, cell: str, *types: str) -> list[Message]:
        """Messages of some types that belong to a cell."""
        return [
            message
            for message in list(self.messages)
            if message["parent_header"].get("msg_id") == cell and message["msg_type"] in types
        ]

    def text(self, cell: str) -> str:
        """What a cell printed, and the plain text of what it displayed."""
        parts = [message["content"]["text"] for message in self.of(cell, "stream")]
        parts += [
            message["content"]["data"].get("text/plain", "")
            for message in self.of(cell, "display_data", "update_display_data", "execute_result")
        ]
        parts += ["\n".join(message["content"]["traceback"]) for message in self.of(cell, "error")]
        return "\n".join(parts)

    def live_outputs(self, cell: str) -> dict[str, Message]:
        """The outputs of the live display of a cell, by part."""
        return {
            message["content"]["metadata"]["llmtune"]["part"]: message
            for message in self.of(cell, "display_data")
            if "llmtune" in message["content"]["metadata"]
        }

    def static_outputs(self, cell: str) -> dict[str, Message]:
        """What these became, by part; empty before. An update finds its output by its display id."""
        shown = {
            message["content"]["transient"]["display_id"] for message in self.live_outputs(cell).values()
        }
        return {
            message["content"]["metadata"]["llmtune"]["part"]: message
            for message in list(self.messages)
            if message["msg_type"] == "update_display_data"
            and message["content"]["transient"]["display_id"] in shown
        }

    def comm_open(self, target: str, data: dict[str, Any], subshell: str | None = None) -> str:
        comm = os.urandom(8).hex()
        self._send("comm_open", {"comm_id": comm, "target_name": target, "data": data}, subshell)
        return comm

    def comm_send(self, comm: str, data: dict[str, Any], subshell: str | None = None) -> None:
        self._send("comm_msg", {"comm_id": comm, "data": data}, subshell)

    def comm_close(self, comm: str) -> None:
        self._send("comm_close", {"comm_id": comm, "data": {}}, None)

    def comm_received(self, comm: str, kind: str = "comm_msg") -> list[Message]:
        """What the kernel sent on a comm."""
        return [
            message
            for message in list(self.messages)
            if message["msg_type"] == kind and message["content"]["comm_id"] == comm
        ]

    def ask(
        self, comm: str, kind: str, payload: dict[str, Any], subshell: str | None = None
    ) -> dict[str, Any]:
        """Send a request on our comm; returns its answer."""
        name = os.urandom(4).hex()
        self.comm_send(comm, {"id": name, "type": kind, "payload": payload}, subshell)

        def answer() -> Any:
            data = [message["content"]["data"] for message in self.comm_received(comm)]
            mine = (each for each in data if each.get("id") == name and each["type"] in ("reply", "error"))
            return next(mine, None)

        found: dict[str, Any] = self.wait(answer)
        return found

    def widgets(self, model: str) -> dict[str, dict[str, Any]]:
        """State with which the widgets of a model were opened, by comm."""
        return {
            message["content"]["comm_id"]: message["content"]["data"]["state"]
            for message in list(self.messages)
            if message["msg_type"] == "comm_open"
            and message["content"]["data"].get("state", {}).get("_model_name") == model
        }

    def new_subshell(self) -> str:
        request = self.client.session.msg("create_subshell_request")
        self.client.control_channel.send(request)
        while True:
            reply = self.client.get_control_msg(timeout=30)
            if reply["parent_header"]["msg_id"] == request["header"]["msg_id"]:
                return str(reply["content"]["subshell_id"])

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def shutdown(self) -> int:
        """End the kernel as a user does; returns its exit code, negative if it had to be killed."""
        process = self._manager.provisioner.process
        self._stop.set()
        self._listener.join()
        self._manager.shutdown_wait_time = 60
        self._manager.shutdown_kernel()
        self.client.stop_channels()
        return int(process.returncode)

    def _send(self, kind: str, content: dict[str, Any], subshell: str | None) -> None:
        message = self.client.session.msg(kind, content)
        if subshell:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)
