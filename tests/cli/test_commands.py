"""The command line: help, lists, checks, exit codes."""

import os
import subprocess
import sys
import types
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist
import yaml

import chisel
from chisel import configs, models
from chisel.cli.main import COMMANDS, main
from tests.cli.small import agent_of

CODES = {
    configs.ConfigError: 2,
    configs.CheckpointError: 3,
    configs.NumericsError: 4,
    configs.EnvironmentFault: 5,
    configs.Stopped: 143,
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stands in for the room that trains; records what it is asked to do."""
    asked: list[Any] = []
    room = types.ModuleType("chisel.trainers")
    room.train = lambda config: asked.append(config) or Path("runs/one")
    room.train_grid = lambda runs, launcher: asked.append((runs, launcher)) or Path("runs/grid")
    room.resume = lambda run, overrides, launcher: asked.append((run, overrides, launcher)) or run
    room.LocalLauncher = lambda jobs: jobs
    room.sync_command = lambda path: f"wandb sync {path}"
    monkeypatch.setitem(sys.modules, "chisel.trainers", room)
    monkeypatch.setitem(vars(chisel), "trainers", room)
    return asked


def test_help_on_a_study_lists_its_options_and_defaults(capsys) -> None:
    assert main(["study", "localization", "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: chisel study localization checkpoint=CHECKPOINT [key=value …]")
    for lines in (
        "controls=3  (a whole number, at least 0)\n      Number of random regions for each region.",
        "a folder of seeds)\n      The same of runs that were trained",
    ):
        assert lines in shown
    assert main(["study", "localisation", "--help"]) == 2
    assert "did you mean 'localization'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_command_with_an_example(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert all(f"  {command} " in printed for command in COMMANDS)
    assert "chisel train maze/quick" in printed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: chisel {command}")
    assert max(map(len, printed.splitlines())) <= 80


def test_the_version_is_that_of_the_installed_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("chisel 0.")


def test_list_names_everything_with_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in ("maze/quick", "maze", "impala", "ppo", "vector-field"):
        named = [line for line in lines if line.startswith(f"  {name} ")]
        assert len(named) == 1 + (name == "maze"), "a world and its evaluator have the same name"
        assert all(len(line.split()) > 3 for line in named)


def test_check_prints_every_option_resolved(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "maze/quick", "seed=7", "algo.gamma=0.5"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed == configs.to_plain(configs.load("maze/quick", ["seed=7", "algo.gamma=0.5"]))


def test_check_prints_one_document_per_seed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "maze/quick", "seed=0,4"]) == 0
    documents = list(yaml.safe_load_all(capsys.readouterr().out))
    assert [document["seed"] for document in documents] == [0, 4]


def test_train_passes_the_checked_config_on_and_prints_the_folder(
    trained: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "maze/smoke", "seed=3"]) == 0
    assert trained == [configs.load("maze/smoke", ["seed=3"])]
    shown = capsys.readouterr()
    assert shown.out == "runs/one\n"
    assert shown.err.endswith("note: to send it to W&B, type `wandb sync runs/one`\n")


def test_train_says_on_a_terminal_that_it_is_loading(
    trained: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["train", "maze/smoke"]) == 0
    assert capsys.readouterr().err.startswith("maze/smoke: loading PyTorch")


def test_only_the_first_of_several_processes_prints_the_folder(
    trained: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    assert main(["train", "maze/smoke"]) == 0
    assert capsys.readouterr().out == ""


def test_a_single_process_prints_the_folder_whatever_launchers_left_behind(
    trained: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert main(["train", "maze/smoke"]) == 0
    assert capsys.readouterr().out == "runs/one\n"


@pytest.mark.parametrize(("word", "launcher"), [([], None), (["jobs=1"], None), (["jobs=3"], 3)])
def test_train_with_several_values_trains_a_grid(
    word: list[str], launcher: int | None, trained: list[Any]
) -> None:
    assert main(["train", "maze/smoke", "seed=3,5", *word]) == 0
    assert trained == [(configs.load_grid("maze/smoke", ["seed=3,5"]).runs, launcher)]


@pytest.mark.parametrize("word", ["jobs=0", "jobs=two", "jobs=", "jobs=-1", "jobs=2,3"])
def test_a_number_of_jobs_that_is_none_is_one_line(
    word: str, trained: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "maze/smoke", "seed=3,5", word]) == 2
    assert main(["resume", "anywhere", word]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == second
    assert word in first
    assert not trained


def test_jobs_of_one_run_are_refused(
    trained: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "maze/smoke", "jobs=2"]) == 2
    assert "this is one run" in capsys.readouterr().err
    assert not trained


def test_resume_checks_its_settings_against_the_run(
    trained: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs" / "maze" / "smoke" / "mine"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(configs.to_yaml(configs.load("maze/smoke")))
    assert main(["resume", str(run), "frames=4096"]) == 0
    assert main(["resume", str(run), "frames=4096", "jobs=2"]) == 0
    assert trained == [(run, ["frames=4096"], None), (run, ["frames=4096"], 2)]
    assert main(["resume", str(run), "frame=4096"]) == 2
    assert "did you mean frames?" in capsys.readouterr().err


def test_logs_prints_what_a_run_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "metrics.csv").write_text("iteration,env_steps,charts/success\n1,64,0.5\n")
    assert main(["logs", str(tmp_path)]) == 0
    assert main(["logs", str(tmp_path), "key=charts/success", "last=1"]) == 0
    assert main(["logs", str(tmp_path), "plot=true"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "1 row, env_steps 64 to 64" in said
    assert said.count("charts/success") == 3
    assert main(["logs", str(tmp_path), "key=charts/sucess"]) == 2
    assert main(["logs", str(tmp_path), "keys=charts/success"]) == 2
    mistaken, unknown = capsys.readouterr().err.splitlines()
    assert "did you mean 'charts/success'?" in mistaken
    assert "takes key=, last= and plot= only" in unknown


def test_a_run_that_is_not_there_is_a_checkpoint_fault_with_a_near_match(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path("runs/maze/smoke/mine")
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("")
    for command in (["resume"], ["eval"]):
        assert main([*command, "runs/maze/smoke/mien"]) == 3
        assert "did you mean runs/maze/smoke/mine?" in capsys.readouterr().err


@pytest.mark.parametrize("error", CODES)
def test_every_fault_has_its_exit_code_and_one_line(
    error: type[Exception],
    trained: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(config: object) -> Path:
        raise error("first [red]line[/red]\nsecond line")

    monkeypatch.setattr(sys.modules["chisel.trainers"], "train", fail)
    assert main(["train", "maze/smoke"]) == CODES[error]
    assert capsys.readouterr().err == "chisel: first [red]line[/red] second line\n"


def test_ctrl_c_is_no_traceback(
    trained: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(config: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["chisel.trainers"], "train", interrupt)
    assert main(["train", "maze/smoke"]) == 130
    assert capsys.readouterr().err == "chisel: interrupted\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["eval", "agent"], "nothing was written"),
        (["study", "vector-field", "checkpoint=agent"], "its measurements are lost"),
    ],
)
def test_ctrl_c_while_something_is_measured_says_what_it_cost(
    command: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(*given: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    held_out = import_module("chisel.analysis.evaluation.held_out")
    monkeypatch.setattr(held_out, "make_evaluation", interrupt)
    models.save_agent(tmp_path / "agent", agent_of("maze/smoke"))
    before = {file for file in tmp_path.rglob("*") if file.is_file()}
    assert main(command) == 130
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("chisel: interrupted; ")
    assert said in line
    assert {file for file in tmp_path.rglob("*") if file.is_file()} == before


def test_an_unexpected_error_keeps_its_traceback(
    trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(config: object) -> Path:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(sys.modules["chisel.trainers"], "train", fail)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main(["train", "maze/smoke"])


def test_a_reader_that_stops_early_is_no_fault() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed_pipe:
        done = subprocess.run(
            [sys.executable, "-m", "chisel.cli.main", "list"],
            stdout=closed_pipe,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
