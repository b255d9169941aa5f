"""Test whether two commits of this project give the same results, bit for bit.

`python -m benchmarks.same_results OLD [NEW]`: OLD and NEW are revisions, or folders of checkouts;
without NEW it is the working tree that this file is in. The same commands run in both, one after
the other, and the files that they write are compared. Exit code 0 means that all are equal.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from benchmarks.same_results_cases import Case, cases
from benchmarks.same_results_compare import (
    RENAMED,
    RENAMED_WORDS,
    Difference,
    Names,
    folder_differences,
)

HERE = Path(__file__).resolve().parents[1]

GUARDED = """
import runpy, sys
from pathlib import Path

root = Path(sys.argv[1])
sys.argv = ["chisel", *sys.argv[2:]]
try:
    runpy.run_module("chisel.cli.main", run_name="__main__")
finally:
    rooms = {"chisel"} | {path.parent.name for path in root.glob("*/__init__.py")}
    for name, loaded in list(sys.modules.items()):
        file = getattr(loaded, "__file__", None)
        if file and name.partition(".")[0] in rooms and root not in Path(file).resolve().parents:
            sys.exit(f"{name} was loaded from {file}, not from {root}")
"""
"""Program that runs `chisel` of a checkout, and fails if any room was imported from
elsewhere, such as from an installed copy."""


@dataclass(frozen=True)
class Tree:
    """A checkout, in which commands can be run."""

    root: Path
    commit: str

    def run(self, command: str, folder: Path) -> str | None:
        """Run `chisel COMMAND` in a folder, and return the error, or None if there is none."""
        settings = {
            "OMP_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(self.root / "typing_links"),
            "WANDB_MODE": "offline",
        }
        done = subprocess.run(
            [sys.executable, "-P", "-c", GUARDED, str(self.root), *shlex.split(command)],
            cwd=folder,
            env=os.environ | settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            return None
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return f"chisel {command}: exit {done.returncode}: {last}"


@dataclass(frozen=True)
class Outcome:
    """The outcome of a case."""

    case: str
    verdict: Literal["equal", "differs", "failed"]
    differences: list[Difference]
    errors: dict[str, str]
    """Error of each side that failed."""
    cpu_s: dict[str, float]
    """CPU seconds of each side."""

    @property
    def told(self) -> str:
        """The first difference or the first error as text; empty if there is none."""
        if self.errors:
            return "\n".join(f"{side}: {error}" for side, error in self.errors.items())
        if not self.differences:
            return ""
        first, *more = self.differences
        told = f"{first.file} {first.key}\nold {first.old}\nnew {first.new}"
        return told + (f"\nand {len(more)} more" if more else "")


@contextmanager
def tree(given: str) -> Iterator[Tree]:
    """Yield an existing checkout, or a new one of a revision, which is removed afterwards.

    Raises:
        SystemExit: If `given` is neither a checkout nor a revision.
    """
    if (Path(given) / "pyproject.toml").is_file():
        root = Path(given).resolve()
        yield Tree(root, _git(root, "describe", "--always", "--dirty", "--abbrev=40"))
        return
    commit = _git(HERE, "rev-parse", "--verify", f"{given}^{{commit}}")
    with tempfile.TemporaryDirectory(prefix="same-results-") as folder:
        root = Path(folder).resolve() / "tree"
        _git(HERE, "worktree", "add", "--detach", str(root), commit)
        try:
            yield Tree(root, commit)
        finally:
            _git(HERE, "worktree", "remove", "--force", str(root))


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    if done.returncode:
        told = f"git {' '.join(arguments)} in {root}: {done.stderr.strip()}"
        sys.exit(f"same_results: {told}; give a revision, or the folder of a checkout")
    return done.stdout.strip()


def compare(case: Case, old: Tree, new: Tree, results: Path) -> Outcome:
    """Run a case in both trees, in `results/old` and `results/new`, and compare its results."""
    errors, cpu, folders = {}, {}, {}
    names = Names(RENAMED, RENAMED_WORDS)
    for side, one, words in (("old", old, Names()), ("new", new, names)):
        folder = folders[side] = results / side / case.name
        folder.mkdir(parents=True)
        (folder / "agents").symlink_to(one.root / "agents")
        before = _cpu_s()
        failures = (one.run(words.typed(command), folder) for command in case.commands)
        error = next((failure for failure in failures if failure), None)
        cpu[side] = round(_cpu_s() - before, 2)
        if error:
            errors[side] = error
    if errors:
        return Outcome(case.name, "failed", [], errors, cpu)
    found = folder_differences(folders["old"], folders["new"], names)
    return Outcome(case.name, "differs" if found else "equal", found, {}, cpu)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _table(outcomes: Sequence[Outcome], old: Tree, new: Tree) -> Table:
    table = Table(title=f"old {old.commit}\nnew {new.commit}", show_lines=True)
    for name in ("case", "outcome", "first difference", "CPU s, old", "new"):
        table.add_column(name, overflow="fold")
    for one in outcomes:
        seconds = [f"{one.cpu_s[side]:.1f}" for side in ("old", "new")]
        table.add_row(one.case, one.verdict, one.told, *seconds)
    return table


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("old", nargs="?", metavar="OLD")
    parser.add_argument("new", nargs="?", metavar="NEW", default=str(HERE))
    parser.add_argument(
        "--case",
        action="append",
        default=[],
        metavar="GLOB",
        help="cases to run, such as 'study/*'; can be repeated",
    )
    parser.add_argument("--list", action="store_true", help="name the cases and what they run")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep results here; must be new"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcome here")
    given = parser.parse_args(argv)
    if not given.list and given.old is None:
        parser.error("OLD is missing: a revision, or the folder of a checkout")
    for pattern in given.case:
        if not cases(pattern):
            parser.error(f"--case {pattern}: matches none; --list names them")
    if given.keep and given.keep.exists():
        parser.error(f"--keep {given.keep}: is there already; choose a new folder")
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """Compare two trees, and return the exit code, which is 0 only if every case is equal."""
    given, console = _arguments(argv), Console()
    wanted = cases(*given.case)
    if given.list:
        for case in wanted:
            print(case.name, *(f"  chisel {command}" for command in case.commands), sep="\n")
        return 0
    with ExitStack() as stack:
        old, new = (stack.enter_context(tree(one)) for one in (given.old, given.new))
        results = given.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        outcomes = []
        for number, case in enumerate(wanted, start=1):
            outcome = compare(case, old, new, results.resolve())
            outcomes.append(outcome)
            spent = sum(outcome.cpu_s.values())
            told = f"{outcome.verdict} ({spent:.0f} s of CPU)"
            print(f"{number}/{len(wanted)} {case.name}: {told}", flush=True)
    console.print(_table(outcomes, old, new))
    counts = {
        verdict: sum(one.verdict == verdict for one in outcomes)
        for verdict in ("equal", "differs", "failed")
    }
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    if given.json:
        given.json.write_text(json.dumps(_plain(outcomes, old, new), indent=1) + "\n")
    return 0 if counts["equal"] == len(outcomes) else 1


def _plain(outcomes: Sequence[Outcome], old: Tree, new: Tree) -> dict[str, Any]:
    commits = {"old": old.commit, "new": new.commit}
    return {**commits, "cases": [asdict(outcome) for outcome in outcomes]}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that worktrees are removed, too
    sys.exit(main())
