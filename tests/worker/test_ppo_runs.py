"""Whole runs of proximal policy optimization: they learn what a reward likes, by a function, an address or a run."""

from __future__ import annotations

import functools
import json
import math
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import rewarded
import rewards
from polite import graded_rows, write
from rewarded import settings
from transformers import AutoModelForCausalLM
from watching import Start, assert_goes_on_where_it_stood, inspected, measured

from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.runs.directory import RunDirectory, runs_root
from llmtune_kernel.runs.events import Evaluation, Metrics
from llmtune_kernel.runs.launch import launch
from llmtune_kernel.runs.run import Run, RunFailed


@pytest.fixture
def train_here(tmp_path: Path, tiny_model: str, prompts: str) -> Any:
    return functools.partial(rewarded.train_here, tmp_path / "run", tiny_model, prompts)


def test_a_run_learns_what_its_reward_likes(start: Start, tiny_model: str, prompts: str) -> None:
    config = settings(
        tiny_model,
        prompts,
        "$vowels",
        data={"eval": prompts},
        training={"max_steps": 60, "logging_steps": 4, "eval_steps": 30},
        objective={"kl_coef": 0.0},
    )
    run = start("learns", **config).wait()
    metrics, evaluations = measured(run)
    assert metrics[-1].measures["reward"] > metrics[0].measures["reward"] + 0.1
    assert evaluations[-1].measures["reward"] > metrics[0].measures["reward"] + 0.1
    assert evaluations[-1].loss is None
    assert metrics[-1].measures["kl"] > 1
    assert metrics[0].measures["kl"] == pytest.approx(0, abs=1e-4)
    assert run.metrics["reward"].iloc[-1] == metrics[-1].measures["reward"]
    model, _ = run.load()
    assert not hasattr(model, "value_head")
    _, info = AutoModelForCausalLM.from_pretrained(run.paths.model, output_loading_info=True)
    assert not info["unexpected_keys"]
    assert "share of vowels" in run.paths.reward_source.read_text()


def test_a_stopped_run_goes_on_exactly_where_it_stood(start: Start, tiny_model: str, prompts: str) -> None:
    config = settings(
        tiny_model,
        prompts,
        "$vowels",
        data={"eval": prompts},
        method={"type": "lora", "r": 4},
        objective={"num_mini_batches": 2, "ppo_target": 0.1, "ppo_score_norm": True},
        training={"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2},
    )
    assert_goes_on_where_it_stood(start, **config)


@pytest.mark.parametrize("method", ["lora", "full", "pissa"])
def test_a_reward_may_be_a_run(
    start: Start, tiny_model: str, prompts: str, method: str, workplace: Path
) -> None:
    scorer = workplace / "runs" / "scorer"
    if not scorer.exists():
        write(workplace / "pairs.jsonl", graded_rows(16, seed=1))
        pairs = {"train": "pairs.jsonl"}
        start("scorer", data=pairs, objective="reward", training={"max_steps": 2}).wait()
    types = {"pissa": {"type": "lora", "init_lora_weights": "pissa"}}
    config = settings(
        tiny_model,
        prompts,
        "scorer" if method == "lora" else str(scorer / ("adapter" if method == "full" else "")),
        method=types.get(method, method),
        training={"max_steps": 5},
    )
    run = start(f"by-a-run-{method}", **config).wait()
    rewards_seen = [round(one.measures["reward"], 6) for one in measured(run)[0]]
    assert len(set(rewards_seen)) == 2  # of two rollouts


class Scores(ThreadingHTTPServer):
    """Scores texts by their length, or answers what a test wants; remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict[str, Any]] = []
        self.answer: bytes | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/score"


class _Handler(BaseHTTPRequestHandler):
    server: Scores

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(body)
        scores = json.dumps({"scores": [len(text) / 100 for text in body["messages"]]}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.answer or scores)

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def scores() -> Iterator[Scores]:
    server = Scores()
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_an_address_is_asked_as_llama_factory_does(train_here: Any, scores: Scores) -> None:
    told = train_here(scores.address)
    [asked] = scores.asked
    assert asked["model"] == "model"
    assert len(asked["messages"]) == 16
    assert all("Say something about" in text and "<|im_start|>user" in text for text in asked["messages"])
    expected = sum(len(text) / 100 for text in asked["messages"]) / 16
    first = next(payload for payload in told if isinstance(payload, Metrics))
    assert first.measures["reward"] == pytest.approx(expected)


@pytest.mark.parametrize("answer", [b"hello", b"[1]", b'{"score": [1]}'])
def test_an_address_that_answers_otherwise_is_told(train_here: Any, scores: Scores, answer: bytes) -> None:
    scores.answer = answer
    with pytest.raises(UserError, match="answers without scores") as error:
        train_here(scores.address)
    assert error.value.where == f"objective.reward: {scores.address}"


def test_an_address_that_does_not_answer_is_told(train_here: Any) -> None:
    with pytest.raises(UserError, match=r"gives no answer: .*refused"):
        train_here("http://127.0.0.1:9/score")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (rewards.too_few, "The reward is 15 scores for 16 answers"),
        (rewards.no_list, "The reward is of type float, not a list of numbers"),
        (rewards.words, r"The score of answer 0 \(from 0\) is 'good'"),
        (rewards.no_number, r"The score of answer 1 \(from 0\) is nan"),
        (rewards.told, r"raised LookupError: \['Say something about 0\.'\] 16"),
    ],
)
def test_a_function_that_gives_no_scores_is_told(train_here: Any, function: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        train_here(function)


def test_the_line_of_a_function_that_raised_is_told(train_here: Any) -> None:
    with pytest.raises(UserError, match="The reward function raised ZeroDivisionError") as error:
        train_here(rewards.broken)
    line = "scores.append(1 / (len(prompt) - len(prompt)))"
    assert error.value.where == f"objective.reward: $broken, line 4: {line}"


def test_a_function_that_would_end_the_process_is_told_as_others(train_here: Any) -> None:
    with pytest.raises(UserError, match="The reward function raised SystemExit: 3") as error:
        train_here(rewards.leaves)
    assert error.value.where == "objective.reward: $leaves, line 2: sys.exit(3)"


def test_a_mistake_of_a_function_ends_a_run_with_its_line(
    start: Start, tiny_model: str, prompts: str
) -> None:
    with pytest.raises(RunFailed, match="raised ZeroDivisionError"):
        start("raises", **settings(tiny_model, prompts, "$broken")).wait()


@pytest.mark.parametrize(
    ("reward", "said"),
    [
        ("learner", "The run 'learner' trains no reward model"),
        ("nobody", "no run"),
        ("./nowhere", "There is no model at this path"),
        ("MODEL", "no head that gives one score"),
    ],
)
def test_what_is_no_reward_model_is_told(
    start: Start, train_here: Any, tiny_model: str, workplace: Path, reward: str, said: str
) -> None:
    if reward == "learner" and not (workplace / "runs" / "learner").exists():
        start("learner", training={"max_steps": 1}).wait()
    with pytest.raises(UserError, match=said) as error:
        train_here(tiny_model if reward == "MODEL" else reward)
    assert error.value.where.startswith("objective.reward: ")


def test_a_run_that_is_not_there_starts_none(start: Start, tiny_model: str, prompts: str) -> None:
    with pytest.raises(UserError, match="There is no run named 'nobody'") as error:
        start("scored-by-none", **settings(tiny_model, prompts, "nobody"))
    assert error.value.where == "objective.reward: nobody"
    assert error.value.fix.endswith("with a dollar sign: $nobody.")
    assert not RunDirectory(runs_root() / "scored-by-none").path.exists()


def test_a_continued_run_keeps_its_function(start: Start, tiny_model: str, prompts: str) -> None:
    config = settings(tiny_model, prompts, "$vowels", training={"max_steps": 2, "save_steps": 1})
    first = start("keeps", **config).wait()
    config["training"]["max_steps"] = 3
    there = launch(config_from_dict({**config, "resume": "keeps"}), name="keeps-on")
    there.wait()
    for kept in ("reward", "reward_source"):
        one, other = (getattr(run.paths, kept).read_bytes() for run in (first, there))
        assert one == other
    shutil.rmtree(first.paths.data)
    with pytest.raises(
        UserError, match=r"\$vowels is a function of a notebook, and there is no notebook here"
    ):
        launch(config_from_dict({**config, "resume": "keeps"}), name="keeps-not")


def test_rows_with_answers_are_asked_without_them(train_here: Any, workplace: Path) -> None:
    with pytest.raises(UserError, match=r"LookupError: \['What is 0 plus 0\?'\] 16"):
        train_here(rewards.told, data={"train": "rows.jsonl"})


def test_prompts_are_evaluated_as_others_are(train_here: Any) -> None:
    told = train_here(rewards.vowels, data={"eval_fraction": 0.25})
    [evaluation] = [payload for payload in told if isinstance(payload, Evaluation)]
    assert evaluation.measures.keys() == {"reward", "kl", "answer_length", "ended"}
    assert 0 < evaluation.measures["reward"] < 1


@pytest.mark.parametrize(
    ("method", "quantization"),
    [
        ({"type": "lora", "r": 4}, "nf4"),
        ({"type": "lora", "r": 4, "init_lora_weights": "pissa"}, "none"),
        ({"type": "lora", "r": 4, "modules_to_save": ["lm_head"]}, "none"),
        ({"type": "freeze", "trainable_layers": 1}, "none"),
        ({"type": "peft", "peft_type": "IA3"}, "none"),
        ({"type": "peft", "peft_type": "P_TUNING"}, "none"),
    ],
)
def test_each_way_to_tune_may_be_rewarded(
    train_here: Any, small_model: str, tmp_path: Path, method: dict[str, Any], quantization: str
) -> None:
    model = {"name_or_path": small_model, "dtype": "float32", "quantization": quantization}
    told = train_here(rewards.vowels, model=model, method=method)
    first, second = (payload for payload in told if isinstance(payload, Metrics))
    # Before the first step the model is its own reference; only tokens in front of the prompt change it at once.
    in_front = method.get("peft_type") == "P_TUNING"
    assert first.measures["kl"] == pytest.approx(0, abs=math.inf if in_front else 1e-3)
    assert first.measures["approx_kl"] == pytest.approx(0, abs=1e-6)
    assert second.measures["approx_kl"] > 0
    tuned, _ = Run(RunDirectory(tmp_path / "run")).load()
    assert not any("value_head" in name for name, _ in tuned.named_parameters())


def test_what_a_run_will_take_is_known_before(
    train_here: Any, tiny_model: str, prompts: str, workplace: Path
) -> None:
    chosen: dict[str, Any] = {
        "objective": {"ppo_epochs": 3, "num_mini_batches": 2, "response_length": 1},
        "training": {
            "num_train_epochs": 1,
            "per_device_train_batch_size": 2,
            "gradient_accumulation_steps": 3,
        },
    }
    config = config_from_dict(settings(tiny_model, prompts, "$vowels", **chosen))
    summary = inspected(config, statistics=True, details=True)
    assert (summary["format"], summary["trained_tokens"]) == ("prompt", 0)
    assert summary["steps"] == 2 * 2 * 3  # two rollouts of 12 answers, of which 16 prompts fill more than one
    [first, *_] = [
        payload for payload in train_here(rewards.vowels, **chosen) if isinstance(payload, Metrics)
    ]
    assert first.max_steps == summary["steps"]
