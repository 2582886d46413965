"""Where the answers are in what a chat template writes, for any template.

A template is a program: what it writes around a message may depend on every other message. So the conversation is
rendered again with marks in place of its contents, and the two texts are compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from llmtune_kernel.config.errors import UserError
from llmtune_kernel.data.examples import Conversation, is_learned
from llmtune_kernel.data.generation_prompt import generation_prompts
from llmtune_kernel.data.tokens import Span
from llmtune_kernel.locale import _

Message = dict[str, Any]

# What looks like a special token in the templates of known models.
CONTROL = re.compile(
    r"<[|｜][^<>|｜\s]+[|｜]>|\[\|\w+\|\]|</?s>|<(?:start|end)_of_turn>|<(?:bos|eos|eoa|extra_id_\d)>|<\w+:[be]os>"
)

# The keys of a turn that is a text alone.
_PLAIN = {"role", "content", "weight"}
# What ends the reasoning in the content of an answer, and all of it; a generation prompt may have begun the first.
_THOUGHT = "</think>"
_THINKING = re.compile(r"(?:^|<think>)(?:(?!<think>).)*?</think>", re.DOTALL)


class TemplateProblem(Exception):
    """Why the chat template cannot be used for a conversation, and what to do about it."""

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(reason, fix)
        self.reason = reason
        self.fix = fix or _("Change these rows, or choose a model with another template.")


@dataclass(frozen=True)
class Answer:
    """Where a model writes: from `start` to `stop`, and to `end` with the token that ends its turn, in characters.

    `learned`: not where the row says that the answer is not to be.
    """

    start: int
    stop: int
    end: int
    learned: bool = True


@dataclass(frozen=True)
class _Skeleton:
    """What a template writes around what is said in a conversation.

    `between`: the text before each content and after the last. `starts`: for each message the number of characters
    of the text before it that belong to the answer: what a model writes first, after the generation prompt. Where it
    says nothing, of the text before what is said next.
    """

    between: list[str]
    starts: list[int]


class ChatTemplate:
    """The chat template of a tokenizer.

    Attributes:
        ends: What ends a turn, as text: a special token that the template writes after an answer, else eos.
    """

    def __init__(self, tokenizer: Any) -> None:
        """Raises UserError if the tokenizer has no chat template."""
        if tokenizer.chat_template is None:
            raise UserError(
                _("The tokenizer has no chat template, and the rows are conversations."),
                str(tokenizer.name_or_path),
                _(
                    "Set data.template to a chat template such as chatml, choose an instruction-tuned model, or give "
                    "rows of prompt and completion, or of text."
                ),
            )
        self._tokenizer = tokenizer
        self._skeletons: dict[tuple[str, ...], _Skeleton | None] = {}
        self._prompts = generation_prompts(tokenizer.chat_template)
        self._writes_reasoning: bool | None = None
        self.ends = self._end_marks()
        self._end = re.compile("|".join(map(re.escape, self.ends)) or r"(?!)")

    def render(self, conversation: Conversation) -> tuple[str, list[Answer]]:
        """Write a conversation; say which characters a model has to write.

        Returns:
            The text and its answers, in order.

        Raises:
            TemplateProblem: the template refuses the conversation or leaves part of it out.
        """
        text = self._apply(conversation, conversation.messages)
        self._check_tools(text, conversation)
        self._check_said(conversation)
        if any(message.get("reasoning_content") for message in conversation.messages):
            self._check_reasoning()
        answers = self._by_skeleton(text, conversation)
        return text, self._by_turn(text, conversation) if answers is None else answers

    def _apply(self, conversation: Conversation, messages: list[Message], prompt: bool = False) -> str:
        try:
            text: str = self._tokenizer.apply_chat_template(
                messages, tools=conversation.tools, tokenize=False, add_generation_prompt=prompt
            )
        except Exception as error:  # a template is a program and may raise anything
            raise TemplateProblem(_("the chat template refuses it: {error}", error=error)) from error
        return text

    def _check_tools(self, text: str, conversation: Conversation) -> None:
        """Raise TemplateProblem if the template writes the same without the tools, or leaves out a call of one."""
        if (
            conversation.tools
            and self._apply(replace(conversation, tools=None), conversation.messages) == text
        ):
            raise TemplateProblem(_("the chat template leaves out the tools"), _ask_for_tools())
        if not any(message.get("tool_calls") for message in conversation.messages):
            return
        marks: list[str] = []
        messages: list[Message] = []
        for message in conversation.messages:
            calls = []
            for call in message.get("tool_calls", ()):
                marks.append(_mark(len(marks)))
                calls.append({**call, "function": {**call["function"], "name": marks[-1]}})
            messages.append({**message, "tool_calls": calls} if calls else message)
        written = self._apply(conversation, messages)
        if any(mark not in written for mark in marks):
            raise TemplateProblem(_("the chat template leaves out tool calls"), _ask_for_tools())

    def _check_said(self, conversation: Conversation) -> None:
        """Raise TemplateProblem if the template leaves out what an answer says before or between its thinking."""
        for number, message in enumerate(conversation.messages):
            said = _THINKING.split(message["content"]) if message["role"] == "assistant" else []
            if not any(part.strip() for part in said[:-1]):
                continue
            marks = [_mark(place) if part.strip() else part for place, part in enumerate(said)]
            thinking = [*_THINKING.findall(message["content"]), ""]
            content = "".join(part for pair in zip(marks, thinking, strict=True) for part in pair)
            messages = list(conversation.messages)
            messages[number] = {**message, "content": content}
            written = self._apply(conversation, messages)
            if any(mark.strip() not in written for mark in marks):
                raise TemplateProblem(
                    _("the chat template leaves out part of what turn {number} says", number=number),
                    _(
                        "Keep its thinking together, between <think> and </think> at the start of its content."
                    ),
                )

    def _check_reasoning(self) -> None:
        """Raise TemplateProblem if the template leaves out the reasoning of an answer that is not in its content."""
        if self._writes_reasoning is None:
            mark = _mark(0)
            answer = {"role": "assistant", "content": "a", "reasoning_content": mark}
            turns: list[Message] = [{"role": "user", "content": "q"}, answer]
            self._writes_reasoning = mark in self._apply(Conversation(turns), turns)
        if not self._writes_reasoning:
            raise TemplateProblem(
                _("the chat template leaves out reasoning_content"),
                _(
                    "Set data.template to one that writes it (qwen3), write it into content between <think> and "
                    "</think>, or leave it out."
                ),
            )

    def _end_marks(self) -> list[str]:
        tokenizer = self._tokenizer
        ends = [tokenizer.eos_token] if tokenizer.eos_token else []
        added = [str(token) for token in tokenizer.added_tokens_decoder.values()]
        # What the tokenizer does not know as a token ends a turn just the same.
        known = [*map(re.escape, sorted(added, key=len, reverse=True)), CONTROL.pattern]
        mark = re.compile("|".join(known))
        for roles in (["user", "assistant"], ["system", "user", "assistant"]):
            said = ["a" for _role in roles]
            turns = [{"role": role, "content": "a"} for role in roles]
            skeleton = self._skeleton_of(Conversation(turns), said)
            found = mark.search(skeleton.between[-1]) if skeleton else None
            if found:
                # Where an answer has an end of its own, the tokenizer's eos may mean something else.
                ends = [found.group()]
                break
        return ends

    # Most conversations: every text is written as it is, or stripped, between others that do not depend on it.

    def _by_skeleton(self, text: str, conversation: Conversation) -> list[Answer] | None:
        said = [_said(message) for message in conversation.messages]
        skeleton = self._skeleton_of(conversation, said)
        found = _find(text, skeleton.between, [one for one in said if one]) if skeleton else None
        if skeleton is None or found is None:
            return None
        answers: list[Answer] = []
        spans = iter([*found, (len(text), len(text))])
        following = next(spans)
        for number, message in enumerate(conversation.messages):
            span = following
            following = next(spans) if said[number] else span
            if message["role"] != "assistant" or number < conversation.context:
                continue
            begin = span[0] - skeleton.starts[number]
            stop = span[1] if said[number] else begin
            end = self._end.search(text, stop, following[0])
            if end is None and message.get("tool_calls"):
                return None
            answers.append(Answer(begin, *(end.span() if end else (stop, stop)), is_learned(message)))
        return answers

    def _skeleton_of(self, conversation: Conversation, said: list[str]) -> _Skeleton | None:
        messages = conversation.messages
        if conversation.tools or any(
            message.keys() - _PLAIN or not one or one != message["content"]
            for message, one in zip(messages, said, strict=True)
        ):
            return self._skeleton(conversation, said)
        # Of texts alone only the roles matter.
        roles = tuple(message["role"] for message in messages)
        if roles not in self._skeletons:
            self._skeletons[roles] = self._skeleton(Conversation(messages), said)
        return self._skeletons[roles]

    def _skeleton(self, conversation: Conversation, said: list[str]) -> _Skeleton | None:
        """What is written around what is `said` in each message of a conversation; None if it cannot be told."""
        marked, marks = [], []
        for number, (message, one) in enumerate(zip(conversation.messages, said, strict=True)):
            content = message["content"]
            if one:
                marks.append(_mark(number))
                content = content.removesuffix(one) + marks[-1]
            elif content or (number and not said[number - 1]):
                return None  # of two that say nothing the places are one
            marked.append({**message, "content": content})
        conversation = replace(conversation, messages=marked)
        try:
            text = self._apply(conversation, marked)
        except TemplateProblem:
            return None
        pattern = "|".join(marks)
        if re.findall(pattern, text) != marks:
            return None
        between = re.split(pattern, text)
        starts, position, gap = [], len(between[0]), 0
        for number, one in enumerate(said):
            start = 0
            if marked[number]["role"] == "assistant" and number >= conversation.context:
                kept = marked[number]["content"].removesuffix(marks[gap]) if one else None
                found = self._start(
                    text, conversation, number, (position - len(between[gap]), position), kept
                )
                if found is None:
                    return None
                start = found
            starts.append(start)
            if one:
                gap += 1
                position += len(marks[gap - 1]) + len(between[gap])
        return _Skeleton(between, starts)

    def _start(
        self, text: str, conversation: Conversation, number: int, gap: Span, kept: str | None
    ) -> int | None:
        """How many characters before the end of its `gap` in `text` answer `number` starts; None if unknown.

        Args:
            kept: What its content has before what it says; None if it says nothing.
        """
        before = text[slice(*gap)]
        if kept is not None and self._prompts is not None:
            # Where the prompt can end is seen: an answer that starts with what it says needs no more.
            places = {
                found.end() for prompt in self._prompts for found in re.finditer(re.escape(prompt), before)
            }
            if places <= {len(before)} if not kept else places == {len(before)} and not _holds(before, kept):
                return 0
        begin = self._begin(text, conversation, number)
        if begin is not None and gap[0] <= begin <= gap[1]:
            return gap[1] - begin
        return 0 if kept == "" else None

    def _begin(self, text: str, conversation: Conversation, number: int) -> int | None:
        """Where a model starts to write message `number` of `text`; None if the template has no generation prompt."""
        before = conversation.messages[:number]
        if not before:
            return None
        try:
            prompt = self._apply(conversation, before, prompt=True)
            longer = len(prompt) > len(self._apply(conversation, before))
        except TemplateProblem:
            return None
        return len(prompt) if longer and text.startswith(prompt) else None

    # All others (tools, reasoning that the template moves or drops, empty contents): one turn at a time.

    def _by_turn(self, text: str, conversation: Conversation) -> list[Answer]:
        return [
            self._turn(text, conversation, number)
            for number, message in enumerate(conversation.messages)
            if message["role"] == "assistant" and number >= conversation.context
        ]

    def _turn(self, text: str, conversation: Conversation, number: int) -> Answer:
        message = conversation.messages[number]
        limit = len(text)
        if number + 1 < len(conversation.messages):
            following = self._content(text, conversation, number + 1)
            limit = following[0] if following and following[0] is not None else limit
        content = self._content(text, conversation, number) if message["content"] else None
        if content is None and not message.get("tool_calls"):
            raise TemplateProblem(
                _("turn {number} cannot be found in what the chat template writes", number=number)
            )
        begin = self._begin(text, conversation, number)
        if begin is None:
            begin = content[0] if content else self._header(text, conversation, number)
        if begin is None:
            raise TemplateProblem(
                _(
                    "the start of turn {number} cannot be found in what the chat template writes",
                    number=number,
                )
            )
        stop = content[1] if content else begin
        end = self._end.search(text, stop, limit)
        if end is None and message.get("tool_calls"):
            raise TemplateProblem(
                _(
                    "the end of the tool calls of turn {number} is not marked by the chat template",
                    number=number,
                )
            )
        return Answer(begin, *(end.span() if end else (stop, stop)), is_learned(message))

    def _content(self, text: str, conversation: Conversation, number: int) -> tuple[int | None, int] | None:
        """Where the content of message `number` starts, if that can be told, and stops; None if it is left out."""
        mark = _mark(number)
        messages = list(conversation.messages)
        content: str = messages[number]["content"]
        messages[number] = {**messages[number], "content": mark}
        try:
            marked = self._apply(conversation, messages)
        except TemplateProblem:
            return None
        if marked.count(mark) != 1:
            return None
        head, tail = marked.split(mark)
        stop = len(text) - len(tail)
        if not text.endswith(tail):
            return None
        if text.startswith(head) and len(head) <= stop:
            return len(head), stop
        # The template parts this content, as reasoning from the answer.
        rest = content.strip()
        return (stop - len(rest) if text.endswith(rest, 0, stop) else None), stop

    def _header(self, text: str, conversation: Conversation, number: int) -> int | None:
        before = self._apply(conversation, conversation.messages[:number])
        return len(before) if text.startswith(before) else None


def _mark(number: int) -> str:
    return f"qzmark{number}zq"


def _said(message: Message) -> str:
    """What a message says, after what it reasons."""
    content: str = message["content"]
    after = content.rpartition(_THOUGHT)[2] if message["role"] == "assistant" else content
    return after if after.strip() or not content.strip() else ""


def _holds(text: str, kept: str) -> bool:
    """Whether a line of `kept` stands in `text`."""
    return any(line.strip() in text for line in kept.splitlines() if line.strip())


def _find(text: str, between: list[str], contents: list[str]) -> list[Span] | None:
    """The spans of the contents if `text` is `between` with the contents, as they are or stripped, in its gaps."""
    if not text.startswith(between[0]):
        return None
    spans, position = [], len(between[0])
    for content, after in zip(contents, between[1:], strict=True):
        for written in (content, content.strip(), content.rstrip(), content.lstrip()):
            if text.startswith(written + after, position):
                break
        else:
            return None
        spans.append((position, position + len(written)))
        position += len(written) + len(after)
    return spans if position == len(text) else None


def _ask_for_tools() -> str:
    return _(
        "Set data.template to one that writes tools (chatml, qwen, qwen3), choose a model whose own one does, or "
        "remove these rows."
    )
