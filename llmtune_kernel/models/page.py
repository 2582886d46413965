"""The page docs/models.md: a table for each family of well-known models."""

from __future__ import annotations

from collections.abc import Iterator

from llmtune_kernel.models.known import KnownModel, families, known_models

_INTRODUCTION = """# Models

<!-- Written by `python -m llmtune_kernel.models > docs/models.md`: change the code, not this page. -->

`model:` takes the embedded model `smollm2-135m`, a folder, a GGUF file, or any language model on the Hugging Face
Hub that transformers loads without code of its own. These {count} of {families} families are well known: the model
field of the sidebar and `llmtune models [WORD …]` list them together with those in the Hub cache of this machine. The
facts were written down in 2026; the card of a model has the last word.

- **Parameters** are in billions, for a mixture of experts with those that work on a token.
- **Context** is in tokens, before any scaling of positions; a model without one has no limit of its own.
- **Licence** is named as on the card; `other` is one that only this model has. *Gated*: accept the terms on the page
  of the model on the Hub and log in with `hf auth login`; *may be gated*: that has changed over time.
- **Template** is a value for `data.template` that suits a model whose tokenizer has no chat template, or is not known
  to have one. The sidebar offers it where it is needed.
- **Layers** are those for `method.target_modules` where `all-linear` is not the best choice: the router of a mixture
  of experts is better left as it is, and the kernels of Mamba layers pass adapters on `out_proj` by. The sidebar
  offers these, too."""

_HEADER = ["Model", "Parameters", "Context", "Licence", "Good for", "Template", "Layers"]


def page() -> str:
    """The page as Markdown."""
    models = list(known_models().values())
    parts = [_INTRODUCTION.format(count=len(models), families=len(families()))]
    for family, about in families().items():
        rows = [_cells(model) for model in models if model.family == family]
        parts.append(f"## {family}\n\n{about}\n\n" + "\n".join(_table(rows)))
    return "\n\n".join(parts) + "\n"


def _cells(model: KnownModel) -> list[str]:
    parameters = (
        f"{model.parameters:g}" if model.active is None else f"{model.parameters:g}, {model.active:g} active"
    )
    gate = {True: ", gated", None: ", may be gated", False: ""}[model.gated]
    layers = [] if model.target_modules == "all-linear" else model.target_modules
    return [
        f"`{model.name}`",
        parameters,
        "" if model.context is None else f"{model.context:,}",
        model.licence + gate,
        ", ".join(model.good_for),
        f"`{model.template}`" if model.template else "",
        ", ".join(f"`{name}`" for name in layers),
    ]


def _table(rows: list[list[str]]) -> Iterator[str]:
    """Lines of a table, without the columns in which nothing stands."""
    used = [column for column in range(len(_HEADER)) if any(row[column] for row in rows)]
    for cells in [_HEADER, ["---"] * len(_HEADER), *rows]:
        yield f"| {' | '.join(cells[column] for column in used)} |"
