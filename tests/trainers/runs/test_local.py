"""Processes side by side: how many, how they end, and what signals do. No run is trained."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chisel import configs
from chisel.configs import ConfigError
from chisel.trainers.runs.local import LocalLauncher
from chisel.trainers.runs.members import Member, Outcome

CONFIG = configs.load("gridworld/ppo")


class Script(Member):
    """A run whose process is a script."""

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-c", *self.settings]


@pytest.fixture
def script(tmp_path: Path) -> Any:
    """Make a run whose process executes some lines of Python."""
    names: Iterator[str] = map(str, range(100))

    def make(*lines: str) -> Script:
        folder = tmp_path / next(names)
        folder.mkdir()
        return Script(folder.name, folder, CONFIG, ("\n".join(lines),))

    return make


def ended(jobs: int, members: list[Script]) -> dict[str, Outcome]:
    events = list(LocalLauncher(jobs)(members))
    return {member.name: outcome for member, outcome in events if outcome is not None}


def test_no_more_run_at_a_time_than_jobs_and_all_run(script: Any) -> None:
    running, most, started = 0, 0, []
    for member, outcome in LocalLauncher(2)([script("") for _ in range(5)]):
        running += 1 if outcome is None else -1
        most = max(most, running)
        started += [member.name] * (outcome is None)
    assert (running, most, started) == (0, 2, ["0", "1", "2", "3", "4"])


def test_one_that_fails_stops_no_other_and_its_last_line_is_kept(script: Any) -> None:
    members = [
        script("import sys", "print('chisel: numbers went bad', file=sys.stderr)", "sys.exit(4)"),
        script("1/0"),
        script("import os, signal", "os.kill(os.getpid(), signal.SIGKILL)"),
        script("print('runs/x')"),
    ]
    found = ended(1, members)
    said = {name: (one.code, one.message, one.failed) for name, one in found.items()}
    assert said == {
        "0": (4, "numbers went bad", True),
        "1": (1, "ZeroDivisionError: division by zero", True),
        "2": (-9, "ended by SIGKILL", True),
        "3": (0, "", False),
    }
    assert all(found[member.name].log == member.folder / "train.log" for member in members)
    assert (members[3].folder / "train.log").read_text() == "runs/x\n"


def test_what_a_resumed_run_prints_is_added_to_its_log(script: Any) -> None:
    member = script("print('again')")
    ended(1, [member])
    ended(1, [member])
    assert member.log.read_text() == "again\nagain\n"


SAVES = (
    "import signal, sys, time",
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))",
    "print('ready', flush=True)",
    "time.sleep(60)",
)
STUBBORN = (
    "import signal, time",
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "print('ready', flush=True)",
    "time.sleep(60)",
)


def press_when_ready(members: list[Script], *numbers: signal.Signals) -> threading.Thread:
    """Send signals to this process once all have said that they are ready."""

    def wait() -> None:
        while not all(one.log.exists() and "ready" in one.log.read_text() for one in members):
            time.sleep(0.02)
        for number in numbers:
            os.kill(os.getpid(), number)
            time.sleep(0.5)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_lets_all_that_run_save_and_starts_no_other(
    number: signal.Signals, script: Any
) -> None:
    members = [script(*SAVES) for _ in range(3)]
    before = signal.getsignal(number)
    thread = press_when_ready(members[:2], number)
    found = ended(2, members)
    thread.join()
    assert {name: one.code for name, one in found.items()} == {"0": 143, "1": 143}
    assert all(one.stopped and not one.failed for one in found.values())
    assert signal.getsignal(number) == before


def test_a_second_ctrl_c_ends_at_once(script: Any) -> None:
    members = [script(*STUBBORN)]
    thread = press_when_ready(members, signal.SIGINT, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="chisel resume"):
        ended(1, members)
    thread.join()


def test_no_process_is_left_when_whoever_asked_gives_up(script: Any) -> None:
    member = script("import os, time", "print(os.getpid(), flush=True)", "time.sleep(60)")
    events = LocalLauncher(1)([member])
    next(events)
    while not member.log.read_text().endswith("\n"):
        time.sleep(0.02)
    events.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(member.log.read_text()), 0)


def test_a_run_ends_when_its_launcher_was_killed(tmp_path: Path) -> None:
    child = (
        "import os, signal, sys, time, pathlib\n"
        "from chisel.cli import member\n"
        "def saved(*_):\n"
        f"    pathlib.Path({str(tmp_path / 'saved')!r}).touch()\n"
        "    sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, saved)\n"
        "member.end_with(os.getppid())\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    launcher = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])\n"
    with subprocess.Popen([sys.executable, "-c", launcher], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.kill()
    end = time.monotonic() + 20
    while not (tmp_path / "saved").exists():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("jobs", [0, -1])
def test_less_than_one_at_a_time_is_refused(jobs: int) -> None:
    with pytest.raises(ConfigError, match=f"jobs={jobs}"):
        LocalLauncher(jobs)
