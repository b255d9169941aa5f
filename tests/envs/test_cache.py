"""What is kept is what was made, whatever happens to the files, the folder and other processes."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chisel.envs import cache
from chisel.envs.maze import LevelSetRecipe, build_level_set
from chisel.envs.maze.procgen_game import Look

MADE = {
    "numbers": np.arange(12, dtype=np.int32).reshape(3, 4),
    "shares": np.linspace(0, 1, 5, dtype=np.float32),
    "none": np.zeros((0, 2), np.uint8),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache that keeps also what is made quickly."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "kept"))
    monkeypatch.setattr(cache, "WORTH_KEEPING", 0.0)
    cache._say.cache_clear()
    return tmp_path / "kept"


class Maker:
    """Counts how often it makes."""

    def __init__(self, made=MADE):
        self.made, self.times = made, 0

    def __call__(self):
        self.times += 1
        return {name: array.copy() for name, array in self.made.items()}


def ask(make, made_from="a"):
    found = cache.kept("things", f"of {made_from}", made_from, make)
    assert found.keys() == make.made.keys()
    for name, array in make.made.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    return found


def test_what_was_made_from_the_same_is_made_once_and_may_be_changed(folder, capsys):
    make = Maker()
    for _ in range(3):
        ask(make)["numbers"][:] = 9
    assert make.times == 1
    ask(make, "b")
    assert make.times == 2
    assert [one.title for one in cache.entries()] == ["of a", "of b"]
    assert not capsys.readouterr().err


def test_what_is_made_quickly_is_not_kept(folder, monkeypatch):
    monkeypatch.setattr(cache, "WORTH_KEEPING", 60.0)
    make = Maker()
    ask(make)
    ask(make)
    assert make.times == 2
    assert not folder.exists()


def test_a_file_with_any_byte_changed_is_made_anew_or_says_the_same(folder, capsys):
    ask(Maker())
    (entry,) = cache.entries()
    whole = entry.path.read_bytes()
    places = np.random.default_rng(0).permutation(len(whole))[:150]
    for place in [*places.tolist(), 0, len(whole) - 1]:
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        entry.path.write_bytes(damaged)
        ask(Maker())
    assert "is not used, but made anew" in capsys.readouterr().err


class Trap:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


@pytest.mark.parametrize(
    "content", ["cut", "empty", "text", "pickle", "objects", "other", "folder"]
)
def test_what_is_no_file_of_ours_is_made_anew_with_one_line(folder, tmp_path, capsys, content):
    ask(Maker(), "other")
    (other,) = cache.entries()
    ask(Maker())
    path = cache.entries()[-1].path
    mark = tmp_path / "executed"
    if content == "objects":
        np.savez(path, numbers=np.array([Trap(str(mark))], object))
    elif content == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(
            {
                "cut": path.read_bytes()[:-100],
                "empty": b"",
                "text": b"nothing of the kind",
                "pickle": pickle.dumps(Trap(str(mark))),
                "other": other.path.read_bytes(),
            }[content]
        )
    make = Maker()
    ask(make)
    assert make.times == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"note: {path} is not used, but made anew: ")
    assert len(lines) == 1 + (content == "folder")
    assert not mark.exists()
    ask(make)
    assert make.times == 1 + (content == "folder")


def test_where_nothing_can_be_written_it_is_made_each_time_and_said_once(
    tmp_path, folder, monkeypatch, capsys
):
    (tmp_path / "file").touch()
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file/within"))
    make = Maker()
    for _ in range(3):
        ask(make)
    assert make.times == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"nothing is kept in {tmp_path}/file/within (Not a directory)" in said
    assert "CHISEL_CACHE=FOLDER" in said


def test_the_longest_unused_goes_first(folder):
    for number, made_from in enumerate("abc"):
        ask(Maker(), made_from)
        os.utime(cache.entries()[-1].path, (number, number))
    ask(Maker(), "a")
    (size,) = {one.size for one in cache.entries()}
    cache.set_limit(3 * size + 99)  # the title of one of four doesn't fit
    ask(Maker(), "d")
    assert [one.title for one in cache.entries()] == ["of c", "of a", "of d"]
    cache.set_limit(size)
    assert [one.title for one in cache.entries()] == ["of d"]


def test_a_limit_of_nothing_keeps_nothing(folder):
    cache.set_limit(0)
    make = Maker()
    ask(make)
    ask(make)
    assert make.times == 2
    assert not cache.entries()


def test_files_of_others_are_neither_listed_nor_removed(folder):
    ask(Maker())
    for name in ("results.npz", "things-12.npz", f"things-{'0' * 32}.npz.bak"):
        (folder / name).touch()
    unfinished = folder / f"things-{'0' * 32}-x1.tmp"
    unfinished.touch()
    assert len(cache.entries()) == 2
    cache.clear()
    assert {path.name for path in folder.iterdir()} == {
        "results.npz",
        "things-12.npz",
        f"things-{'0' * 32}.npz.bak",
    }


def test_processes_that_keep_and_empty_at_once_disturb_each_other_never(folder):
    program = (
        "import sys, numpy as np\n"
        "from chisel.envs import cache\n"
        "cache.WORTH_KEEPING = 0.0\n"
        "for turn in range(60):\n"
        "    number = turn % 3\n"
        "    made = {'n': np.full(5000, number)}\n"
        "    found = cache.kept('things', '', str(number), lambda: made)\n"
        "    assert (found['n'] == number).all() and len(found) == 1\n"
        "    if turn % 7 == 0: cache.clear()\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-P", "-c", program], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for one in running:
        assert (one.communicate()[1], one.returncode) == (b"", 0)
    assert not list(folder.glob("*.tmp"))


@pytest.mark.usefixtures("procgen")
@pytest.mark.parametrize("look", [Look(), Look("hard", use_backgrounds=False)])
def test_a_kept_level_set_is_the_one_that_was_generated(folder, look, monkeypatch):
    recipe = LevelSetRecipe(look, count=70, sizes=(3, 5, 7), split="train")
    generated = build_level_set(recipe, 5)
    (entry,) = cache.entries()
    assert entry.title == f"70 mazes, sizes 3…7, mode {look.mode}, split train, seed 5"
    with monkeypatch.context() as patch:
        patch.setattr("chisel.envs.maze.building.ProcgenMaze", None)
        kept = build_level_set(recipe, 5)
    assert kept.digest == generated.digest
    assert kept.look == generated.look
    entry.path.write_bytes(entry.path.read_bytes()[:-50])
    assert build_level_set(recipe, 5).digest == generated.digest
    assert build_level_set(recipe, 6).digest != generated.digest


def test_the_users_folder_is_taken_where_no_variable_says_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    home = Path("~/elsewhere").expanduser()
    if sys.platform == "linux":
        assert cache.folder() == tmp_path / "chisel"
    monkeypatch.setenv(cache.VARIABLE, "~/elsewhere")
    assert cache.folder() == home
