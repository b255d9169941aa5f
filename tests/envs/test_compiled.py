"""Compiled functions are cached where that is possible, and never out of date."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chisel.envs import compiled

INNER = """
from worlds.compiled import compiled

@compiled
def inner(number):
    return number + {added}
"""
OUTER = """
from worlds.compiled import compiled
from worlds.inner import inner

@compiled
def outer(number):
    return 10 * inner(number)
"""
MAIN = """
from worlds.outer import outer
print(outer(1), sum(outer.stats.cache_hits.values()))
"""


@pytest.fixture
def package(tmp_path):
    """A package `worlds` with two compiled functions, `inner` yet to be written."""
    package = tmp_path / "worlds"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "compiled.py").write_text(Path(compiled.__file__).read_text())
    (package / "outer.py").write_text(OUTER)
    return package


def outcome(package, **environment):
    """What the outer function returns, and how often it came from the cache."""
    done = subprocess.run(
        [sys.executable, "-c", MAIN],
        cwd=package.parent,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_code_that_another_file_changed_is_compiled_anew(package):
    def run(added, age):
        (package / "inner.py").write_text(INNER.format(added=added))
        os.utime(package / "inner.py", (age, age))
        return outcome(package)

    later = int(package.stat().st_mtime) + 100
    assert run(1, later) == ["20", "0"]
    assert run(1, later) == ["20", "1"]
    assert run(2, later + 100) == ["30", "0"]


def test_without_a_folder_for_the_cache_functions_are_compiled_each_time(package):
    (package / "inner.py").write_text(INNER.format(added=1))
    (package / "__pycache__").touch()  # a file, not a folder: not even root can write below it
    nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"), str(package / "inner.py"))
    for _ in range(2):
        assert outcome(package, **nowhere) == ["20", "0"]
    assert (package / "__pycache__").is_file()
