"""Special tokens that stand in the contents of a conversation: text that somebody wrote, no order to the model.

A tokenizer reads them wherever they stand. So contents are rendered with marks in their place, and what is rendered is
encoded by a copy of the tokenizer that knows its special tokens under other names: those that the template wrote are
given these names, those that stood in contents are left as they are.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from llmtune_kernel.data.answers import Answer
from llmtune_kernel.data.examples import Conversation
from llmtune_kernel.data.tokens import TokensByCharacters, with_offsets

# Where a content has the start of a mark itself, an x follows it in place of a number.
_START = "qzplain"
_MARK = re.compile(rf"{_START}(?:(\d+)zq|x)")
# What an answer reasons in stands in its content, and is meant as a token where it is one.
_REASONING = re.compile("think", re.IGNORECASE)


class ControlTokens:
    """The special tokens of a fast tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
        self._tokens = sorted(special - {""}, key=len, reverse=True)
        self._places = {token: place for place, token in enumerate(self._tokens)}
        self._any = re.compile("|".join(map(re.escape, self._tokens)) or r"(?!)")
        # As long as the token, so that offsets stay right; of characters that stand for nothing.
        self._names = [
            chr(0xE000 + place) + "\uf8ff" * (len(token) - 1) for place, token in enumerate(self._tokens)
        ]

    def stand_in(self, text: str) -> bool:
        """Whether special tokens stand in a text."""
        return self._any.search(text) is not None

    def mark(self, conversation: Conversation) -> Conversation:
        """The conversation with marks in place of special tokens in it; itself where there are none."""
        messages = [
            {
                key: value if key == "role" else self._marked(value, message["role"] == "assistant")
                for key, value in message.items()
            }
            for message in conversation.messages
        ]
        tools = self._marked(conversation.tools, False)
        if messages == conversation.messages and tools == conversation.tools:
            return conversation
        return replace(conversation, messages=messages, tools=tools)

    def _marked(self, value: Any, answer: bool) -> Any:
        if isinstance(value, str):
            value = value.replace(_START, f"{_START}x")
            return self._any.sub(lambda found: self._mark(found.group(), answer), value)
        if isinstance(value, dict):
            return {self._marked(key, answer): self._marked(item, answer) for key, item in value.items()}
        if isinstance(value, list):
            return [self._marked(item, answer) for item in value]
        return value

    def _mark(self, token: str, answer: bool) -> str:
        return token if answer and _REASONING.search(token) else f"{_START}{self._places[token]}zq"

    def unmark(self, text: str, answers: Sequence[Answer]) -> tuple[str, str, list[Answer]]:
        """From a text with marks, and the answers in it, to the text without, what `encode` takes, the answers."""
        written: list[str] = []
        named: list[str] = []
        ends: list[int] = []
        shifts = [0]  # by how much what follows each end moves
        position = 0
        for found in _MARK.finditer(text):
            token = self._tokens[int(found[1])] if found[1] else _START
            for pieces, between in ((written, str), (named, self._name)):
                pieces += [between(text[position : found.start()]), token]
            position = found.end()
            ends.append(position)
            shifts.append(shifts[-1] + len(token) - len(found.group()))
        written.append(text[position:])
        named.append(self._name(text[position:]))

        def moved(place: int) -> int:
            return place + shifts[bisect_right(ends, place)]

        kept = [
            replace(each, start=moved(each.start), stop=moved(each.stop), end=moved(each.end))
            for each in answers
        ]
        return "".join(written), "".join(named), kept

    def _name(self, text: str) -> str:
        return self._any.sub(lambda found: self._names[self._places[found.group()]], text)

    def encode(self, named: list[str], *, add_special_tokens: bool = False) -> list[TokensByCharacters]:
        """The tokens of texts whose control tokens go by their other names."""
        return with_offsets(self._renamed, named, add_special_tokens=add_special_tokens)

    @cached_property
    def _renamed(self) -> Any:
        from tokenizers import Tokenizer

        described = json.loads(self._tokenizer.backend_tokenizer.to_str())
        names = dict(zip(self._tokens, self._names, strict=True))
        for token in described["added_tokens"]:
            token["content"] = names.get(token["content"], token["content"])
        model = described["model"]
        vocabulary = model["vocab"]
        if isinstance(vocabulary, dict):
            model["vocab"] = {names.get(token, token): number for token, number in vocabulary.items()}
        else:
            model["vocab"] = [[names.get(token, token), score] for token, score in vocabulary]
        if model.get("unk_token") in names:
            model["unk_token"] = names[model["unk_token"]]
        renamed = Tokenizer.from_str(json.dumps(described, ensure_ascii=False))
        renamed.no_truncation()
        renamed.no_padding()
        return renamed


def prompt_ids(tokenizer: Any, conversation: Conversation, *, asks: bool = True) -> list[int]:
    """Ids of a conversation that waits for its answer, unless it `asks` nothing.

    Raises:
        Exception: what the chat template raises.
    """

    def write(said: Conversation, tokenize: bool) -> Any:
        return tokenizer.apply_chat_template(
            said.messages,
            tools=said.tools,
            add_generation_prompt=asks,
            tokenize=tokenize,
            return_dict=tokenize,
        )

    control = ControlTokens(tokenizer)
    marked = control.mark(conversation)
    if marked is conversation:
        ids: list[int] = write(conversation, True)["input_ids"]
        return ids
    named = control.unmark(write(marked, False), [])[1]
    renamed: list[int] = control.encode([named])[0].ids.tolist()
    return renamed
