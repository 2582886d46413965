"""From examples to token ids and labels: the label mask, exact to the token."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.data.answers import Answer, ChatTemplate, Span
from llmtune_kernel.data.control_tokens import ControlTokens
from llmtune_kernel.data.examples import Conversation, PlainText
from llmtune_kernel.locale import _

IGNORED = -100

# Ids of a text, and for each the characters that it covers.
Tokens = tuple[list[int], list[Span]]


@dataclass(frozen=True)
class Encoded:
    """Token ids of an example, and for each the label: the same id where it is trained, else -100."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True)
class Rendered:
    """The text of an example, where its answers are, and its messages if a template wrote it.

    `named`: where contents hold special tokens, the text in which those of the template go by other names.
    """

    text: str
    answers: list[Answer]
    conversation: Conversation | None = None
    named: str | None = None


class Encoder:
    """Encodes examples for one tokenizer.

    Args:
        tokenizer: A transformers tokenizer, of the fast kind.
        config: Which tokens are trained: with `train_on_prompt` all, else what the model has to write: all answers,
            with `mask_history` the last one. With `train_on_eos` the token that ends a turn too. A plain text is
            always trained as a whole.

    Raises:
        UserError: the tokenizer cannot tell where in the text its tokens lie.
    """

    def __init__(self, tokenizer: Any, config: DataConfig) -> None:
        if not tokenizer.is_fast:
            raise UserError(
                _("The tokenizer gives no offsets, which the label mask needs."),
                str(tokenizer.name_or_path),
                _("Use a model that comes with a tokenizer.json."),
            )
        self._tokenizer = tokenizer
        self._added = frozenset(tokenizer.added_tokens_decoder)
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        self._config = config
        self._template: ChatTemplate | None = None
        self._control = ControlTokens(tokenizer)

    def render(self, example: Conversation | PlainText) -> Rendered:
        """Write an example as text.

        Raises:
            TemplateProblem: the chat template cannot be used for it.
            UserError: the example needs a chat template and there is none.
        """
        if isinstance(example, PlainText):
            return Rendered(example.text, [Answer(0, len(example.text), len(example.text))])
        if example.plain and self._tokenizer.chat_template is None:
            prompt, completion = (message["content"] for message in example.messages)
            end = len(prompt) + len(completion)
            return Rendered(prompt + completion, [Answer(len(prompt), end, end)])
        if self._template is None:
            self._template = ChatTemplate(self._tokenizer)
        marked = self._control.mark(example)
        text, answers = self._template.render(marked)
        if marked is example:
            return Rendered(text, answers, example)
        text, named, answers = self._control.unmark(text, answers)
        return Rendered(text, answers, example, named)

    def encode(self, rendered: Sequence[Rendered]) -> list[Encoded]:
        """Encode together, which is faster than one by one; all from conversations, or none.

        Raises:
            RuntimeError: the ids differ from those of `tokenizer.apply_chat_template`.
        """
        return self.label(rendered, self.tokenize(rendered))

    def tokenize(self, rendered: Sequence[Rendered]) -> list[Tokens]:
        """The first part of `encode`, of which the tokenizer does most outside of Python: a thread may run it."""
        if not rendered:
            return []
        # A template writes all special tokens itself.
        templated = rendered[0].conversation is not None
        # The few whose contents hold special tokens take a way of their own.
        plain = [item.text for item in rendered if item.named is None]
        named = [item.named for item in rendered if item.named is not None]
        # A call of the tokenizer would make masks as well, which nothing here needs and which take as long as the ids.
        encodings = self._tokenizer.backend_tokenizer.encode_batch(plain, add_special_tokens=not templated)
        ordinary = ((encoding.ids, encoding.offsets) for encoding in encodings)
        special = iter(self._control.encode(named) if named else ())
        tokens = [next(ordinary if item.named is None else special) for item in rendered]
        if templated:
            self._check(rendered, tokens)
        return tokens

    def label(self, rendered: Sequence[Rendered], tokens: Sequence[Tokens]) -> list[Encoded]:
        """The second part of `encode`: from the `tokens` of `rendered` to labels."""
        encoded = []
        for item, (ids, offsets) in zip(rendered, tokens, strict=True):
            labels = trained_labels(self._spans(item), ids, offsets, self._added)
            if item.conversation is None:
                ids, labels = self._close(ids, labels)
            encoded.append(Encoded(ids, labels))
        return encoded

    def _spans(self, item: Rendered) -> list[Span]:
        """The characters that are trained."""
        config, answers = self._config, item.answers
        if config.train_on_prompt:
            ends = [] if config.train_on_eos else [(answer.stop, answer.end) for answer in answers]
            edges = [0, *(edge for end in ends for edge in end), len(item.text)]
            return list(zip(edges[::2], edges[1::2], strict=True))
        answers = answers[-1:] if config.mask_history else answers
        return [(each.start, each.end if config.train_on_eos else each.stop) for each in answers]

    def _check(self, rendered: Sequence[Rendered], tokens: Sequence[Tokens]) -> None:
        """Compare one row of a batch with what transformers makes of it: all are made in the same way."""
        checked = next((place for place, item in enumerate(rendered) if item.named is None), None)
        if checked is None:
            return
        conversation = rendered[checked].conversation
        assert conversation is not None
        expected = self._tokenizer.apply_chat_template(
            conversation.messages, tools=conversation.tools, tokenize=True, return_dict=True
        )["input_ids"]
        if list(expected) != tokens[checked][0]:
            text = rendered[checked].text[:200]
            raise RuntimeError(f"the tokens of {text!r} are not those of the chat template")

    def _close(self, ids: list[int], labels: list[int]) -> tuple[list[int], list[int]]:
        eos = self._tokenizer.eos_token_id
        if eos is None:
            return ids, labels
        label = eos if self._config.train_on_eos else IGNORED
        if ids and ids[-1] == eos:
            return ids, [*labels[:-1], label]
        return [*ids, eos], [*labels, label]


def encode_conversation(tokenizer: Any, conversation: Conversation, config: DataConfig) -> Encoded:
    """Encode one conversation; the ids are those of `tokenizer.apply_chat_template`.

    Raises:
        TemplateProblem: the chat template cannot be used for it.
        UserError: the tokenizer has no chat template, or no offsets.
    """
    encoder = Encoder(tokenizer, config)
    return encoder.encode([encoder.render(conversation)])[0]


def trained_labels(
    spans: list[Span], ids: list[int], offsets: list[Span], special: Container[int]
) -> list[int]:
    """The ids of the tokens that hold a character of a span, and -100 for all others.

    Args:
        spans: Spans of characters, in order, not overlapping.
        offsets: For each token the characters it covers, in order; characters of several tokens are covered by each.
        special: Ids of special tokens, which may cover white space beyond their own text.
    """
    labels = [IGNORED] * len(ids)
    for begins, ends in spans:
        if begins == ends:
            continue
        # White space that a tokenizer leaves out of the offsets belongs to the token that follows it.
        first = bisect_right(offsets, begins, key=_stop)
        last = bisect_left(offsets, ends, key=_stop) + 1
        while last < len(ids) and offsets[last][0] < ends:
            last += 1
        last = min(last, len(ids))
        if first < last and ids[first] in special:
            reached = offsets[first - 1][1] if first else 0
            first += min(offsets[first][0], reached) < begins
        if first < last and ids[last - 1] in special:
            last -= offsets[last - 1][1] > ends
        labels[first:last] = ids[first:last]
    return labels


def _stop(offset: Span) -> int:
    return offset[1]
