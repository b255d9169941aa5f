"""`chisel cache` lists what is kept, empties it and sets its limit."""

import numpy as np
import pytest

from chisel.cli.main import main
from chisel.envs import cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache of two entries."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    monkeypatch.setattr(cache, "WORTH_KEEPING", 0.0)
    for name in ("one", "two"):
        cache.kept("things", f"number {name}", name, lambda: {"n": np.zeros(250)})
    return tmp_path


def printed(capsys, *arguments):
    assert main(["cache", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_each_entry_has_a_line_the_last_used_first_then_the_sum(folder, capsys):
    first, second, total = printed(capsys)
    assert first.endswith(" kB  number two")
    assert second.endswith(" kB  number one")
    assert total.endswith(f" kB of at most 2.0 GB in {folder}")


def test_clear_removes_everything_but_the_limit(folder, capsys):
    assert printed(capsys, "limit=0.5")[-1].endswith(f"of at most 500.0 MB in {folder}")
    assert printed(capsys, "clear") == [f"0 bytes of at most 500.0 MB in {folder}"]
    assert [path.name for path in folder.iterdir()] == ["limit"]


def test_a_smaller_limit_removes_what_is_beyond(folder, capsys):
    assert printed(capsys, "limit=0") == [f"0 bytes of at most 0 bytes in {folder}"]


@pytest.mark.parametrize(
    "argument", ["limit=-1", "limit=x", "limit=nan", "limit=inf", "empty", "a=1"]
)
def test_what_it_does_not_take_is_one_line(folder, capsys, argument):
    assert main(["cache", argument]) == 2
    said = capsys.readouterr().err
    assert said.startswith("chisel: ")
    assert argument in said
    assert said.count("\n") == 1
    assert len(cache.entries()) == 2


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file"))
    assert main(["cache", "limit=1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"chisel: limit: {tmp_path / 'file'} can't be written (File exists); ")
    assert said.count("\n") == 1
