"""Magics in IPython's own shell, without a kernel: they work, and show nothing live."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import llmtune_kernel
from llmtune_kernel.notebook.sampling import read_prompts
from llmtune_kernel.runs.workers import pool


@pytest.fixture
def shell(runs_home: Path) -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "llmtune_kernel")
    yield shell
    shell.run_line_magic("unload_ext", "llmtune_kernel")
    shell.reset()
    InteractiveShell.clear_instance()


def test_a_cell_starts_a_run_and_binds_it(shell: InteractiveShell, tiny_model: str, rows_file: Path) -> None:
    with capture_output() as captured:
        cell = f"model: {tiny_model}\ndata: {rows_file}\ntraining: {{max_steps: 1}}\n"
        shell.run_cell_magic("finetune", "tuned --wait", cell)
        shell.run_cell_magic("finetune", "", cell)
    assert shell.user_ns["tuned"].state == "finished"
    assert shell.user_ns["_run"].wait().name == "run-1"
    assert captured.outputs == []
    kept = (shell.user_ns["tuned"].directory / "config.yaml").read_text()
    assert kept == cell, "the configuration stays as it was written"


def test_loading_twice_is_loading_once(shell: InteractiveShell) -> None:
    before = list(shell.input_transformers_cleanup)
    llmtune_kernel.load_ipython_extension(shell)
    assert shell.input_transformers_cleanup == before


def test_the_catalogue_is_listed_by_task_and_narrowed_by_words(shell: InteractiveShell) -> None:
    with capture_output() as captured:
        shell.run_line_magic("dataset", "--catalog")
        shell.run_line_magic("dataset", "--catalog tools gated")
        shell.run_line_magic("dataset", "--catalog tools hermes")
    whole, gated, narrow = captured.outputs
    lines = whole.data["text/plain"].splitlines()
    assert lines[0].split("  ")[0] == "name"
    assert lines.index("Instructions") < lines.index("Preferences") < lines.index("Plain text")
    assert "<h4>Preferences</h4><table" in whole.data["text/html"]
    assert "&lt;tool_call&gt;" in whole.data["text/html"]
    assert gated.data["text/plain"].splitlines()[-1].startswith("xlam-function-calling-60k")
    assert narrow.data["text/plain"].splitlines()[2] == "Tool calls"
    assert len(narrow.data["text/plain"].splitlines()) == 4


def test_runs_is_empty_at_first(shell: InteractiveShell) -> None:
    with capture_output() as captured:
        shell.run_line_magic("runs", "")
    assert captured.outputs[0].data["text/plain"] == "No runs yet."
    assert llmtune_kernel.runs() == []


def test_unloading_takes_the_magics_away(shell: InteractiveShell) -> None:
    transformers = list(shell.input_transformers_cleanup)
    shell.run_line_magic("unload_ext", "llmtune_kernel")
    assert "finetune" not in shell.magics_manager.magics["cell"]
    assert len(shell.input_transformers_cleanup) == len(transformers) - 1
    shell.run_line_magic("load_ext", "llmtune_kernel")
    assert "finetune" in shell.magics_manager.magics["cell"]


def test_python_takes_a_file_or_a_dict_but_not_two_configurations(
    runs_home: Path, tiny_model: str, rows_file: Path, tmp_path: Path
) -> None:
    values: dict[str, Any] = {"model": tiny_model, "data": rows_file, "training": {"max_steps": 1}}
    text = f"model: {tiny_model}\ndata: {rows_file}\ntraining: {{max_steps: 1}}\n"
    file = tmp_path / "config.yaml"
    file.write_text(text)
    for config in (values, str(file)):
        assert llmtune_kernel.finetune(config, wait=True).state == "finished"
    with pytest.raises(llmtune_kernel.UserError, match="sections"):
        llmtune_kernel.finetune(text, training={"max_steps": 2})
    with pytest.raises(llmtune_kernel.UserError, match="cannot be read"):
        llmtune_kernel.finetune("nowhere.yaml")
    assert [run.name for run in llmtune_kernel.runs()] == ["run-2", "run-1"]
    pool().close()


def test_prompts_are_lines_or_chats() -> None:
    assert read_prompts("One?\n\n  Two?\n- three") == ["One?", "Two?", "- three"]
    turn = {"role": "user", "content": "Hi"}
    assert read_prompts("- role: user\n  content: Hi") == [[turn]]
    assert read_prompts("- - {role: user, content: Hi}\n- - {role: user, content: Hi}") == [[turn], [turn]]
    bullets = ["- What is a role: a part?", "- Two"]
    assert read_prompts("\n".join(bullets)) == bullets
    assert read_prompts('[{"role": "user", "content": "Hi"}]') == [[turn]]
    assert read_prompts("- role: user\n  content: yes") == [[{"role": "user", "content": "yes"}]]
    assert read_prompts("- {role: user, content: 2024-01-01}") == [
        [{"role": "user", "content": "2024-01-01"}]
    ]
    with pytest.raises(llmtune_kernel.UserError, match=r"a \[ is opened and never closed") as caught:
        read_prompts("- role: user\n  content: [a")
    assert caught.value.where == "line 3"
    for wrong in ("", "- {role: user}", "- {role: user, content: [a}", "- {role: user, content: 3}"):
        with pytest.raises(llmtune_kernel.UserError):
            read_prompts(wrong)
