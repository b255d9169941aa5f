"""Functions are compiled where numba cannot write files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from chisel import impact

_PROGRAM = """
import os
before = dict(os.environ)
import numpy as np
from chisel import impact
from chisel.impact.q_learning import _greedy
best = _greedy(np.array([[0.0, 2.0, 2.0, 1.0]]), 0)
assert dict(os.environ) == before
print(impact.__file__, best)
"""


def test_without_a_folder_to_write_to_functions_are_compiled_and_no_variable_is_left(
    tmp_path: Path,
) -> None:
    """A path below a file stands in for a read-only disk: root, too, can't write there."""
    room = Path(impact.__file__).parent
    here = tmp_path / "chisel" / "impact"  # stands in for the installed package
    shutil.copytree(room, here, ignore=shutil.ignore_patterns("__pycache__"))
    (here.parent / "__init__.py").write_text("")
    (here / "__pycache__").write_text("")
    (tmp_path / "no-home").write_text("")
    nowhere = str(tmp_path / "no-home" / "x")
    env = {"PATH": os.environ["PATH"], "HOME": nowhere, "XDG_CACHE_HOME": nowhere}
    env |= {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-B", "-c", _PROGRAM],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(here / "__init__.py"), "1"]
