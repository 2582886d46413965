"""Cells in a real kernel that start real workers on a tiny model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from real_kernel import Kernel

from llmtune_kernel.runs.run import attach

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def rows(kernel: Kernel) -> str:
    """A variable of the notebook with rows to train on."""
    kernel.run(
        "rows = [{'messages': [{'role': 'user', 'content': f'What is {n} plus {n}?'},"
        " {'role': 'assistant', 'content': f'{2 * n} <b>'}]} for n in range(12)]"
    )
    return "rows"


def cell_of(model: str, name: str, rows: str, steps: int, more: str = "") -> str:
    return (
        f"%%finetune {name}\nmodel: {model}\ndata: ${rows}\n"
        f"training: {{max_steps: {steps}, per_device_train_batch_size: 2}}\n{more}"
    )


def finish(kernel: Kernel, cell: str) -> None:
    kernel.wait(lambda: len(kernel.static_outputs(cell)) == 3)


def test_the_prompt_is_back_before_the_run_is_over_and_other_cells_keep_their_output(
    kernel: Kernel, tiny_model: str, rows: str
) -> None:
    cell = kernel.start(
        cell_of(tiny_model, "first", rows, 40, 'samples: {prompts: ["Who?"], max_new_tokens: 4}')
    )
    assert kernel.reply(cell)["content"]["status"] == "ok"
    assert not kernel.static_outputs(cell)
    other = kernel.run("print('meanwhile', first.state in ('queued', 'loading', 'training'))")
    assert [message["content"]["text"] for message in kernel.of(other, "stream")] == ["meanwhile True\n"]
    finish(kernel, cell)
    over = kernel.run("print(first.state, len(first.metrics), first.wait() is first)")
    assert kernel.text(over).strip() == "finished 40 True"
    static = kernel.static_outputs(cell)
    assert static["chart"]["content"]["data"]["text/html"].startswith("<svg")
    assert "Who?" in static["samples"]["content"]["data"]["text/plain"]
    assert not kernel.of(cell, "stream", "error")
    assert not kernel.of(other, "display_data")


def test_an_interrupt_of_another_cell_does_not_reach_the_run(
    kernel: Kernel, tiny_model: str, rows: str
) -> None:
    cell = kernel.run(cell_of(tiny_model, "uninterrupted", rows, 60))
    busy = kernel.occupy()
    kernel.interrupt()
    assert kernel.reply(busy)["content"]["ename"] == "KeyboardInterrupt"
    finish(kernel, cell)
    assert kernel.text(kernel.run("print(uninterrupted.state)")).strip() == "finished"


def test_wait_returns_when_the_run_is_over_and_its_static_output_is_there(
    kernel: Kernel, tiny_model: str, rows: str
) -> None:
    cell = kernel.run(cell_of(tiny_model, "awaited --wait", rows, 2))
    assert set(kernel.static_outputs(cell)) == {"panel", "chart", "samples"}
    assert "awaited: finished" in kernel.text(cell)


def test_an_interrupted_wait_says_that_the_run_goes_on_and_keeps_later_cells_from_running(
    kernel: Kernel, tiny_model: str, rows: str
) -> None:
    cell = kernel.start(cell_of(tiny_model, "impatient --wait", rows, 100_000))
    kernel.wait(lambda: kernel.live_outputs(cell))
    later = kernel.start("print('later')")
    run = attach("impatient")
    kernel.wait(lambda: run.state == "training")
    kernel.interrupt()
    reply = kernel.reply(cell)
    assert reply["content"]["status"] == "error"
    [error] = kernel.of(cell, "error")
    said = "\n".join(error["content"]["traceback"])
    assert "The run 'impatient' goes on." in said
    assert "%attach impatient" in said
    assert "File" not in said
    assert kernel.reply(later)["content"]["status"] == "aborted"
    assert run.paths.alive
    run.stop()
    finish(kernel, cell)


def test_an_interrupt_of_a_magic_is_one_short_message(kernel: Kernel, tiny_model: str, rows: str) -> None:
    kernel.run("many = rows * 20_000")
    cell = kernel.start(f"%dataset $many --model {tiny_model}")
    kernel.wait(lambda: "Reading row" in kernel.text(cell))
    kernel.interrupt()
    assert kernel.reply(cell)["content"]["status"] == "error"
    [error] = kernel.of(cell, "error")
    assert error["content"]["traceback"] == ["\x1b[31mInterrupted.\x1b[0m"]


def test_a_waited_run_that_fails_fails_its_cell_without_a_traceback(kernel: Kernel, rows: str) -> None:
    cell = kernel.start(cell_of("no-such-folder/", "doomed --wait", rows, 2))
    assert kernel.reply(cell)["content"]["status"] == "error"
    assert "no-such-folder" in kernel.static_outputs(cell)["panel"]["content"]["data"]["text/plain"]
    assert "Traceback" not in kernel.text(cell)


def test_a_stopped_run_goes_on_where_it_stood(kernel: Kernel, tiny_model: str, rows: str) -> None:
    cell = kernel.run(cell_of(tiny_model, "halted", rows, 2000))
    kernel.run(
        "import time\nwhile len(halted.metrics) < 3: time.sleep(0.1)\nhalted.stop(); halted.wait()",
    )
    finish(kernel, cell)
    config = Path(kernel.home / "runs" / "halted" / "config.yaml")
    stood = int(kernel.text(kernel.run("print(halted.metrics.step.max())")))
    config.write_text(config.read_text().replace("max_steps: 2000", f"max_steps: {stood + 2}"))
    kernel.run("del rows")
    again = kernel.run("%finetune --resume halted --wait")
    assert not kernel.of(again, "error"), kernel.text(again)
    assert kernel.text(kernel.run("print(list(halted.metrics.step), _run.name)")).strip() == (
        f"{list(range(1, stood + 3))} halted"
    )


def test_a_finished_run_is_trained_on_under_another_name(kernel: Kernel, tiny_model: str, rows: str) -> None:
    kernel.run(cell_of(tiny_model, "earlier --wait", rows, 2))
    more = kernel.run(cell_of(tiny_model, "more --wait --resume earlier", rows, 4))
    assert not kernel.of(more, "error"), kernel.text(more)
    seen = kernel.text(kernel.run("print(list(more.metrics.step), list(earlier.metrics.step))"))
    assert seen.strip() == "[3, 4] [1, 2]"


def test_dry_run_says_what_would_be_trained_and_trains_nothing(
    kernel: Kernel, tiny_model: str, rows: str
) -> None:
    cell = kernel.run(cell_of(tiny_model, "planned --dry-run", rows, 7))
    text = kernel.text(cell)
    assert "format: messages" in text
    assert "rows: 12" in text
    assert "truncated rows: 0 (0.0%)" in text
    assert "estimated steps: 7," in text
    assert "⟦0 <b><|im_end|>⟧" in text
    assert "learning_rate: 0.0002" in text
    assert re.search("dtype: (float32|bfloat16)", text)
    assert "gradient_checkpointing: false" in text
    html = "".join(
        message["content"]["data"]["text/html"] for message in kernel.of(cell, "update_display_data")
    )
    assert "0 &lt;b&gt;&lt;|im_end|&gt;</span>" in html
    assert not (kernel.home / "runs" / "planned").exists()
    assert kernel.text(kernel.run("print('planned' in dir())")).strip() == "False"


def test_dataset_shows_format_lengths_and_rows_with_trained_tokens_marked(
    kernel: Kernel, tiny_model: str, rows: str
) -> None:
    for source in (rows, f"${rows}"):
        cell = kernel.run(f"%dataset {source} --model {tiny_model}")
        text = kernel.text(cell)
        assert "rows: 12" in text
        assert "format: messages" in text
        assert "⟦2 <b><|im_end|>⟧" in text
        bundles = [message["content"]["data"] for message in kernel.of(cell, "display_data")]
        bars = next(bundle["application/vnd.plotly.v1+json"] for bundle in bundles if len(bundle) == 3)
        assert sum(bars["data"][0]["y"]) == 12


def test_sample_shows_answers_of_base_and_run_side_by_side(
    kernel: Kernel, tiny_model: str, rows: str
) -> None:
    kernel.run(cell_of(tiny_model, "asked --wait", rows, 1))
    cell = kernel.run("%%sample asked --base --max-new-tokens 3\nWho are you?\nWhat is 1 < 2?")
    assert not kernel.of(cell, "error"), kernel.text(cell)
    [shown] = [message["content"]["data"] for message in kernel.of(cell, "display_data")]
    assert shown["text/html"].count("<th") == 4  # the head, prompt, base, run
    assert "What is 1 &lt; 2?" in shown["text/html"]
    assert f"{tiny_model} (base): " in shown["text/plain"]
    assert "asked: " in shown["text/plain"]
    assert shown["text/html"].count("Cut at 3 tokens; --max-new-tokens allows more.") == 4
    assert shown["text/plain"].count("[Cut at 3 tokens; --max-new-tokens allows more.]") == 4
    chat = kernel.run(
        "%%sample asked --max-new-tokens 3\n- {role: system, content: Be brief.}\n- {role: user, content: Hi}"
    )
    assert "user: Hi" in kernel.text(chat)
    wild = "%%sample asked --max-new-tokens 3 --temperature 2"
    likeliest = kernel.run("%%sample asked --max-new-tokens 3 --temperature 0\nHi")
    for narrow in ("--top-k 1", "--top-p 0.0001 --repetition-penalty 1"):
        assert kernel.text(kernel.run(f"{wild} {narrow}\nHi")) == kernel.text(likeliest)
    assert "top_p" in kernel.text(kernel.run(f"{wild} --top-p 2\nHi"))
    other = kernel.text(kernel.run(f"%%sample --model '{tiny_model}' --max-new-tokens 3\nHi"))
    assert f"{tiny_model} (base): " in other
    assert "asked: " not in other


def test_sample_asks_a_live_run_with_its_weights_of_now(kernel: Kernel, tiny_model: str, rows: str) -> None:
    cell = kernel.run(cell_of(tiny_model, "lively", rows, 100_000))
    kernel.run("import time\nwhile len(lively.metrics) < 2: time.sleep(0.1)")
    asked = kernel.run("%%sample lively --max-new-tokens 3\nWho are you?")
    assert "lively: " in kernel.text(asked), kernel.text(asked)
    kernel.run("lively.stop()")
    finish(kernel, cell)
    assert "stopped" in kernel.static_outputs(cell)["panel"]["content"]["data"]["text/plain"]


def test_finetune_from_python_takes_objects_as_data(kernel: Kernel, tiny_model: str, rows: str) -> None:
    cell = kernel.run(
        "import llmtune_kernel\n"
        f"tuned = llmtune_kernel.finetune(model={tiny_model!r}, data={{'train': {rows}, 'eval': {rows}[:2]}},"
        " training={'max_steps': 2}, name='python', wait=True)\n"
        "print(tuned.state, tuned.metrics.eval_loss.notna().any())",
    )
    assert "finished True" in kernel.text(cell)
    assert set(kernel.static_outputs(cell)) == {"panel", "chart", "samples"}
    assert llm_names(kernel) >= {"python"}


def llm_names(kernel: Kernel) -> set[str]:
    text = kernel.text(
        kernel.run("import json\nprint(json.dumps([run.name for run in llmtune_kernel.runs()]))")
    )
    return set(json.loads(text))


def test_a_llama_factory_cell_shows_its_translation_and_trains(
    kernel: Kernel, tiny_model: str, tmp_path: Path
) -> None:
    data = tmp_path / "rows.json"
    data.write_text(json.dumps([{"instruction": "Who?", "output": f"{n}."} for n in range(4)]))
    (tmp_path / "dataset_info.json").write_text(json.dumps({"rows": {"file_name": "rows.json"}}))
    cell = kernel.run(
        f"%%finetune theirs --wait\nmodel_name_or_path: {tiny_model}\nstage: sft\ndataset: rows\n"
        f"dataset_dir: {tmp_path}\nmax_steps: 1\nplot_loss: true\n"
    )
    assert not kernel.of(cell, "error"), kernel.text(cell)
    assert "# Translated from a LLaMA-Factory file." in kernel.text(cell)
    assert "finished" in kernel.text(kernel.run("print(theirs.state)"))


def test_runs_lists_them(kernel: Kernel, tiny_model: str, rows: str) -> None:
    kernel.run(cell_of(tiny_model, "listed --wait", rows, 2))
    line = next(line for line in kernel.text(kernel.run("%runs")).splitlines() if line.startswith("listed"))
    assert "finished" in line
    assert "2 of 2" in line


def test_a_function_of_the_notebook_scores_answers(kernel: Kernel, tiny_model: str) -> None:
    kernel.run("weight = 0.5\nquestions = [{'prompt': f'Say {n}.'} for n in range(4)]")
    kernel.run(
        "def score(prompts, answers):\n    # Longer is better.\n    return [weight * len(one) for one in answers]"
    )
    ppo = "objective: {type: ppo, reward: $score, response_length: 4}"
    finish(kernel, kernel.run(cell_of(tiny_model, "rewarded", "questions", 5, ppo)))
    run = attach("rewarded")
    assert (run.state, len(run.metrics["reward"].unique())) == ("finished", 2)  # of two rollouts
    assert "# Longer is better." in run.paths.reward_source.read_text()
    kernel.run("del score")
    again = kernel.run(cell_of(tiny_model, "rewarded --resume rewarded", "questions", 6, ppo))
    finish(kernel, again)
    assert attach("rewarded").metrics["step"].iloc[-1] == 6


def test_a_run_goes_on_with_the_corrected_function(kernel: Kernel, tiny_model: str) -> None:
    kernel.run("questions = [{'prompt': 'Say it.'}]\ncalls = []")
    kernel.run(
        "def score(prompts, answers):\n    calls.append(1)\n    return [1 / (2 - len(calls)) for one in answers]"
    )
    cell = (
        f"%%finetune corrected\nmodel: {tiny_model}\ndata: $questions\n"
        "training: {max_steps: 3, save_steps: 1, per_device_train_batch_size: 2}\n"
        "objective: {type: ppo, reward: $score, response_length: 4, ppo_epochs: 1}"
    )
    finish(kernel, kernel.run(cell))
    run = attach("corrected")
    assert run.error().fix == "Correct it, and go on with it: %finetune --resume corrected"
    kernel.run("def score(prompts, answers):\n    return [0.5 for one in answers]")
    finish(kernel, kernel.run("%finetune --resume corrected"))
    assert (run.state, run.metrics["reward"].tolist()) == ("finished", [1.0, 0.5, 0.5])
    assert "return [0.5" in run.paths.reward_source.read_text()
    assert "2 - len(calls)" in (run.paths.data / "reward-1.py").read_text()
    logs = [event.payload.message for event in run.events() if event.type == "log"]
    assert (
        "Answers drawn after step 1 are scored by $score as the notebook has it now; data/reward-1.py holds the "
        "one before."
    ) in logs


def test_a_mistake_in_a_function_that_scores_is_told_with_its_line(kernel: Kernel, tiny_model: str) -> None:
    kernel.run("questions = [{'prompt': 'Say it.'}]")
    kernel.run("import math\n\n\ndef score(prompts, answers):\n    return [math.log(-1) for one in answers]")
    ppo = "objective: {type: ppo, reward: $score, response_length: 4}"
    finish(kernel, kernel.run(cell_of(tiny_model, "mistaken", "questions", 2, ppo)))
    said = attach("mistaken").events()
    [error] = [event.payload for event in said if event.type == "error"]
    assert error.what.startswith("The reward function raised ValueError: ")
    assert error.where == "objective.reward: $score, line 2: return [math.log(-1) for one in answers]"
