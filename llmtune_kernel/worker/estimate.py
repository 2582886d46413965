"""The job `estimate`: how much memory a run takes, from its configuration alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmtune_kernel.config import RunConfig, UserError
from llmtune_kernel.locale import _
from llmtune_kernel.models.gpus import GPUS, find_gpu
from llmtune_kernel.models.loading import load_configuration
from llmtune_kernel.models.prequantized import said_of_weights
from llmtune_kernel.models.sources import ModelSource
from llmtune_kernel.worker.earlier import find_base
from llmtune_kernel.worker.estimating import Estimator, Hardware, longest_batch, on_gpu, this_machine
from llmtune_kernel.worker.fitting import solutions, told
from llmtune_kernel.worker.prepare import batch_size


def estimate(
    job: dict[str, Any], answer: Callable[[dict[str, Any]], None], check_cancelled: Callable[[], None]
) -> None:
    """Answer with `estimate`: see `_found`.

    Args:
        job: `config`; `gpu`: the name of one, or None for this machine.
        check_cancelled: Called before each estimate; may raise to end the job.

    Raises:
        UserError: any mistake in the name of the model or of the GPU, or in the model's layers.
    """
    config = RunConfig.model_validate(job["config"])
    where = on_gpu(config, find_gpu(job["gpu"])) if job["gpu"] else this_machine(config)
    estimator = Estimator(_described(find_base(config.model)), longest_batch(config))
    answer({"type": "estimate", "estimate": _found(config, estimator, where, check_cancelled)})


def _described(source: ModelSource) -> ModelSource:
    """The same; it has a configuration that can be read.

    Raises:
        UserError: it has none; of a model on the Hub it says that no more than that is needed.
    """
    try:
        load_configuration(source)
    except UserError as error:
        if source.local:
            raise
        enough = _("For an estimate a local folder with its config.json alone will do.")
        raise UserError(error.what, error.where, f"{error.fix} {enough}", error.changes) from error
    return source


def _found(
    config: RunConfig, estimator: Estimator, where: Hardware, check_cancelled: Callable[[], None]
) -> dict[str, Any]:
    """`quantized`: how the weights are quantized already, in words; empty if they are not. In bytes: `memory`, by its
    `parts`, of what is `available` on the `device`; `gpus`: of each well-known one `memory`, `available`, `dtype` and
    whether the run `fits`; `changes`: where it does not fit on the device, ways that would make it, each the `settings`
    to write by dotted key and the `memory` that it takes then."""
    here = estimator.estimate(config, where)
    model = estimator.model(config, where)
    weights = list(model.parameters())
    gpus = []
    for gpu in GPUS:
        check_cancelled()
        other = on_gpu(config, gpu)
        needed = estimator.estimate(config, other).total
        gpus.append({"name": gpu.name, "fits": needed <= gpu.memory, "memory": needed, **_of(other)})
    fits = here.total <= where.free
    ways = [] if fits else solutions(config, estimator, where, check_cancelled)
    return {
        "model": config.model.name_or_path,
        "quantized": said_of_weights(load_configuration(estimator.source)),
        "parameters": sum(weight.numel() for weight in weights),
        "trained": sum(weight.numel() for weight in weights if weight.requires_grad),
        "tokens": batch_size(config, estimator.items)[0],
        "gradient_checkpointing": here.gradient_checkpointing,
        "device": where.name,
        **_of(where),
        "fits": fits,
        "memory": here.total,
        "parts": here.parts,
        "gpus": gpus,
        "changes": told(ways),
    }


def _of(hardware: Hardware) -> dict[str, Any]:
    return {"available": hardware.free, "dtype": str(hardware.dtype).removeprefix("torch.")}
