"""Chat templates by name, for models that come with none, and from files."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

from llmtune_kernel.config import DataConfig, UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.data.answers import CONTROL, ChatTemplate, TemplateProblem
from llmtune_kernel.data.cutting import EncodedRows
from llmtune_kernel.data.examples import Conversation
from llmtune_kernel.data.tokens import keep_apart
from llmtune_kernel.locale import _

_FOLDER = Path(__file__).with_name("templates")
_WHERE = "data.template"
# A template is one text: what several have in common is written into each.
_PART = re.compile(r"\{#- with (\S+) -#\}\n")
_PROBE = [
    {"role": "system", "content": "a"},
    {"role": "user", "content": "b"},
    {"role": "assistant", "content": "c"},
]


def template_names() -> list[str]:
    """The names that `data.template` takes."""
    return sorted(path.stem for path in _FOLDER.glob("*.jinja"))


def set_template(tokenizer: Any, config: DataConfig) -> None:
    """Give a tokenizer the chat template of the configuration, which its result is then saved with.

    Raises:
        UserError: there is no such template, it is no Jinja template, or it does not know what is asked of it.
    """
    if config.template is not None:
        _take(tokenizer, config.template)
    if tokenizer.chat_template is None:
        return
    _keep_ends_apart(tokenizer)
    if config.enable_thinking != "auto":
        _fix(tokenizer, {"enable_thinking": config.enable_thinking})
        _check_thinking(tokenizer)
    if config.keep_thinking != "auto":
        keep = config.keep_thinking
        # Templates have no name in common for it.
        _fix(tokenizer, {"keep_thinking": keep, "preserve_thinking": keep, "clear_thinking": not keep})
        _check_earlier_thinking(tokenizer, keep)


def _take(tokenizer: Any, template: str) -> None:
    from jinja2 import TemplateSyntaxError

    tokenizer.chat_template = _read(template)
    try:
        _written(tokenizer)
    except TemplateSyntaxError as error:
        raise UserError(
            _(
                "The chat template has a mistake in line {line}: {error}",
                line=error.lineno,
                error=error.message,
            ),
            f"{_WHERE}: {template}",
            _("Correct the file."),
        ) from None


def _keep_ends_apart(tokenizer: Any) -> None:
    """Where the end of a turn is no token, let none hold its last characters and the first of the next header."""
    if not tokenizer.is_fast:
        return
    known = {str(token) for token in tokenizer.added_tokens_decoder.values()}
    for end in ChatTemplate(tokenizer).ends:
        if end not in known:
            keep_apart(tokenizer.backend_tokenizer, end)


def unknown_control_tokens(tokenizer: Any) -> list[str]:
    """What the chat template writes like special tokens, and the tokenizer reads as plain text."""
    written = dict.fromkeys(CONTROL.findall(_written(tokenizer)))
    return [token for token in written if len(tokenizer.encode(token, add_special_tokens=False)) > 1]


def never_ends(tokenizer: Any) -> bool:
    """Whether the chat template writes nothing after an answer by which a model learns where to stop."""
    if tokenizer.chat_template is None:
        return False
    question, answer = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
    try:
        _text, answers = ChatTemplate(tokenizer).render(Conversation([question, answer]))
    except TemplateProblem:
        return False
    return answers[-1].end == answers[-1].stop


def about_endless(tokenizer: Any, encoded: EncodedRows) -> str:
    """What is to be known where rows are written by a template that never ends an answer; else empty."""
    if all(format.name == "text" for format in encoded.formats) or not never_ends(tokenizer):
        return ""
    return _(
        "The chat template writes no token that ends an answer: the model will not learn where to stop. Take another "
        "one with data.template, such as chatml."
    )


def _fix(tokenizer: Any, values: dict[str, bool]) -> None:
    """Let a template take `values` where it is not told otherwise, so that all who use it do as in training."""
    head = "".join(
        f"{{%- set {name} = {name} | default({str(value).lower()}) -%}}" for name, value in values.items()
    )
    tokenizer.chat_template = head + tokenizer.chat_template


def _check_thinking(tokenizer: Any) -> None:
    question = _PROBE[1:2]
    prompts = {
        tokenizer.apply_chat_template(
            question, tokenize=False, add_generation_prompt=True, enable_thinking=thinking
        )
        for thinking in (True, False)
    }
    if len(prompts) == 1:
        raise UserError(
            _("The chat template writes the same with thinking and without."),
            "data.enable_thinking",
            _("Leave it at auto, or choose a template that knows both, such as qwen3."),
            [leave_out("data.enable_thinking")],
        )


def _check_earlier_thinking(tokenizer: Any, keep: bool) -> None:
    thought = "qzthoughtzq"
    answer = {"role": "assistant", "content": f"<think>\n{thought}\n</think>\n\nc"}
    text = tokenizer.apply_chat_template([_PROBE[1], answer, *_PROBE[1:]], tokenize=False)
    if (thought in text) != keep:
        what = (
            _("The chat template leaves the reasoning of earlier answers out.")
            if keep
            else _("The chat template writes the reasoning of earlier answers.")
        )
        fix = _("Leave it at auto, or choose another template with data.template.")
        raise UserError(what, "data.keep_thinking", fix, [leave_out("data.keep_thinking")])


def _read(template: str) -> str:
    path = Path(template).expanduser()
    if path.suffix != ".jinja" and len(path.parts) == 1:
        path = _FOLDER / f"{template}.jinja"
        if not path.is_file():
            raise _no_name(template)
    try:
        text = path.read_text(encoding="utf-8")
        if path.parent == _FOLDER:
            text = _PART.sub(lambda found: (_FOLDER / found[1]).read_text(encoding="utf-8"), text)
        return text
    except FileNotFoundError:
        what, fix = _("There is no file at this path."), _("Check the path.")
    except UnicodeDecodeError:
        what, fix = _("The chat template is not UTF-8 text."), _("Save it as UTF-8.")
    except OSError as error:
        what = _("The chat template cannot be read: {error}", error=error.strerror)
        fix = _("Check the path.")
    raise UserError(what, f"{_WHERE}: {path.absolute()}", fix)


def _no_name(template: str) -> UserError:
    names = template_names()
    close = difflib.get_close_matches(template.lower(), names, n=1)
    fix = _("There are {names}; a file is named FILE.jinja.", names=", ".join(names))
    if close:
        fix = " ".join([_("Did you mean {name}?", name=close[0]), fix])
    what = _("There is no chat template named {name!r}.", name=template)
    return UserError(what, _WHERE, fix, [*(change_to(_WHERE, name) for name in close), leave_out(_WHERE)])


def _written(tokenizer: Any) -> str:
    """What a template writes for a short conversation; empty where it refuses it."""
    from jinja2 import TemplateSyntaxError

    for messages in (_PROBE, _PROBE[1:]):
        try:
            text: str = tokenizer.apply_chat_template(messages, tokenize=False)
        except TemplateSyntaxError:
            raise
        except Exception:  # a template is a program and may raise anything
            continue
        return text
    return ""
