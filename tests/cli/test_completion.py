"""Words are completed: what may follow, and the scripts in the shells themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chisel import configs
from chisel.cli.commands import COMMANDS
from chisel.cli.completion import SCRIPTS
from chisel.cli.main import main
from chisel.configs import registry


@pytest.fixture(autouse=True)
def _in_a_folder_with_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("maze/quick/mine", "maze/quick/three/seed-0", "maze/quick/three/seed-1"):
        folder = Path("runs") / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("")


def completed(*words):
    return configs.complete(words, COMMANDS)


def test_the_first_word_is_a_command():
    assert completed("") == sorted(COMMANDS)
    assert completed("re") == ["reproduce", "resume"]
    assert completed() == sorted(COMMANDS)


def test_every_experiment_and_every_study_is_offered():
    assert completed("train", "") == sorted(configs.experiments())
    assert completed("study", "") == registry.names("study")


def test_every_key_of_an_experiment_is_offered_but_those_that_are_typed():
    plain = configs.flatten(configs.to_plain(configs.load("maze/routed-quick")))
    offered = completed("check", "maze/routed-quick", "")
    groups = ("routing.regions", "routing.rules", "routing.drop", "routing.terms")
    leaves = {key for key in plain if not key.startswith(groups)} - {"corpus"}
    missing = leaves - {one.rstrip("=") for one in offered}
    assert not {one for one in missing if "." in one and not one.startswith("routing.")}
    assert "seed=" in offered
    assert "seed=" not in completed("check", "maze/routed-quick", "seed=3", "")
    assert completed("train", "maze/quick", "job") == ["jobs="]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["train", "maze/quick", "algo.clip_vloss="], ["true", "false"]),
        (["train", "maze/quick", "launcher="], ["local", "slurm"]),
        (["study", "vector-field", "orientation="], ["left", "right"]),
        (["study", "vector-field", "style=s"], ["slides"]),
        (["study", "oversight", "seeds="], []),
        (["eval", "runs/maze/quick/mine", "eval.greedy="], ["true", "false"]),
    ],
)
def test_values_that_are_known_are_offered_after_their_key(words, offered):
    key = words[-1].partition("=")[0]
    assert completed(*words) == sorted(f"{key}={value}" for value in offered)


def test_after_a_comma_the_next_value_is_offered():
    found = completed("study", "over-training", "measure=success,re")
    assert found == ["measure=success,regression"]


def test_runs_groups_and_shipped_agents_are_offered_where_a_checkpoint_is_expected():
    runs = ["runs/maze/quick/mine", "runs/maze/quick/three", "runs/maze/quick/three/seed-0"]
    for words, before in ((["eval"], ""), (["study", "probes"], "checkpoint=")):
        found = completed(*words, before)
        assert {before + run for run in runs} <= set(found)
        assert f"{before}agents:maze-quick" in found
    assert completed("compare", runs[0], "runs/maze/quick/thr")[0] == runs[1]
    assert "labels=" in completed("compare", runs[0], "")


@pytest.mark.parametrize(
    "words", [["train", "no/such", "al"], ["study", "no-such", "l"], ["nonsense", "x", "y"]]
)
def test_after_a_mistake_nothing_is_offered_and_nothing_said(words, capsys):
    assert main(["completion", "words", *words]) == 0
    assert capsys.readouterr() == ("\n", "")


def test_another_shell_is_one_line(capsys):
    assert main(["completion", "tcsh"]) == 2
    assert "usage: chisel completion bash | zsh | fish" in capsys.readouterr().err


@pytest.fixture
def command(tmp_path, monkeypatch):
    """`chisel` on the path."""
    script = tmp_path / "bin" / "chisel"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m chisel.cli.main "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")


def shell(name, text):
    done = subprocess.run([name], input=text, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.usefixtures("command")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("chisel resu", ["resume"]),
        ("chisel train maze/routed-q", ["maze/routed-quick"]),
        ("chisel study vector-field orientation=", ["left", "right"]),
        ("chisel study probes checkpoint=agents:maze-qu", ["maze-quick", "maze-quick/seed-0"]),
        ("chisel eval agents:maze-qu", ["maze-quick", "maze-quick/seed-0"]),
    ],
)
def test_bash_completes_what_follows_the_last_sign_that_ends_a_word(line, offered):
    said = shell(
        "bash",
        f"{SCRIPTS['bash']}\nCOMP_LINE='{line}' COMP_POINT={len(line)}\n"
        "COMP_WORDBREAKS=$' \\t\\n=:'\n_chisel 2>/dev/null\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n",
    )
    assert said == offered


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash_says_that_it_is_the_function_of_the_command():
    said = shell("bash", f"{SCRIPTS['bash']}\ncomplete -p chisel\n")
    assert said == ["complete -o default -F _chisel chisel"]


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
@pytest.mark.usefixtures("command")
def test_fish_completes():
    said = shell("fish", f"{SCRIPTS['fish']}\ncomplete -C 'chisel study vector-field orient'\n")
    assert said == ["orientation="]


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_reads_the_script_and_names_the_function():
    said = shell(
        "zsh", f"autoload -Uz compinit; compinit -u -D\n{SCRIPTS['zsh']}\necho $_comps[chisel]\n"
    )
    assert said == ["_chisel"]
