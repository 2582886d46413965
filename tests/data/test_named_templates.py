"""Every named template writes what the models it is named after were trained on, and its answers are trained."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from encoded import IGNORED, encode_conversation
from transformers import AutoTokenizer

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.data.examples import Conversation
from llmtune_kernel.data.named_templates import (
    never_ends,
    set_template,
    template_names,
    unknown_control_tokens,
)

ANY = DataConfig(train="rows.jsonl")


def configured(**settings: Any) -> DataConfig:
    return DataConfig(train="rows.jsonl", **settings)


CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello?"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "Why?"},
    {"role": "assistant", "content": "So."},
]
CHATML = (
    "<|im_start|>system\nBe brief.<|im_end|>\n"
    "<|im_start|>user\nHello?<|im_end|>\n<|im_start|>assistant\n⟦Hi.<|im_end|>⟧\n"
    "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n⟦So.<|im_end|>⟧\n"
)
TULU = "<|system|>\nBe brief.\n<|user|>\nHello?\n<|assistant|>\n⟦Hi.</s>⟧\n<|user|>\nWhy?\n<|assistant|>\n⟦So.</s>⟧"

# What each template writes, where bos is <s> and eos is </s>; what a model has to write stands in ⟦⟧.
WRITTEN = {
    "alpaca": (
        "<s>Be brief.\n\n### Instruction:\nHello?\n\n### Response:\n⟦Hi.</s>⟧\n\n"
        "### Instruction:\nWhy?\n\n### Response:\n⟦So.</s>⟧\n\n"
    ),
    "baichuan2": "Be brief.<reserved_106>Hello?<reserved_107>⟦Hi.</s>⟧<reserved_106>Why?<reserved_107>⟦So.</s>⟧",
    "bluelm": "<s>Be brief.[|Human|]:Hello?[|AI|]:⟦Hi.</s>⟧[|Human|]:Why?[|AI|]:⟦So.</s>⟧",
    "chatml": CHATML,
    "cohere": (
        "<s><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Be brief.<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Hello?<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>⟦Hi.<|END_OF_TURN_TOKEN|>⟧"
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>Why?<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>⟦So.<|END_OF_TURN_TOKEN|>⟧"
    ),
    "deepseek": "<s>Be brief.\n\nUser: Hello?\n\nAssistant:⟦ Hi.</s>⟧User: Why?\n\nAssistant:⟦ So.</s>⟧",
    "deepseek-r1": (
        "<s>Be brief.<｜User｜>Hello?<｜Assistant｜>⟦Hi.<｜end▁of▁sentence｜>⟧"
        "<｜User｜>Why?<｜Assistant｜>⟦So.<｜end▁of▁sentence｜>⟧"
    ),
    "deepseek-v3": (
        "<s>Be brief.<｜User｜>Hello?<｜Assistant｜>⟦Hi.<｜end▁of▁sentence｜>⟧"
        "<｜User｜>Why?<｜Assistant｜>⟦So.<｜end▁of▁sentence｜>⟧"
    ),
    "exaone": (
        "[|system|]Be brief.[|endofturn|]\n[|user|]Hello?\n[|assistant|]⟦Hi.[|endofturn|]⟧\n"
        "[|user|]Why?\n[|assistant|]⟦So.[|endofturn|]⟧\n"
    ),
    "falcon": "System: Be brief.\nUser: Hello?\nFalcon:⟦ Hi.</s>⟧\nUser: Why?\nFalcon:⟦ So.</s>⟧\n",
    "falcon3": TULU,
    "gemma": (
        "<s><start_of_turn>user\nBe brief.\n\nHello?<end_of_turn>\n<start_of_turn>model\n⟦Hi.<end_of_turn>⟧\n"
        "<start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n⟦So.<end_of_turn>⟧\n"
    ),
    "glm4": (
        "[gMASK]<sop><|system|>\nBe brief.<|user|>\nHello?<|assistant|>\n⟦Hi.<|user|>⟧\nWhy?<|assistant|>\n"
        "⟦So.<|user|>⟧"
    ),
    "granite": (
        "<|start_of_role|>system<|end_of_role|>Be brief.<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>Hello?<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>⟦Hi.<|end_of_text|>⟧\n"
        "<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>⟦So.<|end_of_text|>⟧\n"
    ),
    "hermes": "<s>" + CHATML,
    "intern": "<s><|System|>:Be brief.\n<|User|>:Hello?\n<|Bot|>:⟦Hi.<eoa>⟧\n<|User|>:Why?\n<|Bot|>:⟦So.<eoa>⟧\n",
    "intern2": "<s>" + CHATML,
    "kimi": (
        "<|im_system|>system<|im_middle|>Be brief.<|im_end|>"
        "<|im_user|>user<|im_middle|>Hello?<|im_end|><|im_assistant|>assistant<|im_middle|>⟦Hi.<|im_end|>⟧"
        "<|im_user|>user<|im_middle|>Why?<|im_end|><|im_assistant|>assistant<|im_middle|>⟦So.<|im_end|>⟧"
    ),
    "lfm2": "<s>" + CHATML,
    "llama2": "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello? [/INST] ⟦Hi. </s>⟧<s>[INST] Why? [/INST] ⟦So. </s>⟧",
    "llama3": (
        "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHello?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n⟦Hi.<|eot_id|>⟧"
        "<|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n⟦So.<|eot_id|>⟧"
    ),
    "llama4": (
        "<s><|header_start|>system<|header_end|>\n\nBe brief.<|eot|>"
        "<|header_start|>user<|header_end|>\n\nHello?<|eot|><|header_start|>assistant<|header_end|>\n\n⟦Hi.<|eot|>⟧"
        "<|header_start|>user<|header_end|>\n\nWhy?<|eot|><|header_start|>assistant<|header_end|>\n\n⟦So.<|eot|>⟧"
    ),
    "minicpm": "<s>Be brief.<用户>Hello?<AI>⟦Hi.</s>⟧<用户>Why?<AI>⟦So.</s>⟧",
    "mistral": "<s>[INST] Hello?[/INST] ⟦Hi.</s>⟧[INST] Be brief.\n\nWhy?[/INST] ⟦So.</s>⟧",
    "mistral-v1": "<s> [INST] Be brief.\n\nHello? [/INST] ⟦Hi.</s>⟧ [INST] Why? [/INST] ⟦So.</s>⟧",
    "mistral-v7": (
        "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Hello?[/INST]⟦Hi.</s>⟧[INST]Why?[/INST]⟦So.</s>⟧"
    ),
    "nemotron": (
        "<extra_id_0>System\nBe brief.\n\n<extra_id_1>User\nHello?\n<extra_id_1>Assistant\n⟦Hi.\n<extra_id_1>⟧"
        "User\nWhy?\n<extra_id_1>Assistant\n⟦So.\n<extra_id_1>⟧"
    ),
    "olmo": "<s>" + TULU,
    "openchat": (
        "<s>Be brief.<|end_of_turn|>GPT4 Correct User: Hello?<|end_of_turn|>"
        "GPT4 Correct Assistant:⟦ Hi.<|end_of_turn|>⟧GPT4 Correct User: Why?<|end_of_turn|>"
        "GPT4 Correct Assistant:⟦ So.<|end_of_turn|>⟧"
    ),
    "orion": "<s>Human: Be brief.\nHello?\n\nAssistant: </s>⟦Hi.</s>⟧Human: Why?\n\nAssistant: </s>⟦So.</s>⟧",
    "phi2": "Be brief.\nInstruct: Hello?\nOutput:⟦ Hi.</s>⟧\nInstruct: Why?\nOutput:⟦ So.</s>⟧\n",
    "phi3": (
        "<|system|>\nBe brief.<|end|>\n<|user|>\nHello?<|end|>\n<|assistant|>\n⟦Hi.<|end|>⟧\n"
        "<|user|>\nWhy?<|end|>\n<|assistant|>\n⟦So.<|end|>⟧\n</s>"
    ),
    "phi4": (
        "<|im_start|>system<|im_sep|>Be brief.<|im_end|><|im_start|>user<|im_sep|>Hello?<|im_end|>"
        "<|im_start|>assistant<|im_sep|>⟦Hi.<|im_end|>⟧<|im_start|>user<|im_sep|>Why?<|im_end|>"
        "<|im_start|>assistant<|im_sep|>⟦So.<|im_end|>⟧"
    ),
    "phi4-mini": (
        "<|system|>Be brief.<|end|><|user|>Hello?<|end|><|assistant|>⟦Hi.<|end|>⟧"
        "<|user|>Why?<|end|><|assistant|>⟦So.<|end|>⟧</s>"
    ),
    "qwen": CHATML,
    "qwen3": CHATML.replace("⟦So.", "⟦<think>\n\n</think>\n\nSo."),
    "seed": (
        "<seed:bos>system\nBe brief.<seed:eos><seed:bos>user\nHello?<seed:eos><seed:bos>assistant\n⟦Hi.<seed:eos>⟧"
        "<seed:bos>user\nWhy?<seed:eos><seed:bos>assistant\n⟦So.<seed:eos>⟧"
    ),
    "smollm2": CHATML,
    "solar": (
        "<s>### System:\nBe brief.\n\n### User:\nHello?\n\n### Assistant:\n⟦Hi.</s>⟧"
        "### User:\nWhy?\n\n### Assistant:\n⟦So.</s>⟧"
    ),
    "starchat": (
        "<|system|>\nBe brief.<|end|>\n<|user|>\nHello?<|end|>\n<|assistant|>\n⟦Hi.<|end|>⟧\n"
        "<|user|>\nWhy?<|end|>\n<|assistant|>\n⟦So.<|end|>⟧\n"
    ),
    "tulu": TULU,
    "vicuna": "<s>Be brief. USER: Hello? ASSISTANT:⟦ Hi.</s>⟧USER: Why? ASSISTANT:⟦ So.</s>⟧",
    "xverse": "Be brief.Human: Hello?\n\nAssistant: ⟦Hi.</s>⟧Human: Why?\n\nAssistant: ⟦So.</s>⟧",
    "yi": CHATML,
    "zephyr": (
        "<|system|>\nBe brief.</s>\n<|user|>\nHello?</s>\n<|assistant|>\n⟦Hi.</s>⟧\n"
        "<|user|>\nWhy?</s>\n<|assistant|>\n⟦So.</s>⟧\n"
    ),
}
TOKENS = re.compile(
    r"<[|｜][^<>|｜]+[|｜]>|\[\|\w+\|\]|</?s>|<(?:start|end)_of_turn>|<(?:eoa|sop|AI|用户)>|"
    r"<(?:reserved|extra_id)_\d+>|<seed:\w+>|\[(?:gMASK|/?INST|/?SYSTEM_PROMPT)\]"
)


@pytest.fixture(scope="module")
def knowing(tokenizer: Any) -> Callable[[str], Any]:
    """Makes a tokenizer that knows the special tokens of a named template, and has it."""

    def make(name: str) -> Any:
        made = copy.deepcopy(tokenizer)
        made.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
        made.add_tokens(sorted(set(TOKENS.findall(WRITTEN[name]))), special_tokens=True)
        set_template(made, configured(template=name))
        return made

    return make


@pytest.fixture(scope="module")
def unknowing(real: Any) -> Callable[[str], Any]:
    """Gives a real tokenizer a named template, whose special tokens it may not know, in place of the last one."""
    made = copy.deepcopy(real)
    words = made.backend_tokenizer.pre_tokenizer

    def make(name: str) -> Any:
        made.backend_tokenizer.pre_tokenizer = words
        set_template(made, configured(template=name))
        return made

    return make


def test_every_template_is_written_down_here() -> None:
    assert template_names() == sorted(WRITTEN)
    assert len(WRITTEN) >= 30


@pytest.mark.parametrize("name", WRITTEN)
def test_a_named_template_writes_the_published_format(name: str, knowing: Callable[[str], Any]) -> None:
    text = knowing(name).apply_chat_template(CONVERSATION, tokenize=False)
    assert text == WRITTEN[name].replace("⟦", "").replace("⟧", "")


@pytest.mark.parametrize("name", WRITTEN)
def test_answers_with_the_end_of_their_turn_are_trained(name: str, knowing: Callable[[str], Any]) -> None:
    assert_answers_are_trained(knowing(name), WRITTEN[name])


@pytest.mark.parametrize("name", WRITTEN)
def test_no_token_of_the_next_header_is_trained_where_the_end_of_a_turn_is_text(
    name: str, unknowing: Callable[[str], Any]
) -> None:
    tokenizer = unknowing(name)
    assert_answers_are_trained(tokenizer, WRITTEN[name].replace("</s>", tokenizer.eos_token))


def test_a_saved_tokenizer_reads_the_ends_of_turns_as_in_training(real: Any, tmp_path: Path) -> None:
    tokenizer = copy.deepcopy(real)
    set_template(tokenizer, configured(template="llama3"))
    tokenizer.save_pretrained(tmp_path)
    saved = AutoTokenizer.from_pretrained(tmp_path)
    set_template(saved, ANY)
    assert saved.apply_chat_template(CONVERSATION) == tokenizer.apply_chat_template(CONVERSATION)


def assert_answers_are_trained(tokenizer: Any, written: str) -> None:
    """The trained tokens are what stands in ⟦⟧, but for the space before an answer, which may share a token with it."""
    found = [text.lstrip(" ").replace("▁", " ") for text in trained(tokenizer, CONVERSATION)]
    expected = re.findall("⟦(.*?)⟧", written, re.DOTALL)
    assert found == [text.lstrip(" ").replace("▁", " ") for text in expected]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_model_is_asked_in_the_way_it_was_trained(name: str, knowing: Callable[[str], Any]) -> None:
    tokenizer = knowing(name)
    prompt = tokenizer.apply_chat_template(CONVERSATION[:2], tokenize=False, add_generation_prompt=True)
    trained = tokenizer.apply_chat_template(CONVERSATION[:3], tokenize=False)
    if name == "deepseek-r1":
        prompt = prompt.removesuffix("<think>\n")
    assert trained.startswith(prompt)
    assert trained[len(prompt) :].removeprefix("<think>\n\n</think>\n\n").lstrip(" ").startswith("Hi.")


def test_a_template_comes_from_a_file(tokenizer: Any, tmp_path: Path) -> None:
    made, path = copy.deepcopy(tokenizer), tmp_path / "mine.jinja"
    path.write_text("{{ messages[0]['content'] }}!")
    set_template(made, configured(template=str(path)))
    assert made.apply_chat_template([{"role": "user", "content": "Hé"}], tokenize=False) == "Hé!"
    own = tokenizer.chat_template
    set_template(tokenizer, ANY)
    assert tokenizer.chat_template == own


@pytest.mark.parametrize(
    ("text", "what"),
    [(None, "no file"), (b"\xff", "UTF-8"), (b"{% for m in %}", "mistake in line 1"), (b"\n{{ a", "line 2")],
)
def test_a_template_file_that_is_none(tokenizer: Any, tmp_path: Path, text: bytes | None, what: str) -> None:
    path = tmp_path / "mine.jinja"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(UserError, match=what) as mistake:
        set_template(copy.deepcopy(tokenizer), configured(template=str(path)))
    assert str(path) in mistake.value.where


def test_an_unknown_name_is_told_with_the_closest(tokenizer: Any) -> None:
    with pytest.raises(UserError, match="no chat template named 'Chat-ml'") as mistake:
        set_template(copy.deepcopy(tokenizer), configured(template="Chat-ml"))
    assert "Did you mean chatml?" in mistake.value.fix


def test_special_tokens_that_the_tokenizer_does_not_know_are_named(tokenizer: Any) -> None:
    made = copy.deepcopy(tokenizer)
    assert unknown_control_tokens(made) == []
    set_template(made, configured(template="llama3"))
    assert unknown_control_tokens(made) == ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]


def test_an_end_that_the_tokenizer_does_not_know_is_trained_as_text(tokenizer: Any) -> None:
    made = copy.deepcopy(tokenizer)
    set_template(made, configured(template="llama3"))
    encoded = encode_conversation(made, Conversation(CONVERSATION[:3]))
    assert made.decode([label for label in encoded.labels if label != IGNORED]).strip() == "Hi.<|eot_id|>"


REASONED = [
    {"role": "user", "content": "2 + 2?"},
    {"role": "assistant", "content": "<think>\nEasy.\n</think>\n\nFour."},
    {"role": "user", "content": "3 + 3?"},
    {"role": "assistant", "content": "<think>\nEasy too.\n</think>\n\nSix."},
]


def trained(tokenizer: Any, messages: list[dict[str, Any]], tools: Any = None) -> list[str]:
    encoded = encode_conversation(tokenizer, Conversation(messages, tools))
    assert encoded.input_ids == tokenizer.apply_chat_template(messages, tools=tools)["input_ids"]
    pairs = zip(encoded.input_ids, encoded.labels, strict=True)
    runs = groupby(pairs, lambda pair: pair[1] != IGNORED)
    return [tokenizer.decode([token for token, _ in run]) for flag, run in runs if flag]


def test_reasoning_of_earlier_answers_is_trained_where_it_is_kept(tokenizer: Any) -> None:
    dropped, kept = copy.deepcopy(tokenizer), copy.deepcopy(tokenizer)
    set_template(dropped, configured(template="qwen3"))
    set_template(kept, configured(template="qwen3", keep_thinking=True))
    first, last = (message["content"] + "<|im_end|>" for message in REASONED[1::2])
    assert trained(dropped, REASONED) == ["Four.<|im_end|>", last]
    assert trained(kept, REASONED) == [first, last]


def test_without_thinking_the_empty_reasoning_is_part_of_the_prompt(tokenizer: Any) -> None:
    with_it, without = copy.deepcopy(tokenizer), copy.deepcopy(tokenizer)
    set_template(with_it, configured(template="qwen3", enable_thinking=True))
    set_template(without, configured(template="qwen3", enable_thinking=None))
    set_template(without, configured(enable_thinking=False))
    plain = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    assert trained(with_it, plain) == ["<think>\n\n</think>\n\nHello.<|im_end|>"]
    assert trained(without, plain) == ["Hello.<|im_end|>"]
    # Who loads the result later asks it in the same way.
    prompt = without.apply_chat_template(plain[:1], tokenize=False, add_generation_prompt=True)
    assert prompt.endswith("<think>\n\n</think>\n\n")


def test_reasoning_beside_the_content_is_trained_where_the_template_writes_it(tokenizer: Any) -> None:
    made = copy.deepcopy(tokenizer)
    set_template(made, configured(template="qwen3"))
    answer = {"role": "assistant", "content": "Four.", "reasoning_content": "Easy."}
    assert trained(made, [REASONED[0], answer]) == ["<think>\nEasy.\n</think>\n\nFour.<|im_end|>"]


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"template": "chatml", "enable_thinking": False}, "the same with thinking and without"),
        ({"template": "deepseek-v3", "keep_thinking": False}, "writes the reasoning of earlier"),
        ({"template": "chatml", "keep_thinking": False}, "writes the reasoning of earlier"),
    ],
)
def test_what_a_template_does_not_know_of_thinking_is_told(
    tokenizer: Any, settings: dict[str, Any], what: str
) -> None:
    with pytest.raises(UserError, match=what):
        set_template(copy.deepcopy(tokenizer), configured(**settings))


WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"city": "text"}}}
ASKED = [
    {"role": "user", "content": "Rain?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"type": "function", "function": {"name": "weather", "arguments": {"city": city}}}
            for city in ("Rome", "Oslo")
        ],
    },
    {"role": "tool", "content": "dry"},
    {"role": "tool", "content": "wet"},
    {"role": "assistant", "content": "In Oslo."},
]
USING_TOOLS = (
    "<|im_start|>system\n{system}# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
    '{{"type": "function", "function": {{"name": "weather", "parameters": {{"city": "text"}}}}}}\n</tools>\n\n'
    "For each function call, return a json object with function name and arguments within <tool_call></tool_call> "
    'XML tags:\n<tool_call>\n{{"name": <function-name>, "arguments": <args-json-object>}}\n</tool_call><|im_end|>\n'
    "<|im_start|>user\nRain?<|im_end|>\n<|im_start|>assistant\n⟦"
    '<tool_call>\n{{"name": "weather", "arguments": {{"city": "Rome"}}}}\n</tool_call>\n'
    '<tool_call>\n{{"name": "weather", "arguments": {{"city": "Oslo"}}}}\n</tool_call><|im_end|>⟧\n'
    "<|im_start|>user\n<tool_response>\ndry\n</tool_response>\n<tool_response>\nwet\n</tool_response><|im_end|>\n"
    "<|im_start|>assistant\n⟦{thought}In Oslo.<|im_end|>⟧\n"
)
QWEN = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.\n\n"


@pytest.mark.parametrize(
    ("name", "system", "thought"),
    [("chatml", "", ""), ("qwen", QWEN, ""), ("qwen3", "", "<think>\n\n</think>\n\n")],
)
def test_tools_are_written_as_published_and_their_calls_are_trained(
    name: str, system: str, thought: str, knowing: Callable[[str], Any]
) -> None:
    tokenizer, written = knowing(name), USING_TOOLS.format(system=system, thought=thought)
    text = tokenizer.apply_chat_template(ASKED, tools=[WEATHER], tokenize=False)
    assert text == written.replace("⟦", "").replace("⟧", "")
    assert trained(tokenizer, ASKED, [WEATHER]) == re.findall("⟦(.*?)⟧", written, re.DOTALL)


def test_a_template_that_never_ends_an_answer_is_told_from_others(tokenizer: Any, tmp_path: Path) -> None:
    file = tmp_path / "endless.jinja"
    file.write_text("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
    endless = copy.deepcopy(tokenizer)
    set_template(endless, configured(template=str(file)))
    assert never_ends(endless)
    assert not never_ends(tokenizer)
