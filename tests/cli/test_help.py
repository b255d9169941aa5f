"""Help is the same however it is asked for, fits 80 columns, and loads nothing heavy."""

import subprocess
import sys

import pytest

from chisel.cli.commands import COMMANDS
from chisel.cli.main import main
from chisel.configs import registry

HEAVY = ("omegaconf", "torch", "numpy", "lightning", "matplotlib", "pandas")


@pytest.fixture(autouse=True)
def _in_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def said(capsys, *arguments):
    assert main(arguments) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_the_word_help_asks_as_the_option_does(command, capsys):
    assert said(capsys, command, "help") == said(capsys, command, "--help")


def test_a_study_explains_itself_with_and_without_the_command(capsys):
    asked = [("study", "probes", "help"), ("study", "probes", "-h"), ("probes", "help")]
    texts = {said(capsys, *words) for words in (*asked, ("probes", "--help"))}
    assert len(texts) == 1


@pytest.mark.parametrize("study", registry.names("study"))
def test_help_on_each_study_fits_eighty_columns(study, capsys):
    lines = said(capsys, "study", study, "help").splitlines()
    assert max(map(len, lines)) <= 80, [line for line in lines if len(line) > 80]


@pytest.mark.parametrize("words", [["--help"], ["list"], ["study", "help"]])
def test_lists_fit_eighty_columns(words, capsys):
    assert max(map(len, said(capsys, *words).splitlines())) <= 80


def test_the_list_groups_studies_by_what_they_need(capsys):
    text = said(capsys, "study", "help")
    any_agent, of_mazes, nothing = (
        text.index(f"studies that need {need}")
        for need in ("an agent of any world", "an agent of the maze", "nothing")
    )
    assert any_agent < text.index("  probes ") < of_mazes < text.index("  vector-field ") < nothing
    assert nothing < text.index("  engine-parity ")


def test_a_study_without_its_command_is_one_line_that_says_what_to_type(capsys):
    assert main(["vector-field", "levels=3"]) == 2
    assert "did you mean `chisel study vector-field levels=3`?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["list"],
        ["study", "help"],
        *(["study", study, "help"] for study in ("vector-field", "leaks", "aup-ablation")),
        ["completion", "words", "study", "vector-field", "s"],
        ["completion", "words", "train", "maze/quick", "algo."],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_loaded_to_help(words):
    code = (
        "import sys; from chisel.cli.main import main; code = main(sys.argv[1:]); "
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert done.stdout
