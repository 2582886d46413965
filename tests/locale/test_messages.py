"""Every text that a user sees goes through the tables, and the tables have every text."""

from __future__ import annotations

import ast

import messages
import pytest

PLANTED = '''
"""This docstring is not shown."""
_NOTES = {"pause": "Plain words"}

def give(name, error, rows):
    """Neither is this one."""
    what = f"The name {name} is wrong."
    fix = "Mend" if rows else _("Leave it.")
    raise UserError(what, "data.train", fix + " it.")

def more(name, widget, parser):
    where, hint = "somewhere", "Do it."
    problem = Problem(None, "key", _("all is well"), hint)
    emit(Log(level="warning", message="Slow" + "er"))
    emit(State(state="loading", detail="busy"))
    emit(Error(what=_("{name} failed", name=name), fix="Again"))
    notices = [Notice(message="Careful", changes=[change_to("data.limit", 1, "Fewer")])]
    widget.tooltip = "Press"
    button = Button(description="Go", icon="play", tooltip=_("Start it"))
    parser.add_argument("--name", metavar="NAME", help="how it is called")
    publish({"text/plain": "Nothing", "text/html": f"<b style='color:red'>Bold {name}</b>"})
    log.info("A line of a log.")
    raise RowProblem(3, "column", where)

def facts(summary):
    return [("rows", f"{summary['rows']:,}"), (_("model"), summary["model"])]
'''


def test_every_visible_text_goes_through_a_table() -> None:
    assert messages.untranslated() == []


def test_texts_that_go_through_none_are_found_wherever_they_stand() -> None:
    found = messages.untranslated({"planted.py": PLANTED})
    assert [line.split(": ", 1)[1] for line in found] == [
        "Plain words",
        "The name 0 is wrong.",
        "Mend",
        "it.",
        "somewhere",
        "Do it.",
        "Slow",
        "er",
        "busy",
        "Again",
        "Careful",
        "Fewer",
        "Press",
        "Go",
        "how it is called",
        "Nothing",
        "<b style='color:red'>Bold 0</b>",
        "rows",
    ]


def test_the_mistakes_of_a_section_are_visible_and_those_for_programmers_are_not() -> None:
    source = {"runs/control.py": 'raise ValueError("a stream has an id")'}
    assert messages.untranslated(source) == []
    source = {"config/sections.py": 'raise ValueError(f"{name} is unknown", "leave it out")'}
    assert len(messages.untranslated(source)) == 2


def test_a_text_that_is_no_literal_cannot_be_translated() -> None:
    with pytest.raises(ValueError, match=r"a\.py:1"):
        messages.messages({"a.py": '_(f"{name} is wrong")'})


def test_nothing_takes_the_place_of_the_translator() -> None:
    """A function that gives `_` a value of its own cannot call it."""
    for path, source in messages.sources().items():
        for function in ast.walk(ast.parse(source)):
            if isinstance(function, ast.FunctionDef):
                parts = list(_own(function))
                calls = any(messages._name(part) == "_" for part in parts)
                names = {
                    part.id
                    for part in parts
                    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
                }
                names |= {part.arg for part in parts if isinstance(part, ast.arg)}
                assert not (calls and "_" in names), f"{path}:{function.lineno}"


def _own(function: ast.AST) -> list[ast.AST]:
    """What is in a function, without functions and comprehensions in it, which have names of their own."""
    apart = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)
    inner = [child for child in ast.iter_child_nodes(function) if not isinstance(child, apart)]
    return [*inner, *(part for child in inner for part in _own(child))]


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_a_table_has_all_texts_and_no_others_with_their_placeholders_and_plurals(language: str) -> None:
    assert messages.faults(language) == []


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_no_translation_has_spaces_that_its_text_lacks(language: str) -> None:
    for text, forms in list(messages.translations(language).items())[1:]:
        for form in forms:
            assert form.startswith("\n") == text.startswith("\n"), text
            assert form.endswith("\n") == text.endswith("\n"), text
            assert len(form) - len(form.lstrip(" ")) <= max(1, len(text) - len(text.lstrip(" "))), text


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_what_can_be_filled_in_english_can_be_filled_in_each_language(language: str) -> None:
    for text, plural in messages.messages().items():
        fields = {field.partition("!")[0]: 3 for field in messages.placeholders(plural or text)}
        try:
            (plural or text).format(**fields)
        except ValueError:  # it has braces of its own, and is shown as it is
            continue
        for form in messages.translations(language)[text]:
            assert form.format(**fields)
