"""Compiled functions are cached, and never out of date."""

import os
import subprocess
import sys
from pathlib import Path

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


def test_code_that_another_file_changed_is_compiled_anew(tmp_path):
    package = tmp_path / "worlds"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "compiled.py").write_text(Path(compiled.__file__).read_text())
    (package / "outer.py").write_text(OUTER)

    def run(added, age):
        (package / "inner.py").write_text(INNER.format(added=added))
        os.utime(package / "inner.py", (age, age))
        command = [sys.executable, "-c", MAIN]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    later = int(package.stat().st_mtime) + 100
    assert run(1, later).stdout.split() == ["20", "0"]
    assert run(1, later).stdout.split() == ["20", "1"]
    assert run(2, later + 100).stdout.split() == ["30", "0"]
