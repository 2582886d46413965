"""The event log: any cut of the file is survived, and every reader is on its own."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmtune_kernel.config import config_from_dict
from llmtune_kernel.runs.control import Pause
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Event, EventReader, EventWriter, Log, LogEvent, Payload

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=6)
shares = st.floats(0, 1)


def write(path: Path, messages: list[str]) -> None:
    writer = EventWriter(path)
    for message in messages:
        writer.write(Log(message=message))
    writer.close()


def test_a_reader_follows_the_run_that_took_the_name_from_its_first_event(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, ["one", "two"])
    reader = EventReader(path)
    assert messages_of(list(reader.read())) == ["one", "two"]
    path.rename(tmp_path / "trash")
    write(path, ["three", "four", "five"])
    assert messages_of(list(reader.read())) == ["three", "four", "five"]
    assert list(reader.read()) == []


def messages_of(events: list[Event]) -> list[str]:
    return [event.payload.message for event in events if isinstance(event, LogEvent)]


@pytest.fixture(scope="module")
def log_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events") / "events.jsonl"


@given(before=texts, after=texts, share=shares)
def test_a_log_cut_at_any_byte_is_read_up_to_its_last_whole_event_and_continued(
    log_file: Path, before: list[str], after: list[str], share: float
) -> None:
    log_file.unlink(missing_ok=True)
    write(log_file, before)
    content = log_file.read_bytes()
    cut = round(share * len(content))
    log_file.write_bytes(content[:cut])
    whole = content[:cut].count(b"\n")
    early = EventReader(log_file)
    assert messages_of(list(early.read())) == before[:whole]

    write(log_file, after)
    assert messages_of(list(early.read())) == after
    events = list(EventReader(log_file).read())
    assert messages_of(events) == before[:whole] + after
    assert [event.seq for event in events] == list(range(len(events)))


@given(messages=texts, at=st.lists(shares, max_size=5))
def test_a_reader_sees_each_event_once_however_the_bytes_arrive(
    log_file: Path, messages: list[str], at: list[float]
) -> None:
    log_file.unlink(missing_ok=True)
    write(log_file, messages)
    content = log_file.read_bytes()
    cuts = sorted(round(share * len(content)) for share in at)
    log_file.write_bytes(b"")
    steady, seen = EventReader(log_file), []
    offset = 0
    restarted: list[Event] = []
    for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        with log_file.open("ab") as file:
            file.write(content[start:end])
        seen += list(steady.read())
        again = EventReader(log_file, offset)  # another process that remembers only the offset
        restarted += list(again.read())
        offset = again.offset
    assert messages_of(seen) == messages_of(restarted) == messages
    assert list(steady.read()) == []


def test_events_written_from_several_threads_stay_whole_and_in_order(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path / "events.jsonl")
    threads = [
        threading.Thread(target=lambda: [writer.write(Log(message="x" * 5000)) for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert [event.seq for event in EventReader(tmp_path / "events.jsonl").read()] == list(range(200))


@pytest.mark.timeout(20)
def test_a_termination_in_the_middle_of_an_event_does_not_lock_the_run_up(tmp_path: Path) -> None:
    from llmtune_kernel.worker.control import ControlServer
    from llmtune_kernel.worker.train import stop_with

    written: list[Payload] = []

    def emit(payload: Payload) -> None:
        if not written:
            signal.raise_signal(signal.SIGTERM)
        written.append(payload)

    control = ControlServer(RunDirectory(tmp_path), emit)
    before = signal.getsignal(signal.SIGTERM)
    try:
        stop_with(config_from_dict({"data": "unused"}), control, kernel_gone=lambda: None)
        control.order(Pause())
        orders = [control.next(wait=5), control.next(wait=5)]
    finally:
        signal.signal(signal.SIGTERM, before)
        control.close()
    assert [order.command for order in orders if order] == ["pause", "stop"]
