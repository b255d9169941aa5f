"""The shipped sweeps, expanded by wandb itself."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml

from chisel import configs

SWEEPS = sorted((Path(configs.__file__).parent / "sweeps").glob("*.yaml"))


def read(path: Path) -> dict[str, Any]:
    sweep: dict[str, Any] = yaml.safe_load(path.read_text())
    return sweep


def command_lines(sweep: dict[str, Any]) -> list[list[str]]:
    """What an agent would run for every point of the grid, as wandb puts it together."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    names = list(sweep["parameters"])
    lines = []
    for values in itertools.product(*(sweep["parameters"][name]["values"] for name in names)):
        args = {name: {"value": value} for name, value in zip(names, values, strict=True)}
        known = create_sweep_command_args({"args": args}) | {"program": [sweep["program"]]}
        chunks = create_sweep_command(list(sweep["command"]))
        lines.append(
            [part for c in chunks for part in (known[c[2:-1]] if c.startswith("${") else [c])]
        )
    return lines


def test_there_are_sweeps() -> None:
    assert SWEEPS


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_point_of_a_sweep_is_a_valid_chisel_command(path: Path) -> None:
    lines = command_lines(read(path))
    for program, command, experiment, *overrides in lines:
        assert (program, command) == ("chisel", "train")
        config = configs.load(experiment, overrides)
        assert config.tracking.mode == "online"
    assert len({tuple(line) for line in lines}) == len(lines)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_overrides_reach_the_config(path: Path) -> None:
    _, _, experiment, *overrides = command_lines(read(path))[-1]
    plain: Any = configs.to_plain(configs.load(experiment, overrides))
    for name, value in read(path)["parameters"].items():
        found = plain
        for key in name.split("."):
            found = found[key]
        assert found == value["values"][-1]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_a_sweep_optimises_a_metric_that_runs_log(path: Path) -> None:
    assert read(path)["metric"]["name"] in {"charts/success", "charts/episodic_return"}


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_sweeps_are_no_experiments(path: Path) -> None:
    with pytest.raises(configs.ConfigError):
        configs.load(f"sweeps/{path.stem}")
