"""Users' mistakes in cells of a real kernel: one clear message, no traceback, a cell that failed, nothing lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from real_kernel import Kernel, WrittenRun, state

WriteRun = Callable[..., WrittenRun]


def fail(kernel: Kernel, code: str) -> str:
    """The message with which a cell fails."""
    cell = kernel.start(code)
    assert kernel.reply(cell)["content"]["status"] == "error"
    [error] = kernel.of(cell, "error")
    text = "\n".join(error["content"]["traceback"])
    assert "Traceback" not in text
    assert 'File "' not in text
    assert not kernel.of(cell, "stream")
    return text


def test_every_mistake_of_a_cell_is_named_with_the_line_counted_in_the_cell(kernel: Kernel) -> None:
    text = fail(kernel, "%%finetune oops\ndata: $df\ntraining:\n  learning_rat: 1\n  max_steps: -1")
    assert "line 4" in text
    assert "learning_rate" in text
    assert "line 5" in text


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("%%finetune --wiat\ndata: $df", "--wait"),
        ("%%finetune --nonsense\ndata: $df", "--dry-run"),
        ("%%finetune a b\ndata: $df", "b"),
        ("%%finetune 'open\ndata: $df", "quote"),
        ("%%finetune not-a-name\ndata: $df", "not-a-name"),
        ("%%finetune class\ndata: $df", "class"),
        ("%%finetune oops\n\n", "data"),
        ("%%finetune oops", "There is no configuration"),
        ("%%finetune oops --resume nothing-there", "no run named 'nothing-there'"),
        ("%%sample --base", "There is no prompt"),
        ("%%finetune oops\ndata: rowz.jsonl", "There is no file rowz.jsonl"),
        ("%finetune", "data"),
        ("%finetune --resume nothing-there", "nothing-there"),
        ("%attach nothing-there", "nothing-there"),
        ("%%sample nothing-there\nHello", "nothing-there"),
        ("%%sample --base\n\n", "prompt"),
        ("%sample --base", "prompt"),
        ("%%sample --base\n- {role: user, text: hi}", "content"),
        ("%%sample --base --temperature warm\nHello", "temperature"),
        ("%dataset", "source"),
        ("%dataset nothing.jsonl", "nothing.jsonl"),
        ("%runs --all", "--all"),
    ],
)
def test_a_mistake_is_named(kernel: Kernel, code: str, named: str) -> None:
    assert named in fail(kernel, code)


def test_an_undefined_variable_is_told_with_close_names(kernel: Kernel) -> None:
    kernel.run("my_frame = [{'text': 'a'}]")
    text = fail(kernel, "%%finetune oops\ndata: $my_fraem")
    assert "$my_frame" in text
    assert not (kernel.home / "runs" / "oops").exists()


def test_names_of_ipython_are_not_suggested(kernel: Kernel) -> None:
    assert "Did you mean" not in fail(kernel, "%dataset $nope")


def test_an_unusable_variable_is_refused_and_leaves_nothing(kernel: Kernel) -> None:
    kernel.run("number = 3")
    assert "number" in fail(kernel, "%%finetune oops\ndata: $number")
    assert not (kernel.home / "runs" / "oops").exists()


@pytest.mark.parametrize(
    "code", ["%dataset guesses", "%%finetune oops\ndata: guess", "%%finetune oops --dry-run\ndata: gueses"]
)
def test_a_variable_without_its_dollar_is_told_apart_from_a_file(kernel: Kernel, code: str) -> None:
    kernel.run("guess = [{'text': 'a'}]")
    text = fail(kernel, code)
    assert "There is no file" in text
    assert "Did you mean $guess?" in text
    assert not (kernel.home / "runs" / "oops").exists()


def test_a_name_used_already_is_refused_before_anything_is_done(kernel: Kernel, write_run: WriteRun) -> None:
    run = write_run("taken")
    (run.directory.checkpoints / "step-000001").mkdir()
    run.end(state("finished"))
    before = run.directory.config.read_bytes()
    assert "exists already" in fail(kernel, "%%finetune taken --dry-run\ndata: $not_even_defined")
    assert "--resume taken" in fail(kernel, "%%finetune taken\ndata: $not_even_defined")
    assert run.directory.config.read_bytes() == before


def test_a_variable_that_holds_something_else_is_not_overwritten(kernel: Kernel) -> None:
    kernel.run("precious = [{'text': 'a'}]")
    assert "precious has a value of type list" in fail(kernel, "%%finetune precious\ndata: $precious")
    assert kernel.text(kernel.run("print(precious)")).strip() == "[{'text': 'a'}]"


def test_a_running_run_cannot_be_continued(kernel: Kernel, write_run: WriteRun) -> None:
    run = write_run()
    run.write(state("training"))
    (run.directory.checkpoints / "step-000001").mkdir()
    text = fail(kernel, f"%finetune --resume {run.name}")
    assert "running" in text
    assert "run.stop()" in text


def test_mistakes_from_python_have_no_traceback_either(kernel: Kernel) -> None:
    assert "learning_rate" in fail(
        kernel, "import llmtune_kernel\nllmtune_kernel.finetune(data='x', training={'learning_rat': 1})"
    )
    assert "nothing-there" in fail(kernel, "llmtune_kernel.attach('nothing-there')")


def test_a_real_fault_keeps_its_traceback(kernel: Kernel) -> None:
    cell = kernel.start("1 / 0")
    kernel.reply(cell)
    assert "Traceback" in kernel.text(cell)


def test_help_is_shown_and_nothing_else_happens(kernel: Kernel) -> None:
    for magic in ("finetune", "sample", "dataset", "attach", "runs"):
        assert f"{magic} " in kernel.text(kernel.run(f"%{magic} --help")).partition("usage: ")[2]
