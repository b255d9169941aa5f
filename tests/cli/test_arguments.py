"""Words, settings and paths as they are typed: whatever a run may be called, commands find it."""

from __future__ import annotations

import re
import shlex
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chisel import configs
from chisel.cli.arguments import existing, one_word, take, words_and_settings
from chisel.cli.main import main
from chisel.configs import ConfigError

NAMES = st.text(string.ascii_letters + string.digits + "._=+-, ~\t/…", min_size=1, max_size=12)


def accepted(name: str) -> bool:
    try:
        configs.load("maze/smoke", [f"name={name}"])
        return configs.load("maze/smoke", [f"name={name}"]).name == name
    except ConfigError:
        return False


@settings(max_examples=25, deadline=None)
@given(name=NAMES | st.sampled_from(["lr=1", "a=b=c", "seed=3", "frames=2e6", "a+b", "1=1"]))
def test_a_name_is_refused_or_found_by_every_command_that_takes_a_run(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if not accepted(name):
        return
    run = tmp_path_factory.mktemp("runs") / "maze" / "smoke" / name
    run.mkdir(parents=True)
    word, rest = one_word([str(run), "frames=3"], "RUN", "")
    assert (existing(word), rest) == (run, ["frames=3"])
    words, rest = words_and_settings([str(run), str(run), "out=x"])
    assert (list(map(Path, words)), rest) == ([run, run], ["out=x"])


def test_a_run_in_this_folder_is_found_though_its_name_holds_an_equals_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lr=3").mkdir()
    assert one_word(["lr=3", "frames=9"], "RUN", "") == ("lr=3", ["frames=9"])
    assert one_word(["maze/quick", "lr=3"], "EXPERIMENT", "") == ("maze/quick", ["lr=3"])
    with pytest.raises(ConfigError, match="RUN is missing"):
        one_word(["lr=4"], "RUN", "")


def test_a_setting_with_a_slash_before_its_equals_sign_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "maze/quick", "env/num_envs=3"]) == 2
    assert "'env/num_envs' is not a key" in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["x" * 5000, "name=" + "x" * 5000, "a/" + "x" * 5000 + "=1"])
def test_what_is_longer_than_any_path_is_refused_in_one_line(
    typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", typed]) in (2, 3)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_tilde_is_expanded_wherever_a_path_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given = ["~/run", "out=~/figures", "checkpoint=~/a,~/b", "steer=~/v.st:2", "name=~", "x=a~/b"]
    words, written = words_and_settings(given)
    home = str(tmp_path)
    assert words == [f"{home}/run"]
    assert written == [
        f"out={home}/figures",
        f"checkpoint={home}/a,{home}/b",
        f"steer={home}/v.st:2",
        "name=~",
        "x=a~/b",
    ]


@pytest.mark.parametrize("value", ["", "None"])
def test_an_empty_setting_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="leave it out"):
        take([f"out={value}"], "out")


def test_an_experiment_without_a_command_suggests_the_whole_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed = ["maze/quick", "seed=3", "tracking.tags=[a, b]"]
    assert main(typed) == 2
    (command,) = re.findall("`(.*)`", capsys.readouterr().err)
    program, train, experiment, *overrides = shlex.split(command)
    assert (program, train) == ("chisel", "train")
    wanted: Any = configs.load(typed[0], typed[1:])
    assert configs.load(experiment, overrides) == wanted
