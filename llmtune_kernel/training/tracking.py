"""Trackers: what the chart shows, written for other tools."""

from __future__ import annotations

from pathlib import Path

from llmtune_kernel.runs.events import Evaluation, Metrics, Payload, Sample


class TensorBoard:
    """Writes metrics and evaluations as scalars, samples as text."""

    def __init__(self, directory: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(directory))

    def write(self, payload: Payload) -> None:
        """Write one payload of an event; kinds that have no place here are passed over."""
        if isinstance(payload, Metrics):
            for name in ("loss", "learning_rate", "grad_norm", "tokens_per_second"):
                value = getattr(payload, name)
                if value is not None:
                    self._scalar(f"train/{name}", value, payload.step)
            self._measures("train", payload)
        elif isinstance(payload, Evaluation):
            if payload.loss is not None:
                self._scalar("eval/loss", payload.loss, payload.step)
            self._measures("eval", payload)
        elif isinstance(payload, Sample):
            for number, answer in enumerate(payload.answers):
                turns = "\n\n".join(f"**{turn.role}**: {turn.content}" for turn in answer.prompt)
                text = f"{turns}\n\n**answer**: {answer.answer}"
                self._writer.add_text(f"sample/{number}", text, payload.step)
        self._writer.flush()

    def _measures(self, split: str, payload: Metrics | Evaluation) -> None:
        for name, value in payload.measures.items():
            self._scalar(f"{split}/{name}", value, payload.step)

    def _scalar(self, name: str, value: float, step: int) -> None:
        self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()
