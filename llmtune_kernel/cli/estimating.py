"""`llmtune estimate`: how much memory a run takes, and where it fits, computed by a worker."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from rich.table import Table
from rich.text import Text

from llmtune_kernel.cli.terminal import clean, console
from llmtune_kernel.cli.training import read_file
from llmtune_kernel.locale import _
from llmtune_kernel.runs.wording import memory_parts, size, written
from llmtune_kernel.runs.workers import pool

Found = dict[str, Any]


def estimate(options: argparse.Namespace) -> int:
    """Print how much memory the run of a configuration takes, on which GPUs it fits, and what would make it fit.

    Raises:
        UserError: any mistake in the configuration, or in the name of the model or of the GPU.
    """
    config = read_file(options.file, options.set)[0]
    found: Found = {}
    job = {"job": "estimate", "config": config.model_dump(mode="json"), "gpu": options.gpu}
    with console(stderr=True).status(_("Loading the model's configuration")):
        pool().call(job, lambda answer: found.update(answer["estimate"]))
    if options.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return 0
    stdout = console()
    for table in (_facts(found), _gpus(found)):
        stdout.print(table)
        stdout.print()
    if not found["fits"]:
        stdout.print(Text(_ways(found)))
    return 0


def _facts(found: Found) -> Table:
    table = Table.grid(padding=(0, 2))
    share = found["trained"] / found["parameters"]
    counted = _(
        "{count:,}, of which trained {trained:,} ({share:.2%})",
        count=found["parameters"],
        trained=found["trained"],
        share=share,
    )
    said = _("about {needed} of {free}", needed=size(found["memory"]), free=size(found["available"]))
    for name, value in (
        (_("model"), found["model"]),
        *([(_("quantization"), found["quantized"])] if found["quantized"] else []),
        (_("parameters"), counted),
        (_("precision"), found["dtype"]),
        (_("gradient checkpointing"), _yes_no(found["gradient_checkpointing"])),
        (_("largest batch"), _("{count:,} tokens", count=found["tokens"])),
        (_("memory on {device}", device=found["device"]), said),
        *((f"  {name}", size(value)) for name, value in memory_parts(found["parts"])),
    ):
        table.add_row(Text(name, style="bold"), Text(clean(value), overflow="fold"))
    return table


def _gpus(found: Found) -> Table:
    table = Table(_("GPU"), _("memory"), _("needed"), _("precision"), _("fits"), box=None, pad_edge=False)
    for gpu in found["gpus"]:
        fits = Text(_yes_no(gpu["fits"]), style="green" if gpu["fits"] else "red")
        table.add_row(gpu["name"], size(gpu["available"]), size(gpu["memory"]), gpu["dtype"], fits)
    return table


def _yes_no(value: bool) -> str:
    return _("yes") if value else _("no")


def _ways(found: Found) -> str:
    if not found["changes"]:
        return _("No change makes it fit on {device}: take a smaller model.", device=found["device"])
    ways = [f"  {written(way['settings'])}  ({size(way['memory'])})" for way in found["changes"]]
    return "\n".join([_("It would fit on {device} with any of these:", device=found["device"]), *ways])
