"""What text options may say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chisel import configs
from chisel.configs import ConfigError, parse_settings

OPTIONAL = ("name", "init_from", "tracking.entity", "tracking.group")


@pytest.mark.parametrize("word", ["None", "none"])
@pytest.mark.parametrize("key", [*OPTIONAL, "runs_dir", "tracking.project"])
def test_none_is_no_text(key: str, word: str, tmp_path: Path) -> None:
    right = f"write {key}=null" if key in OPTIONAL else "leave it out"
    with pytest.raises(ConfigError, match=f"^{key} = {word}: {right}"):
        configs.load("maze/quick", [f"{key}={word}"])
    group, _, last = key.rpartition(".")
    text = f"{group}:\n  {last}: {word}\n" if group else f"{key}: {word}\n"
    (tmp_path / "mine.yaml").write_text(f"extends: maze/quick\n{text}")
    with pytest.raises(ConfigError, match=right):
        configs.load(str(tmp_path / "mine.yaml"))


def test_none_is_a_choice_where_it_is_one_of_the_choices() -> None:
    assert configs.load("maze/quick", ["algo.norm_adv=none"]).algo.norm_adv == "none"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("-runs", "begins with -"),
        ("'runs '", "a space"),
        ("'a,b'", "a comma"),
        ('"a\\tb"', "an invisible character"),
        ("~nobody-of-this-name/x", "the home of an unknown user"),
    ],
)
def test_a_folder_that_no_command_could_name_is_refused(path: str, why: str) -> None:
    with pytest.raises(ConfigError, match=f"^runs_dir = .*{why}"):
        configs.load("maze/smoke", [f"runs_dir={path}"])


@pytest.mark.parametrize("key", ["runs_dir", "init_from", "corpus.path"])
def test_the_home_in_a_path_is_written_out(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given = ["corpus.name=mnist"] if key == "corpus.path" else []
    config = configs.load("digits/halves", [*given, f"{key}=~/here=now"])
    value = config.corpus.path if key == "corpus.path" else getattr(config, key)
    assert value == os.path.join(tmp_path, "here=now")
    assert configs.from_plain(configs.to_plain(config)) == config


def test_what_a_finished_run_is_called_stays_readable(tmp_path: Path) -> None:
    """Earlier versions trained runs of any of these names."""
    plain = configs.to_plain(configs.load("maze/smoke"))
    old = plain | {"name": "None", "runs_dir": "a,b"}
    config = configs.from_plain(old)
    assert (config.name, config.runs_dir) == ("None", "a,b")
    (tmp_path / "config.yaml").write_text(configs.to_yaml(config))
    assert configs.load(str(tmp_path / "config.yaml")) == config


def test_text_with_yaml_in_it_is_refused_with_the_quotes_that_it_needs() -> None:
    with pytest.raises(ConfigError, match="quotes of its own: settings='\"…\"'"):
        parse_settings(["settings=seed=1 'x=[{a: b, c: d}]'"])
    assert parse_settings(['settings="x=[{a: b}]"']) == {"settings": "x=[{a: b}]"}
