"""`lm-depth` says of each network what the studies of one say, and joins networks by depth."""

from pathlib import Path

import pytest

from chisel.analysis.results import load_networks
from chisel.analysis.studies.language import depth, layer_horizon, residual_norms

SHIPPED = str(Path(__file__).parents[3] / "agents" / "language-stories" / "seed-0")
SMALL = {"count": 3, "length": 32}
QUIET = {"progress": lambda *_: None}
NEAR = 0.1


@pytest.fixture(scope="module")
def found():
    networks = load_networks(SHIPPED)
    return depth.run((networks, networks), **SMALL, near=NEAR, **QUIET)


def test_each_network_has_the_numbers_of_the_studies_of_one(found):
    row = found.tables["networks"].rows[0]
    (fit,) = residual_norms.run(SHIPPED, **SMALL).data["fits"]
    assert row["growth"] == pytest.approx(fit["growth of the mean"])
    given = {"ks": (1, 2, 3, 4), "instead": ("mean",), "near": NEAR}
    reads = layer_horizon.run(SHIPPED, **SMALL, **given, **QUIET)
    assert row["loss"] == pytest.approx(reads.data["base"].value)
    horizons = {one["reads"]: one["horizon"] for one in reads.data["rows"]}
    assert (row["horizon"], row["horizon, final read"]) == (horizons["all"], horizons["final"])


def test_networks_of_one_depth_are_its_seeds(found):
    (row,) = found.tables["by-depth"].rows
    assert (row["layers"], row["seeds"]) == (4, 2)
    assert row["horizon"].value == found.tables["networks"].rows[0]["horizon"]


def test_where_any_rise_is_allowed_one_block_back_is_enough():
    (row,) = depth.run((load_networks(SHIPPED),), **SMALL, near=100.0, **QUIET).data["networks"]
    assert (row["horizon"], row["horizon, final read"]) == (1, 1)
