"""What is installed, and what to type for what is missing."""

import re

import pytest

from chisel import configs
from chisel.cli.main import main
from tests.house.rooms import NAME, ROOMS, ROOT


@pytest.fixture
def web_framework(tmp_path, monkeypatch):
    """Installs the distribution `chisel` 1.3.1 as pip would, as far as its version tells."""
    info = tmp_path / "chisel-1.3.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: chisel\nVersion: 1.3.1\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_the_web_framework_of_the_same_name_is_said_to_be_there_in_one_line(web_framework, capsys):
    assert main(["list"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("chisel: the web framework chisel 1.3.1 is installed in the same place")
    assert "pip uninstall chisel" in line
    assert line.endswith(configs.DISTRIBUTION)


def test_without_it_nothing_is_said(capsys):
    assert configs.namesake() is None
    assert main(["list"]) == 0
    assert not capsys.readouterr().err


def test_an_extra_is_installed_by_the_name_of_the_distribution_or_in_a_clone():
    said = configs.how_to_install("procgen")
    assert said == "pip install 'chisel-agents[procgen]', or pip install '.[procgen]' in a clone"


def test_every_message_and_page_that_installs_names_the_distribution_or_the_clone():
    """`pip install chisel` would install somebody else's web framework."""
    wrong = re.compile(r"pip install (?:[-\w]+ )*['\"]?chisel(?!-agents)\b|chisel\[")
    files = [file for room in (NAME, *ROOMS) for file in (ROOT / room).rglob("*.py")]
    files += [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    for file in files:
        found = wrong.search(file.read_text(encoding="utf-8"))
        assert found is None, f"{file.relative_to(ROOT)}: {found and found[0]}"


def test_every_message_about_an_extra_says_how_to_install_it():
    """Written in one place only, so that no message can name it otherwise."""
    for room in (NAME, *ROOMS):
        for file in (ROOT / room).rglob("*.py"):
            if file != ROOT / "configs/installed.py":
                assert "pip install" not in file.read_text(encoding="utf-8"), file
