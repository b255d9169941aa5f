"""The ablation matrix compares the same episodes under each ablation, controls among them."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from chisel import routing
from chisel.analysis.ablation import ablation_matrix, over_seeds
from chisel.analysis.ablation.matrix import NONE
from chisel.analysis.results import plain
from chisel.analysis.results import proportion as share

REGIONS = {"left": [{"module": "1", "units": "0:2"}], "right": [{"module": "1", "units": "6:8"}]}


METRICS = {"sum": None, "above": (0.0, 1.0)}
"""Names and ranges of what `player` measures."""


def layered():
    """Eight inputs pass a named place and are added up by a layer with known weights."""
    model = nn.Sequential(nn.Identity(), nn.ReLU(), nn.Linear(8, 1, bias=False))
    with torch.no_grad():
        model[2].weight.copy_(torch.arange(1.0, 9.0))
    return model


def matrix_of(model, regions, play, **options):
    return ablation_matrix(model, regions, play, metrics=METRICS, **options)


def player(model, inputs, calls=None, units=None):
    """One episode for each row of inputs: what the model says, and whether that is above 20."""

    def play(context):
        if calls is not None:
            calls.append(context)
        with context():
            out = model(inputs).squeeze(1).double()
        above = (out > 20).double()
        above[0] = torch.nan
        return pd.DataFrame({"sum": out.detach().numpy(), "above": above.numpy()} | (units or {}))

    return play


@pytest.fixture
def inputs():
    return torch.rand(200, 8, generator=torch.Generator().manual_seed(0))


def test_rows_are_the_outputs_of_the_network_without_the_units(inputs):
    model = layered()
    regions = routing.resolve(model, REGIONS)
    matrix = matrix_of(model, regions, player(model, inputs))
    weights = np.arange(1.0, 9.0)
    whole = inputs.double().numpy() @ weights
    without = {"left": [0, 1], "right": [6, 7], NONE: []}
    for name, units in without.items():
        left = np.delete(np.arange(8), units)
        expected = inputs.double().numpy()[:, left] @ weights[left]
        assert matrix[name].metrics["sum"].value == pytest.approx(expected.mean(), rel=1e-5)
        change = matrix[name].change["sum"]
        assert change.value == pytest.approx((expected - whole).mean(), rel=1e-5, abs=1e-12)
        above = expected[1:] > 20
        assert matrix[name].metrics["above"] == share(int(above.sum()), 199)


def test_changes_are_paired(inputs):
    model = layered()
    regions = routing.resolve(model, REGIONS)
    matrix = matrix_of(model, regions, player(model, inputs), mode=0.999, controls=1)
    value, change = matrix["right"].metrics["sum"], matrix["right"].change["sum"]
    assert change.high < 0
    assert value.low < matrix[NONE].metrics["sum"].value < value.high


def test_a_layout_counts_once_in_every_value_and_change(inputs):
    model = layered()
    regions = routing.resolve(model, REGIONS)
    of_each = {"layout": np.arange(200)}
    once = matrix_of(model, regions, player(model, inputs, units=of_each), unit="layout")
    times = np.where(np.arange(200) % 3 == 1, 5, 1)  # not the first, whose metric is unknown
    more = inputs.repeat_interleave(torch.as_tensor(times), 0)
    layouts = np.arange(200).repeat(times)
    of_more = {"layout": layouts}
    again = matrix_of(model, regions, player(model, more, units=of_more), unit="layout")
    assert (again.levels, again.layouts) == (len(more), once.layouts) == (len(more), 200)
    for row, same in zip(once.rows, again.rows, strict=True):
        for name in once.metrics:
            # Sums differ in their last digit, so that the bootstrap draws others.
            assert same.metrics[name].value == pytest.approx(row.metrics[name].value)
            assert same.metrics[name].n == row.metrics[name].n
            assert same.change[name].value == pytest.approx(row.change[name].value, abs=1e-12)
        assert same.metrics["above"] == row.metrics["above"]
        assert same.change["above"] == row.change["above"]
    assert "in 200 layouts" in again.table("").caption
    together = over_seeds([again, again])
    assert (together.levels, together.layouts) == (len(more), 200)
    alone = matrix_of(model, regions, player(model, inputs))
    assert alone.layouts is None
    assert "over the same 200 episodes" in alone.table("").caption


def test_a_return_that_is_0_or_1_throughout_is_no_share_and_seeds_may_differ(inputs):
    regions = routing.resolve(layered(), REGIONS)

    def matrix(returns):
        values = pd.DataFrame({"P(end)": np.zeros(200), "return": returns})
        ranges = {"P(end)": (0.0, 1.0), "return": None}
        return ablation_matrix(
            layered(), regions, lambda context: values, metrics=ranges, controls=0
        )

    poor, rich = matrix(np.zeros(200)), matrix(np.linspace(8, 10, 200))
    assert poor[NONE].metrics["P(end)"] == share(0, 200)
    assert poor["left"].change["P(end)"].high > 0, "200 equal episodes are no proof"
    assert np.isnan(poor[NONE].metrics["return"].high)
    assert "nan" not in str(list(poor.table("").table().columns[3].cells))
    together = over_seeds([poor, rich])
    assert together[NONE].metrics["return"].value == pytest.approx(4.5)
    assert together[NONE].metrics["return"].high > 10
    assert together[NONE].metrics["P(end)"].low == 0


def test_each_region_has_its_random_ones_and_the_same_seed_draws_the_same(inputs):
    model = layered()
    regions = routing.resolve(model, REGIONS)
    one, same, other = (
        matrix_of(model, regions, player(model, inputs), controls=3, seed=seed)
        for seed in (0, 0, 1)
    )
    assert [row.name for row in one.rows] == [
        NONE,
        "left",
        "right",
        *(f"random:{name} {number}" for name in REGIONS for number in (1, 2, 3)),
    ]
    assert [row.like for row in one.rows[3:]] == ["left"] * 3 + ["right"] * 3
    assert [row.label for row in one.rows[1:5]] == [
        "without left",
        "without right",
        "without random 1, size of left",
        "without random 2, size of left",
    ]
    assert len({row.metrics["sum"].value for row in one.rows[3:]}) > 3
    assert plain(one) == plain(same) != plain(other)


def test_a_region_too_small_for_controls_says_so(inputs):
    model = layered()
    regions = routing.resolve(model, {**REGIONS, "sum": [{"module": "2"}]})
    matrix = matrix_of(model, regions, player(model, inputs), controls=2)
    assert [row.like for row in matrix.rows if row.kind == "random"] == ["left"] * 2 + ["right"] * 2
    assert list(matrix.uncontrolled) == ["sum"]
    assert "no random control: region sum" in matrix.table("").caption


def test_the_printed_table_has_words_and_its_file_has_names(inputs):
    model = layered()
    matrix = matrix_of(
        model, routing.resolve(model, REGIONS), player(model, inputs), controls=1, gates=True
    )
    table = matrix.table("")
    names = [NONE, "left", "right", "random:left 1", "random:right 1"]
    assert list(dict.fromkeys(table.frame["without"])) == names
    (first, *_) = table.table().columns
    words = ["nothing", "left", "right", "random 1, size of left", "random 1, size of right"]
    assert list(dict.fromkeys(first.cells)) == words


@pytest.mark.parametrize("gates", [False, True])
def test_the_table_says_where_random_units_leave_a_gate_alone_that_regions_silence(gates):
    regions = {
        "low": [{"module": "0", "units": "0:8"}, {"module": "1", "units": "0"}],
        "high": [{"module": "0", "units": "8:16"}, {"module": "1", "units": "1"}],
    }
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 2), nn.Linear(2, 1))
    matrix = matrix_of(
        model,
        routing.resolve(model, regions),
        player(model, torch.rand(30, 8)),
        controls=1,
        gates=gates,
    )
    said = matrix.table("").caption
    assert ("random units are none of a gate" in said) != gates


def test_the_table_says_why_equal_values_have_no_interval(inputs):
    model = layered()
    regions = routing.resolve(model, REGIONS)
    note = "no interval where all values are equal"
    equal = inputs[:1].expand(50, 8)
    assert note in matrix_of(model, regions, player(model, equal)).table("").caption
    assert note not in matrix_of(model, regions, player(model, inputs)).table("").caption


def test_means_are_recorded_on_what_record_runs(inputs):
    model = layered()
    regions = routing.resolve(model, REGIONS)
    matrix = matrix_of(
        model,
        regions,
        player(model, inputs),
        mode="mean",
        record=lambda regions: routing.record_means(model, regions, lambda: model(inputs)),
        controls=1,
    )
    for row in matrix.rows:
        assert row.change["sum"].value == pytest.approx(0, abs=1e-5)
    assert np.std(matrix["right"].values["sum"]) < np.std(matrix[NONE].values["sum"])
    with pytest.raises(routing.RoutingError, match="means"):
        matrix_of(model, regions, player(model, inputs), mode="mean")


def test_the_first_row_runs_without_any_context_and_progress_ends_at_the_total(inputs):
    model, calls, progress = layered(), [], []
    regions = routing.resolve(model, REGIONS)
    matrix_of(
        model,
        regions,
        player(model, inputs, calls),
        controls=1,
        progress=lambda *what: progress.append(what),
    )
    with calls[0]() as nothing:
        assert nothing is None
    assert progress[0] == (NONE, 0, 5)
    assert progress[-1][1:] == (5, 5)


def test_a_metric_that_says_nothing_about_any_episode_is_left_out(inputs):
    regions = routing.resolve(layered(), REGIONS)
    values = pd.DataFrame({"sum": np.ones(5), "above": np.full(5, np.nan)})
    matrix = matrix_of(layered(), regions, lambda context: values, controls=0)
    assert matrix.metrics == ("sum",)


def test_changes_within_a_range_stay_within_its_width(inputs):
    regions = routing.resolve(layered(), REGIONS)
    tables = iter([pd.DataFrame({"return": np.full(40, value)}) for value in (-1.0, 1.0, 1.0)])
    ranges = {"return": (-1.0, 1.0)}
    play = lambda context: next(tables)  # noqa: E731  # one table for each row
    matrix = ablation_matrix(layered(), regions, play, metrics=ranges, controls=0)
    change = matrix["left"].change["return"]
    assert change.value == change.high == 2
    assert 1.5 < change.low < 2
