"""Where memory runs out, a run says what would fit, or goes on with smaller batches; the limit is the system's."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from watching import in_process

from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.runs.events import Log, Metrics, Payload

_BATCH = 8


@pytest.fixture
def train(tmp_path: Path, tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two steps of two batches in this process, which may take `more` bytes than it has, if that is given."""
    monkeypatch.chdir(tmp_path)
    text = "One and one are two, and two and two are four. " * 14
    rows = [{"prompt": f"{n}?", "completion": f"{n}: {text}"} for n in range(2 * _BATCH)]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)

    def run(name: str, more: int | None = None, **training: Any) -> list[Payload]:
        def limit() -> None:
            if more is not None:
                used = psutil.Process().memory_info().vms
                resource.setrlimit(resource.RLIMIT_AS, (used + more, hard))

        return in_process(
            tmp_path / name,
            prepare=limit,
            model={"name_or_path": tiny_model, "dtype": "float32"},
            data="rows.jsonl",
            training={
                "max_steps": 2,
                "per_device_train_batch_size": _BATCH,
                "gradient_accumulation_steps": 2,
                "learning_rate": 0.01,
                **training,
            },
        )

    yield run
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def losses(told: list[Payload]) -> list[float | None]:
    return [payload.loss for payload in told if isinstance(payload, Metrics)]


def warnings(told: list[Payload]) -> list[str]:
    return [one.message for one in told if isinstance(one, Log) and one.level == "warning"]


# Logits of a whole batch are 8 * 170 * 49152 values of 4 bytes, and there are three of them: about 800 MB.
_TOO_LITTLE = 500 * 2**20


def test_a_run_that_may_goes_on_with_smaller_batches_and_learns_the_same(train: Callable[..., Any]) -> None:
    whole = train("whole")
    halved = train("halved", _TOO_LITTLE, auto_batch_size=True)
    said = [message for message in warnings(halved) if "Memory ran out" in message]
    assert "after step 0" in said[0]
    assert "training.per_device_train_batch_size: 4, training.gradient_accumulation_steps: 4" in said[0]
    assert losses(halved) == pytest.approx(losses(whole), abs=1e-5)
    tokens = [[one.tokens for one in told if isinstance(one, Metrics)] for told in (whole, halved)]
    assert tokens[0] == tokens[1]


def test_what_would_fit_is_said_where_memory_runs_out(train: Callable[..., Any]) -> None:
    with pytest.raises(UserError, match=r"Memory ran out: the run needs about .*B, and .*B are free") as info:
        train("whole", _TOO_LITTLE)
    assert (
        "training.per_device_train_batch_size: 4, training.gradient_accumulation_steps: 4" in info.value.fix
    )


def test_an_optimizer_that_accumulates_nothing_takes_no_smaller_batches() -> None:
    training = {"auto_batch_size": True, "optim": "galore_adamw_layerwise"}
    with pytest.raises(UserError, match="accumulates no gradients"):
        config_from_dict({"data": "unused", "method": "full", "training": training})
