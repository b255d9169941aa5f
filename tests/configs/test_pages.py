"""The YAML of a page of results: what it says, and one line for each fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from chisel.configs import ConfigError, Measurement, Training, read_page

GOOD = """\
entries:
  agents: {train: maze/routed-dropping, settings: trainer.threads=1, seeds: [3, 4], minutes: 25}
  cut: {study: ablation, of: agents, settings: levels=9, minutes: 1, figures: {a.png: b.png}}
  scores: {eval: agents, minutes: 1}
tables:
  numbers: {of: cut / ablation, unit: seeds, rows: "| a |"}
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    file = tmp_path / "docs" / "pages" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(GOOD)
    return file


def test_entries_and_tables_keep_their_order_and_types(page: Path) -> None:
    found = read_page(str(page))
    assert found.entries == {
        "agents": Training("maze/routed-dropping", (3, 4), 25, "trainer.threads=1"),
        "cut": Measurement(1, "ablation", "agents", None, "levels=9", {"a.png": "b.png"}),
        "scores": Measurement(1, eval="agents"),
    }
    assert list(found.entries) == ["agents", "cut", "scores"]
    assert found.tables["numbers"].unit == "seeds"


def test_a_page_says_its_commands_and_where_its_files_are(page: Path) -> None:
    found = read_page(str(page))
    agents, cut, scores = found.entries.values()
    assert isinstance(agents, Training)
    assert isinstance(cut, Measurement)
    assert isinstance(scores, Measurement)
    train = "chisel train maze/routed-dropping trainer.threads=1 seed=3,4"
    assert agents.command() == train
    assert agents.command(4) == "chisel train maze/routed-dropping trainer.threads=1 seed=4"
    assert cut.command("A B") == "chisel study ablation 'checkpoint=A B' levels=9"
    assert scores.command("A") == "chisel eval A"
    assert (found.name, found.text) == ("mine", page.with_suffix(".md"))


@pytest.mark.parametrize(
    ("page", "home"),
    [
        ("docs/reproductions/mine.yaml", "docs"),
        ("mine.yaml", "."),
        ("paper/mine.yaml", "paper"),
    ],
)
def test_numbers_and_plots_lie_in_docs_or_beside_a_page_that_is_elsewhere(
    page: str, home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path(page)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(GOOD)
    for called in (page, str(file.absolute())):
        found = read_page(called)
        assert found.results.absolute() == tmp_path / home / "results.csv"
        assert found.figures.absolute() == tmp_path / home / "figures"


def test_settings_may_follow_the_seed_of_each_run(page: Path) -> None:
    good = GOOD.replace("maze/routed-dropping", "safelife/ppo", 1)
    page.write_text(good.replace("trainer.threads=1", "'env.level_seed={seed}'", 1))
    [agents] = read_page(str(page)).trainings.values()
    assert agents.command(4) == "chisel train safelife/ppo env.level_seed=4 seed=4"


def test_a_page_in_docs_is_called_by_its_name(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.parent.rename(tmp_path / "docs" / "reproductions")
    monkeypatch.chdir(tmp_path)
    assert read_page("mine").name == "mine"
    with pytest.raises(ConfigError, match="did you mean 'mine'"):
        read_page("mien")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("minutes: 25", "minutes: 46", "agents: minutes = 46: a run or a study is planned for"),
        ("minutes: 25", "minutes: soon", "agents: minutes: Value 'soon'"),
        (", minutes: 25", "", "agents: .*missing mandatory value: minutes"),
        ("[3, 4]", "[3, 3]", "agents: seeds must list each seed once"),
        ("[3, 4]", "[]", "agents: seeds must list each seed once"),
        ("[3, 4]", "[three]", "agents: a list holds a value of the wrong type"),
        ("seeds:", "sedes:", "agents: unknown key 'sedes'; did you mean 'seeds'"),
        ("maze/routed-dropping", "maze/routd", "agents: unknown experiment 'maze/routd'"),
        ("trainer.threads=1", "trainer.thread=1", "agents: unknown key trainer.thread"),
        ("trainer.threads=1", "seed=1", "agents: settings: seed follows from the entry"),
        ("study: ablation", "study: ablatoin", "cut: unknown study 'ablatoin'; did you mean"),
        ("of: agents", "of: agnets", "cut: no training 'agnets' is listed above it; did you mean"),
        (
            "of: agents",
            "of: 'agents,agnets'",
            "cut: no training 'agnets' is listed above it; did you mean",
        ),
        ("levels=9", "out=here", "cut: settings: out follows from the entry"),
        ("{eval: agents, minutes: 1}", "{minutes: 1}", "scores: an entry has one of the keys"),
        ("{eval: agents, minutes: 1}", "train", "scores: an entry has one of the keys"),
        ("  scores:", "  cut:", "line 4: key 'cut' is given twice"),
        ("  scores:", "  Sc/ores:", "Sc/ores: a name has small letters"),
        ("unit:", "units:", "table numbers: unknown key 'units'; did you mean 'unit'"),
        ("tables:", "table:", "unknown key 'table'"),
    ],
)
def test_each_fault_is_one_line_that_names_the_entry(
    page: Path, old: str, new: str, said: str
) -> None:
    page.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError, match=said) as error:
        read_page(str(page))
    assert "\n" not in str(error.value)
