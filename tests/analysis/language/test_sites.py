"""Sites have the same names and meaning in every family of language models."""

import pytest
import torch
from torch import nn

from chisel.analysis.interventions import record
from chisel.analysis.language import site_table
from chisel.configs import ConfigError
from tests.models.language import tiny


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_block_leaves_what_entered_plus_what_attention_and_mlp_add(kind, models):
    lm = models[kind]
    table, tokens = site_table(lm.model), lm.tokens(tiny.TEXTS)
    sites = [table.site(name) for name in table.names()]
    found = record(lm.model, sites, lambda: lm.logits(tokens))

    def at(name):
        return found[table.site(name)]

    assert torch.equal(at("embed"), at("block.0.in"))
    for layer in range(3):
        total = at(f"block.{layer}.in") + at(f"block.{layer}.attn") + at(f"block.{layer}.mlp")
        torch.testing.assert_close(total, at(f"block.{layer}.out"), atol=1e-5, rtol=1e-5)
    for layer in range(2):
        assert torch.equal(at(f"block.{layer}.out"), at(f"block.{layer + 1}.in"))
    head = lm.model.get_output_embeddings()
    torch.testing.assert_close(head(at("final")), lm.logits(tokens), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_the_units_of_all_heads_are_those_of_each_one(kind, models):
    lm = models[kind]
    table = site_table(lm.model)
    assert (table.layers, table.heads, table.width) == (3, 2, 16)
    units = [list(table.units(f"block.1.heads.{head}")) for head in range(2)]
    assert units == [list(range(8)), list(range(8, 16))]
    assert table.units("block.1.heads") is None
    mixed = record(
        lm.model, [table.site("block.1.heads")], lambda: lm.logits(lm.tokens(tiny.TEXTS))
    )[table.site("block.1.heads")]
    assert mixed.shape[2] == 16


class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(4, 4)


class Own(nn.Module):
    """The names of our own GPT."""

    def __init__(self):
        super().__init__()
        self.embed = nn.ModuleDict({"tokens": nn.Embedding(5, 4), "positions": nn.Embedding(9, 4)})
        self.blocks = nn.ModuleList(
            nn.ModuleDict({"attn": Part(), "mlp": Part()}) for _ in range(2)
        )
        self.final_norm = nn.LayerNorm(4)


def test_our_own_gpt_has_the_same_names():
    table = site_table(Own())
    assert (table.layers, table.width, table.heads) == (2, 4, 0)
    assert table.site("block.1.attn").module == "blocks.1.attn"
    assert table.site("block.0.in").side == "input"
    assert table.writers(1) == ["blocks.1.attn.proj", "blocks.1.mlp.proj"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("block.1.mpl", "did you mean 'block.1.mlp'"),
        ("block.3.out", "N from 0 to 2"),
        ("block.1.heads.2", "H from 0 to 1"),
        ("wte", "There are|embed, final, block.N.in"),
    ],
)
def test_an_unknown_site_lists_near_ones(name, said, models):
    with pytest.raises(ConfigError, match=said):
        site_table(models["llama"].model).site(name)


def test_a_network_of_no_known_family_is_refused():
    with pytest.raises(ConfigError, match="Linear is of no known family"):
        site_table(nn.Linear(2, 2))
