"""Norms, growth and horizons are those of slow computations by hand."""

import pytest
import torch
from torch import nn

from chisel.analysis.interventions import intervene, project_out, record, with_weights
from chisel.analysis.language import (
    forget,
    growth,
    horizon,
    measure_norms,
    older_parts,
    only_first,
    site_table,
    stream_of_language_model,
    streams_of_images,
    without_direction,
)
from chisel.configs import ConfigError
from chisel.models.impala import impala
from tests.models.language import tiny


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_norms_leave_out_padding_and_position_0(kind, models):
    lm = models[kind]
    table = site_table(lm.model)
    stream, tokens = stream_of_language_model(table), lm.tokens(tiny.TEXTS)
    found = measure_norms(lm.model, stream, lambda: lm.logits(tokens), tokens.positions)
    for row, text in enumerate(tiny.TEXTS):
        states = record(lm.model, stream.sites, lambda text=text: lm.logits(lm.tokens([text])))
        for layer, site in enumerate(stream.sites):
            values = states[site][0]
            if kind == "gpt2":
                values = values - values.mean(1, keepdim=True)
            norms = values.norm(dim=1)
            assert float(found.stream[layer, row]) == pytest.approx(
                float(norms[1:].mean()), rel=1e-4
            )
            assert float(found.first[layer, row]) == pytest.approx(float(norms[0]), rel=1e-4)
            assert float(found.every[layer, row]) == pytest.approx(float(norms.mean()), rel=1e-4)


def test_the_norm_grows_by_no_more_than_what_is_added(models):
    lm = models["llama"]
    stream, tokens = stream_of_language_model(site_table(lm.model)), lm.tokens(tiny.TEXTS)
    found = measure_norms(lm.model, stream, lambda: lm.logits(tokens), tokens.positions)
    assert (found.stream[1:] <= found.stream[:-1] + found.added.sum(1) + 1e-5).all()
    weight = lm.model.get_submodule(stream.weights[0][1]).weight
    assert float(found.weights[0, 1]) == pytest.approx(float(weight.norm()), rel=1e-5)


def test_exponential_growth_is_found_exactly():
    norms = 2.5 * 1.07 ** torch.arange(12.0)[:, None] * torch.tensor([1.0, 3.0])
    rate, explained = growth(norms, 2, 9)
    torch.testing.assert_close(rate, torch.full((2,), 1.07, dtype=torch.float64))
    torch.testing.assert_close(explained, torch.ones(2, dtype=torch.float64))


class Adder(nn.Module):
    """A block that adds a linear function of what it reads."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x):
        return x + x @ self.weight


def adders(depth=4):
    draws = torch.Generator().manual_seed(0)
    blocks = [Adder(torch.randn(3, 3, generator=draws) * 0.5) for _ in range(depth)]
    return nn.Sequential(*blocks), torch.randn(2, 5, 3, generator=draws)


def by_hand(model, x, k, readers, instead):
    """What `forget` should do, with the stream as a list of all that was written."""
    written = [x]
    for number, block in enumerate(model):
        seen = sum(written)
        if number in readers and number >= k:
            seen = sum(written[number - k + 1 :]) + instead[number - k]
        written.append(seen @ block.weight)
    end = len(model)
    if end in readers and end >= k:
        return sum(written[end - k + 1 :]) + instead[end - k]
    return sum(written)


@pytest.mark.parametrize("readers", [range(1, 5), [4], [2], range(2, 5)])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_reads_see_what_the_last_k_blocks_wrote(k, readers):
    model, x = adders()
    stream = stream_for(model)
    positions = torch.arange(5).expand(2, 5)
    means = older_parts(model, stream, lambda: model(x), positions)
    for instead in (means, only_first(means)):
        with intervene(model, forget(stream, k, readers, instead)):
            found = model(x)
        torch.testing.assert_close(found, by_hand(model, x, k, list(readers), instead))
    assert torch.equal(found, model(x)) == (max(readers) < k)


def stream_for(model):
    from chisel.analysis.language import Stream

    names = tuple(str(number) for number in range(len(model)))
    return Stream("", names, -1, tuple(() for _ in names), tuple(() for _ in names))


def test_the_horizon_is_the_least_k_from_which_on_the_loss_stays_small():
    losses = {1: 3.0, 2: 1.0, 3: 1.5, 4: 1.0}
    assert [horizon(losses, most) for most in (0.5, 1.2, 2.0, 4.0)] == [None, 4, 2, 1]


def test_position_0_keeps_its_own_mean_and_padding_counts_for_nothing():
    model, x = adders(1)
    positions = torch.tensor([[0, 1, 2, -1, -1], [0, 1, 2, 3, -1]])
    means = older_parts(model, stream_for(model), lambda: model(x), positions)
    torch.testing.assert_close(means[0][0, 0], x[:, 0].mean(0))
    rest = torch.cat([x[0, 1:3], x[1, 1:4]]).mean(0)
    torch.testing.assert_close(means[0][0, 1:], rest.expand(4, 3))


def test_impala_has_a_stream_in_each_block_to_which_units_add():
    model = impala((8, 8, 3), (4, 5), 6)
    x = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    streams = streams_of_images(model)
    assert [one.blocks for one in streams] == [
        ("block1.res1", "block1.res2"),
        ("block2.res1", "block2.res2"),
    ]
    for stream in streams:
        sites = [*stream.sites, *(site for sites in stream.added for site in sites)]
        found = record(model, sites, lambda: model(x))
        for number, (site,) in enumerate(stream.added):
            total = found[stream.sites[number]] + found[site]
            torch.testing.assert_close(total, found[stream.sites[number + 1]])
        norms = measure_norms(model, stream, lambda: model(x), None)
        expected = found[stream.sites[1]].norm(dim=1).mean((1, 2))
        torch.testing.assert_close(norms.stream[1], expected.double())


def test_a_network_without_residual_units_has_no_stream():
    with pytest.raises(ConfigError, match="no residual units"):
        streams_of_images(nn.Linear(2, 2))


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_weights_without_a_direction_write_what_project_out_leaves(kind, models):
    lm = models[kind]
    table, tokens = site_table(lm.model), lm.tokens(tiny.TEXTS)
    direction = torch.randn(16, generator=torch.Generator().manual_seed(3))
    parts = ["embed", *(f"block.{n}.{part}" for n in range(3) for part in ("attn", "mlp"))]
    end = table.site("block.2.out")
    edits = {table.site(name): project_out(direction) for name in parts}
    with intervene(lm.model, edits):
        expected = record(lm.model, [end], lambda: lm.logits(tokens))[end]
    before = {name: value.clone() for name, value in lm.model.named_parameters()}
    with with_weights(lm.model, without_direction(lm.model, table, direction)):
        found = record(lm.model, [end], lambda: lm.logits(tokens))[end]
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)
    assert float((found @ direction).abs().max()) < 1e-4
    assert all(torch.equal(before[name], value) for name, value in lm.model.named_parameters())


def test_a_family_that_norms_what_it_writes_is_refused(models):
    lm = models["gemma3"]
    with pytest.raises(ConfigError, match="use project_out"):
        without_direction(lm.model, site_table(lm.model), torch.ones(16))
