"""Orders to a live run: pause, resume, save, sample, stop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from watching import Start, losses, saved, states, until

from llmtune_kernel.config import UserError
from llmtune_kernel.inference.generation import as_messages, generate
from llmtune_kernel.runs.events import LogEvent, MetricsEvent, StateEvent
from llmtune_kernel.runs.run import Run

SAMPLES = {"prompts": ["What is 5 plus 5?"], "max_new_tokens": 8}


@pytest.fixture(scope="module")
def run(start: Start) -> Run:
    """A run of many steps, paused after some."""
    run = start("long", training={"max_steps": 100_000, "warmup_ratio": 0.0}, samples=SAMPLES)
    until(lambda: len(losses(run)) >= 5)
    run.pause()
    until(lambda: run.state == "paused")
    return run


def answer_of_last_checkpoint(run: Run, prompt: str) -> str:
    """What plain PEFT and transformers answer with the weights of the newest checkpoint."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = run.paths.read_resolved()["base"]["name_or_path"]
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(model, str(run.paths.last_checkpoint())).eval()
    tokenizer = AutoTokenizer.from_pretrained(base)
    [answer] = generate(tuned, tokenizer, [as_messages(prompt, None)], run.config.samples, torch.float32)
    return answer.text


def test_a_paused_run_saves_and_samples_with_its_weights_of_now(run: Run) -> None:
    step = max(losses(run))
    run.save()
    until(lambda: saved(run) == [step])
    run.save()
    until(lambda: saved(run) == [step, step])  # who asks is answered, though it is saved already
    assert run.sample() == [answer_of_last_checkpoint(run, "What is 5 plus 5?")]
    assert run.state == "paused"


def test_each_request_gets_its_own_answers(run: Run) -> None:
    prompts = [f"What is {number} plus {number}?" for number in range(4)]
    alone = [run.sample(prompt)[0] for prompt in prompts]
    with ThreadPoolExecutor() as threads:
        assert [answers[0] for answers in threads.map(run.sample, prompts)] == alone
    assert run.sample(prompts) == alone
    assert run.sample([{"role": "user", "content": prompts[0], "name": "Ada"}]) == alone[:1]


def test_a_prompt_or_a_setting_that_is_wrong_is_refused_and_the_run_goes_on(run: Run) -> None:
    with pytest.raises(UserError) as refused:
        run.sample("Hello", max_new_tokens=0)
    assert refused.value.what == "max_new_tokens: must be a whole number of at least 1; got 0."
    assert refused.value.where == "sampling settings"
    with pytest.raises(UserError) as refused:
        run.sample("Hello", temprature=1)
    assert refused.value.what == "temprature: unknown key."
    assert refused.value.fix == "Did you mean temperature?"
    with pytest.raises(UserError) as refused:
        run.sample([{"role": "user"}])
    assert refused.value.what == "Each turn of a conversation has a role and a content."
    assert refused.value.where == "turn 0 has ['role']"
    assert refused.value.fix
    assert "Traceback" not in run.paths.log.read_text()
    warning = [event.payload for event in run.events() if isinstance(event, LogEvent)][-1]
    assert warning.level == "warning"
    assert "has a role and a content" in warning.message
    assert run.state == "paused"


def test_pausing_a_paused_run_leaves_it_paused(run: Run) -> None:
    count = len(run.events())
    run.pause()
    until(lambda: len(run.events()) == count + 2)
    assert run.state == "paused"


def test_resume_goes_on_where_it_paused_and_the_weights_move(run: Run) -> None:
    step, before = max(losses(run)), run.sample()
    run.resume()
    until(lambda: max(losses(run)) >= step + 10)
    assert run.state == "training"
    assert list(losses(run)) == list(range(1, max(losses(run)) + 1))
    after = run.sample()
    assert run.state == "training"
    assert after != before


def test_nothing_was_trained_while_it_was_paused(run: Run) -> None:
    events = [event for event in run.events() if isinstance(event, StateEvent | MetricsEvent)]
    paused = [
        then
        for now, then in pairwise(events)
        if isinstance(now, StateEvent) and now.payload.state == "paused"
    ]
    assert paused
    assert all(isinstance(event, StateEvent) for event in paused)


def test_stop_while_paused_saves(run: Run) -> None:
    run.pause()
    until(lambda: run.state == "paused")
    step = max(losses(run))
    run.stop()
    run.wait()
    assert states(run)[-3:] == ["paused", "stopping", "stopped"]
    assert saved(run)[-1] == saved(run, "result")[-1] == step
    assert run.sample() == [answer_of_last_checkpoint(run, "What is 5 plus 5?")]


def test_a_run_that_is_over_takes_no_orders(run: Run) -> None:
    for order in (run.stop, run.pause, run.resume, run.save):
        with pytest.raises(UserError, match="'long' is not running"):
            order()
