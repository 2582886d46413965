"""Runs that are compared with another model than the one before training."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import rewards
import torch
from torch.nn.functional import logsigmoid
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from watching import in_process
from ways import JUDGED, PAIRS, QUESTIONS

from llmtune_kernel.config import UserError, config_from_dict
from llmtune_kernel.notebook.rewards import reward_writer
from llmtune_kernel.runs.directory import RunDirectory
from llmtune_kernel.runs.events import Metrics

LORA = {"type": "lora", "r": 4}


@pytest.fixture
def other_model(small_model: str, tmp_path: Path) -> str:
    """The small model with other weights."""
    model: Any = AutoModelForCausalLM.from_pretrained(small_model)
    set_seed(1)
    for weight in model.parameters():
        weight.data += 0.02 * torch.randn_like(weight)
    folder = tmp_path / "other"
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(small_model).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def losses(tmp_path: Path, small_model: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The loss of each step of a run in this process."""
    monkeypatch.chdir(tmp_path)

    def run(
        objective: str, /, *, checkpoint: Path | None = None, name: str = "run", **settings: Any
    ) -> list[float | None]:
        rows = {"dpo": PAIRS, "kto": JUDGED}.get(objective, [{"prompt": row["prompt"]} for row in QUESTIONS])
        Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        values: dict[str, Any] = {
            "model": {"name_or_path": small_model, "dtype": "float32"},
            "data": "rows.jsonl",
            "method": settings.pop("method", LORA),
            "objective": {"type": objective, **settings},
            "training": {
                "max_steps": 2,
                "save_steps": 1,
                "learning_rate": 0.01,
                "per_device_train_batch_size": 8,
            },
        }
        write = reward_writer(config_from_dict(values), vars(rewards))

        def prepare() -> None:
            if write:
                write(RunDirectory(tmp_path / name))

        told = in_process(tmp_path / name, prepare=prepare, checkpoint=checkpoint, **values)
        return [one.loss for one in told if isinstance(one, Metrics)]

    return run


def test_what_is_compared_with_is_the_model_that_is_named(
    losses: Any, small_model: str, other_model: str
) -> None:
    def log_probability(folder: str, answer: str, prompt: str) -> torch.Tensor:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        said = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        whole = tokenizer.apply_chat_template(said, return_dict=False)
        asked = len(tokenizer.apply_chat_template(said[:1], add_generation_prompt=True, return_dict=False))
        ended = len(whole) - whole[::-1].index(tokenizer.convert_tokens_to_ids("<|im_end|>"))
        ids = torch.tensor(whole[:ended])
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        with torch.no_grad():
            found = model(ids[None]).logits[0, asked - 1 : -1].log_softmax(-1)
        return found.gather(1, ids[asked:, None]).sum()

    margins = []
    for row in PAIRS:
        ours, theirs = (
            log_probability(folder, row["chosen"], row["prompt"])
            - log_probability(folder, row["rejected"], row["prompt"])
            for folder in (small_model, other_model)
        )
        margins.append(ours - theirs)
    expected = float(-logsigmoid(0.1 * torch.stack(margins)).mean())
    assert expected != pytest.approx(math.log(2), abs=1e-2)
    once = losses("dpo", reference_model=other_model)
    assert once[0] == pytest.approx(expected, abs=1e-5)
    assert losses("dpo", reference_model=other_model, reference="model") == pytest.approx(once, abs=1e-5)


@pytest.mark.parametrize("objective", ["dpo", "kto", "ppo"])
@pytest.mark.parametrize("method", [LORA, {"type": "full"}], ids=["lora", "full"])
def test_a_run_goes_on_against_it(
    losses: Any, other_model: str, tmp_path: Path, objective: str, method: dict[str, Any]
) -> None:
    more = {"reward": "$vowels", "response_length": 16} if objective == "ppo" else {"reference": "model"}
    settings = {"reference_model": other_model, "method": method, **more}
    whole = losses(objective, **settings)
    first = tmp_path / "run" / "checkpoints" / "step-000001"
    again = losses(objective, checkpoint=first, name="again", **settings)
    assert again == pytest.approx(whole[1:], abs=1e-6)
    named = settings.pop("reference_model")
    assert named == other_model
    assert losses(objective, **settings)[1] != pytest.approx(whole[1], abs=1e-7)


def test_it_may_be_quantized_or_have_adapters(losses: Any, tmp_path: Path) -> None:
    plain = losses("dpo")
    assert plain[0] == pytest.approx(math.log(2), abs=1e-5)
    shutil.move(tmp_path / "run" / "adapter", tmp_path / "first")
    for given in ({"reference_quantization": "nf4"}, {"reference_adapters": ["first"]}):
        assert losses("dpo", **given)[0] != pytest.approx(math.log(2), abs=1e-4)
    # Both start where the adapter stands: nothing lies between them.
    method = {"type": "lora", "adapter": "first"}
    assert losses("dpo", method=method, reference_adapters=["first"])[0] == pytest.approx(
        math.log(2), abs=1e-4
    )


def test_adapters_are_not_merged_into_a_model_that_is_quantized_on_the_disk(
    losses: Any, other_model: str, tmp_path: Path
) -> None:
    losses("dpo")
    shutil.move(tmp_path / "run" / "adapter", tmp_path / "first")
    file = Path(other_model) / "config.json"
    kept = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    file.write_text(json.dumps({**json.loads(file.read_text()), "quantization_config": kept}))
    with pytest.raises(
        UserError, match=r"here they are \(bitsandbytes\)(.|\n)*objective\.reference_adapters"
    ):
        losses("dpo", reference_model=other_model, reference_adapters=["first"])


def test_without_another_one_a_second_model_is_that_before_training(losses: Any) -> None:
    assert losses("dpo", reference="model") == pytest.approx(losses("dpo"), abs=1e-6)


def test_it_reads_the_same_tokens(losses: Any, small_model: str, tmp_path: Path) -> None:
    folder = tmp_path / "with-others"
    shutil.copytree(small_model, folder)
    tokenizer = AutoTokenizer.from_pretrained(small_model)
    tokenizer.add_tokens(["<other>"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(UserError, match="reads other tokens"):
        losses("dpo", reference_model=str(folder))


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ({"reference": "adapter", "reference_model": "m"}, "reference: adapter asks the model itself"),
        ({"loss": "orpo", "reference_model": "m"}, "the loss orpo does not use it"),
        (
            {"reference_adapters": ["a"], "reference_quantization": "nf4"},
            "adapters are merged into weights that are not quantized",
        ),
    ],
)
def test_what_does_not_go_together_is_said(objective: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        config_from_dict({"data": "x", "objective": {"type": "dpo", **objective}})
