"""The live panel of a run: state, bar, measures, buttons, chart, samples and log as ipywidgets."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import ipywidgets as w  # type: ignore[import-untyped]
from ipywidgets.widgets.widget_string import HTMLStyle  # type: ignore[import-untyped]

from llmtune_kernel.locale import _
from llmtune_kernel.notebook import markup
from llmtune_kernel.notebook.progress import KEPT_SAMPLES, LogLine, Progress
from llmtune_kernel.runs.events import Sample

_KEPT_LOG_BLOCKS = 100
_BAR_STYLES = {"finished": "success", "failed": "danger", "stopped": "warning", "paused": "warning"}


class Panel:
    """The widgets, in three outputs: `panel`, `chart` and `samples`. Setting a value sends it only where it changed.

    Args:
        chart: The widget of the chart.
        on_command: Called with `pause, resume, stop, save` or `sample` when a button is pressed; must not block.
        can_sample: Whether the configuration has prompts.
        tensorboard: The line that opens TensorBoard; empty if the run is not tracked.
    """

    def __init__(
        self, chart: w.Widget, on_command: Callable[[str], None], *, can_sample: bool, tensorboard: str
    ) -> None:
        self._can_sample = can_sample
        self._state_name = ""
        self._note = ""
        self._state = w.HTML()
        self._bar = w.FloatProgress(min=0, max=1, layout=w.Layout(width="100%", max_width="640px"))
        self._measures = w.HTML()
        self._buttons = {
            "pause": _button(_("Pause"), "pause", _("Hold the run after this step")),
            "stop": _button(_("Stop"), "stop", _("Save, then end the run; it can be continued")),
            "save": _button(_("Save"), "save", _("Write a checkpoint after this step")),
            "sample": _button(
                _("Sample now"), "comment", _("Answer the prompts with the weights as they are")
            ),
        }
        if not can_sample:
            self._buttons["sample"].tooltip = _("The configuration has no samples.prompts")
        for command, button in self._buttons.items():
            button.on_click(self._pressed(command, on_command))
            take_messages_at_once(button)
        self._samples = _Feed(KEPT_SAMPLES, newest_first=True)
        self._log = _Feed(_KEPT_LOG_BLOCKS, newest_first=False)
        folded = w.Accordion([self._log.box], titles=(_("Log"),), selected_index=None)
        tracking = [w.HTML(f"<code>{escape(tensorboard)}</code>")] if tensorboard else []
        buttons = w.HBox(list(self._buttons.values()))
        self.outputs: dict[str, w.Box] = {
            "panel": w.VBox([self._state, self._bar, self._measures, buttons, *tracking]),
            "chart": w.VBox([chart]),
            "samples": w.VBox([self._samples.box, folded]),
        }

    def show(self, progress: Progress) -> None:
        """Show the state of the run."""
        self._state.value = markup.state_line(progress, self._note)
        if progress.metrics is not None:
            with self._bar.hold_sync():
                self._bar.max = max(progress.metrics.max_steps, 1)
                self._bar.value = progress.metrics.step
                self._bar.bar_style = _BAR_STYLES.get(progress.state, "")
            # One text, not two: each is a message at every update.
            self._measures.value = f"{markup.progress_line(progress)}<br>{markup.measures_line(progress)}"
        self._enable(progress.state)

    def note(self, text: str) -> None:
        """Say beside the state what was asked for; empty clears it."""
        self._note = text

    def add_samples(self, samples: list[Sample]) -> None:
        """Show new answers above the older ones."""
        self._samples.add([markup.sample_block(sample) for sample in samples])

    def add_log(self, lines: list[LogLine]) -> None:
        """Show new lines below the older ones."""
        if lines:
            self._log.add([markup.log_block(lines)])

    def replace_chart(self, chart: w.Widget) -> None:
        """Put another chart in the place of the chart."""
        self.outputs["chart"].children = [chart]

    def close(self) -> None:
        """Close every widget but the chart, which goes on answering pages that ask for the snapshot."""
        self.outputs["chart"].children = []
        for output in self.outputs.values():
            _close_tree(output)
        for feed in (self._samples, self._log):
            feed.close()

    def _enable(self, state: str) -> None:
        steerable = state in ("training", "paused")
        self._state_name = state
        held = state == "paused"
        enabled = {
            # A page takes the keyboard away from a button that is disabled: this one waits with it.
            "pause": steerable or state == "pausing",
            "stop": state in ("loading", "training", "pausing", "paused"),
            "save": steerable,
            "sample": steerable and self._can_sample,
        }
        for command, button in self._buttons.items():
            with button.hold_sync():
                button.disabled = not enabled[command]
                if command == "pause":
                    button.description = _("Resume") if held else _("Pause")
                    button.icon = "play" if held else "pause"

    def _pressed(self, command: str, on_command: Callable[[str], None]) -> Callable[[w.Button], None]:
        def press(_button: w.Button) -> None:
            if command != "pause" or self._state_name == "training":
                on_command(command)
            elif self._state_name == "paused":
                on_command("resume")

        return press


class _Feed:
    """A column of texts to which blocks are added; only new ones travel, only the last ones stay."""

    def __init__(self, most: int, *, newest_first: bool) -> None:
        self._most = most
        self._newest_first = newest_first
        # One layout and one style serve all blocks: each would be two more messages.
        self._layout, self._style = w.Layout(), HTMLStyle()
        self.box = w.VBox(layout=w.Layout(max_height="320px", overflow="auto"))

    def add(self, blocks: list[str]) -> None:
        if not blocks:
            return
        new = [w.HTML(block, layout=self._layout, style=self._style) for block in blocks[-self._most :]]
        old = list(self.box.children)
        if self._newest_first:
            children = [*reversed(new), *old]
            kept, dropped = children[: self._most], children[self._most :]
        else:
            children = [*old, *new]
            kept, dropped = children[-self._most :], children[: -self._most]
        self.box.children = kept
        for widget in dropped:
            widget.close()

    def close(self) -> None:
        """Close what the blocks share, which nobody else closes where there are none."""
        self._layout.close()
        self._style.close()


def take_messages_at_once(widget: w.Widget) -> None:
    """Let the page choose the thread that handles its messages to a widget.

    ipykernel sends them to the thread that last wrote to the widget, for ours the main one: a click on Stop would
    wait until the running cell ends.
    """
    widget.comm._reply_subshell_for = None


def _button(description: str, icon: str, tooltip: str) -> w.Button:
    return w.Button(
        description=description, icon=icon, tooltip=tooltip, disabled=True, layout=w.Layout(width="auto")
    )


def _close_tree(widget: w.Widget) -> None:
    for child in getattr(widget, "children", ()):
        _close_tree(child)
    for part in (widget.layout, getattr(widget, "style", None)):
        if part is not None:
            part.close()
    widget.close()
