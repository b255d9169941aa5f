"""Ctrl-C, once and twice: what is said, what is kept, and what Python gets."""

from __future__ import annotations

import os
import re
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.callbacks import Callback

from chisel import configs, trainers
from chisel.cli.main import main
from chisel.configs import Stopped
from chisel.trainers.runs import run

SMALL = ["trainer.progress=false", "trainer.threads=1", "trainer.accelerator=cpu", "frames=768"]
SMALL += ["trainer.checkpoint_every=1"]


class Press(Callback):
    """Sends Ctrl-C so often during an iteration, while minibatches are learnt from."""

    def __init__(self, times: int, iteration: int) -> None:
        self.times, self.iteration = times, iteration

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """Press."""
        if pl_module.iteration == self.iteration and self.times:
            times, self.times = self.times, 0
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)


def pressing(monkeypatch: pytest.MonkeyPatch, times: int, iteration: int) -> None:
    made = run._callbacks
    press = Press(times, iteration)
    monkeypatch.setattr(run, "_callbacks", lambda *given: [*made(*given), press])


def asked(text: str) -> list[str]:
    (command,) = re.findall("`(chisel resume .*)`", text)
    return shlex.split(command)[1:]


def finished(folder: Path) -> bool:
    return (folder / "checkpoints" / "iter-00000003.ckpt").exists()


def test_a_second_ctrl_c_ends_at_once_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressing(monkeypatch, times=2, iteration=2)
    before = signal.getsignal(signal.SIGINT)
    config = configs.load("maze/smoke", [*SMALL, f"runs_dir={tmp_path}/a b", "name=x=1"])
    with pytest.raises(KeyboardInterrupt) as ended:
        trainers.train(config)
    assert signal.getsignal(signal.SIGINT) is before
    folder = tmp_path / "a b" / "maze" / "smoke" / "x=1"
    assert [one.name for one in (folder / "checkpoints").glob("*.ckpt")] == ["iter-00000001.ckpt"]
    assert main(asked(str(ended.value))) == 0
    assert finished(folder)


def test_before_the_first_checkpoint_nothing_is_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pressing(monkeypatch, times=2, iteration=1)
    assert main(["train", "maze/smoke", *SMALL, f"runs_dir={tmp_path}", "name=x"]) == 130
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "chisel: interrupted; there was no checkpoint yet"
    assert sum(line.startswith("chisel:") for line in said) == 1


@pytest.mark.parametrize(("times", "code"), [(1, 143), (2, 130)])
def test_the_suggested_command_resumes_the_whole_group_of_seeds(
    times: int,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pressing(monkeypatch, times=times, iteration=1)
    small = [*SMALL, f"runs_dir={tmp_path}", "name=x", "seed=0,1"]
    assert main(["train", "maze/smoke", *small]) == code
    group = tmp_path / "maze" / "smoke" / "x"
    command = asked(capsys.readouterr().err)
    assert command == ["resume", str(group)]
    assert not (group / "seed-1").exists()
    assert main(command) == 0
    assert finished(group / "seed-0")
    assert finished(group / "seed-1")


def test_one_ctrl_c_is_the_documented_fault_in_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pressing(monkeypatch, times=1, iteration=2)
    config = configs.load("maze/smoke", [*SMALL, f"runs_dir={tmp_path}", "name=x"])
    with pytest.raises(Stopped, match="stopped by SIGINT"):
        trainers.train(config)
