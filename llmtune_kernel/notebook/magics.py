"""The magics: thin shells over functions."""

from __future__ import annotations

import functools
import keyword
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand

from llmtune_kernel.config import ModelConfig, UserError, converted, in_words_of, read_config
from llmtune_kernel.data.options import add_data_options, config_of
from llmtune_kernel.data.sources import is_found
from llmtune_kernel.locale import _
from llmtune_kernel.notebook.arguments import HelpWanted, Options
from llmtune_kernel.notebook.inspecting import dataset_bundles, dry_run_bundles, show_inspection
from llmtune_kernel.notebook.listing import catalogue_bundle, runs_bundle
from llmtune_kernel.notebook.publishing import publish
from llmtune_kernel.notebook.sampling import answers_bundle, find_runs, latest_run, read_prompts
from llmtune_kernel.notebook.starting import show_run, start, wait_for
from llmtune_kernel.runs.comparing import ask
from llmtune_kernel.runs.launch import check_launch, own_configuration
from llmtune_kernel.runs.run import Run, attach

if TYPE_CHECKING:
    from llmtune_kernel.notebook.dataset import Dataset

_EXAMPLE = "\n\n  %%finetune run\n  model: smollm2-135m\n  data: $df"


def _finetune_options() -> Options:
    options = Options(
        "%%finetune",
        _("Fine-tune a model as the YAML in the cell says. The prompt returns at once; the run goes on.")
        + _EXAMPLE,
    )
    options.add_argument(
        "name",
        nargs="?",
        help=_(
            "name of the run and its variable; without it the run is run-1, run-2, … and the variable _run"
        ),
    )
    options.add_argument("--wait", action="store_true", help=_("return when the run is over"))
    options.add_argument(
        "--dry-run", action="store_true", help=_("show what would be trained, and train nothing")
    )
    options.add_argument(
        "--resume",
        metavar="RUN",
        help=_("continue RUN from its last checkpoint; with %%finetune, as it was configured"),
    )
    return options


def _sample_options() -> Options:
    options = Options(
        "%%sample",
        _("Answers of runs and of the base model to the prompts in the cell: one a line, or a chat as YAML."),
    )
    options.add_argument(
        "runs",
        nargs="*",
        metavar="RUN",
        help=_("names of runs; without any, --base or --model the newest"),
    )
    options.add_argument("--base", action="store_true", help=_("the base model as well"))
    options.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="M",
        help=_("another model to ask, as often as wanted: a built-in name, a folder, an id of the Hub"),
    )
    options.add_argument("--max-new-tokens", type=int, metavar="N", help=_("longest answer in tokens"))
    options.add_argument(
        "--temperature", type=float, metavar="T", help=_("0 takes the likeliest token each time")
    )
    options.add_argument(
        "--top-p",
        type=float,
        metavar="P",
        help=_("draw from the likeliest tokens that together have this probability"),
    )
    options.add_argument(
        "--top-k",
        type=int,
        metavar="K",
        help=_("draw from this many of the likeliest tokens; 0 sets no limit"),
    )
    options.add_argument(
        "--repetition-penalty",
        type=float,
        metavar="R",
        help=_("above 1 makes tokens less likely that were used before"),
    )
    return options


def _dataset_options() -> Options:
    options = Options(
        "%dataset",
        _("What the trainer sees in a variable or a file: format, token lengths, first rows."),
    )
    source = options.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "source",
        nargs="?",
        help=_("$variable, the path of a json, jsonl, csv or parquet file, or a name of the catalogue"),
    )
    source.add_argument(
        "--catalog",
        nargs="*",
        metavar="WORD",
        help=_("list well-known public data sets by task, or those that fit all words"),
    )
    add_data_options(options)
    return options


def _attach_options() -> Options:
    options = Options(
        "%attach", _("Show a run, live if it goes on, and put it into the variable of its name.")
    )
    options.add_argument("run", help=_("name of the run"))
    return options


def _runs_options() -> Options:
    return Options("%runs", _("List all runs, newest first."))


# Options of `%%sample` that are settings of the section `samples`.
_SAMPLING = ("max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty")

_Magic = TypeVar("_Magic", bound=Callable[..., Any])


def _polite(magic: _Magic) -> _Magic:
    """Show the text of `--help` where it is asked for, and of an interrupt no more than that it came."""

    @functools.wraps(magic)
    def polite(*arguments: Any, **more: Any) -> Any:
        try:
            return magic(*arguments, **more)
        except HelpWanted as wanted:
            publish({"text/plain": str(wanted)})
        except KeyboardInterrupt:
            raise UserError(_("Interrupted.")) from None

    return polite  # type: ignore[return-value]


@magics_class
class FinetuneMagics(Magics):
    """`%%finetune`, `%runs`, `%attach`, `%%sample` and `%dataset`."""

    # $name is ours: IPython would put the text of the variable in its place.
    @no_var_expand
    @line_cell_magic
    @_polite
    def finetune(self, line: str, cell: str | None = None) -> None:
        """Fine-tune a model: `%%finetune [NAME] [--wait] [--dry-run] [--resume RUN]`; `--help` says more."""
        options = _finetune_options().read(line)
        self._check_variable(options.name)
        as_it_was = cell is None or not cell.strip()
        if cell is not None and not as_it_was:
            config, text = read_config(cell, first_line=2, resume=options.resume), cell
            if translation := converted(cell, first_line=2):
                publish({"text/plain": translation})
        elif options.resume:
            config, text = own_configuration(options.resume)
        else:
            raise UserError(
                _("There is no configuration."),
                "%%finetune",
                _("Write it below, at least:  data: $df  or  data: rows.jsonl"),
            )
        if options.dry_run:
            check_launch(config, options.name)
            bundles = functools.partial(dry_run_bundles, config)
            with in_words_of(text):
                show_inspection(config, self._namespace, first=1, for_run=True, bundles=bundles)
            return
        with in_words_of(text):
            run, live = start(
                config, text=text, name=options.name, namespace=self._namespace, own_rows=as_it_was
            )
        self._namespace[options.name or "_run"] = run
        if options.wait:
            try:
                wait_for(run, live)
            except KeyboardInterrupt:
                what = _("Interrupted. The run {name!r} goes on.", name=run.name)
                raise UserError(what, "", _("See it again: %attach {name}", name=run.name)) from None

    @line_magic
    @_polite
    def runs(self, line: str) -> None:
        """List all runs: name, state, step, loss, start and duration."""
        _runs_options().read(line)
        publish(runs_bundle())

    @line_magic
    @_polite
    def attach(self, line: str) -> None:
        """Show a run and bind it: `%attach NAME`."""
        run = attach(_attach_options().read(line).run)
        variable = run.name if run.name.isidentifier() else "_run"
        self._check_variable(variable)
        self._namespace[variable] = run
        show_run(run)

    @no_var_expand
    @line_cell_magic
    @_polite
    def sample(self, line: str, cell: str = "") -> None:
        """Ask runs and the base model: `%%sample [RUN …] [--base] [--temperature T]`; `--help` says more."""
        options = _sample_options().read(line)
        prompts = read_prompts(cell)
        chosen = find_runs(options.runs, self._namespace)
        models = [ModelConfig(name_or_path=name) for name in options.model]
        if not chosen and not options.base and not models:
            chosen = [latest_run()]
        settings = {name: getattr(options, name) for name in _SAMPLING}
        given = {name: value for name, value in settings.items() if value is not None}
        publish(answers_bundle(prompts, ask(chosen, prompts, given, base=options.base, models=models)))

    @no_var_expand
    @line_magic
    @_polite
    def dataset(self, line: str) -> Dataset | None:
        """Look at data: `%dataset SOURCE [--model M] …`, or for data: `%dataset --catalog [WORD …]`."""
        options = _dataset_options().read(line)
        if options.catalog is not None:
            publish(catalogue_bundle(options.catalog))
            return None
        config = config_of(options.source, options, "%dataset")
        # A variable may be named without its $, where a run would find nothing else of that name.
        if options.source in self._namespace and not is_found(options.source, config.data.dataset_dir):
            config = config_of(f"${options.source}", options, "%dataset")
        from llmtune_kernel.notebook.dataset import Dataset

        seen = show_inspection(config, self._namespace, first=3, for_run=False, bundles=dataset_bundles)
        assert self.shell is not None
        return Dataset(config, self._namespace, seen).shown(self.shell.execution_count)

    @property
    def _namespace(self) -> dict[str, Any]:
        assert self.shell is not None
        namespace: dict[str, Any] = self.shell.user_ns
        return namespace

    def _check_variable(self, name: str | None) -> None:
        """Refuse a name that cannot hold the run.

        Raises:
            UserError: it is not a name of Python, or it holds something else.
        """
        if name is None:
            return
        if not name.isidentifier() or keyword.iskeyword(name):
            fix = _("Take letters, digits and _, e.g. run1.")
            raise UserError(_("{name!r} cannot be the name of a variable.", name=name), "%%finetune", fix)
        held = self._namespace.get(name)
        if held is not None and not isinstance(held, Run):
            raise UserError(
                _(
                    "The variable {name} has a value of type {kind}; the run would replace it.",
                    name=name,
                    kind=type(held).__name__,
                ),
                "",
                _("Choose another name, or delete it first: del {name}", name=name),
            )
