"""Every user of sites reaches the same tokens and units of blocks that return tuples."""

import numpy as np
import pytest
import torch

from chisel.analysis.attribution import integrated_gradients
from chisel.analysis.interventions import LayerSplit, add, intervene, record, recording, scale, zero
from chisel.analysis.steering import SteeringVector, activations, load_vector, mean_difference
from chisel.configs import CheckpointError, ConfigError
from chisel.routing import Site
from tests.routing.small_nets import TupleGPT

TOKENS = torch.randint(11, (3, 6), generator=torch.Generator().manual_seed(1))
HIDDEN = Site("blocks.0", element=0, axis=-1)
VECTOR = torch.linspace(-1, 1, 8)


@pytest.fixture
def net():
    return TupleGPT(weights=True).eval().requires_grad_(requires_grad=False)


def by_hand(net, change):
    """Logits if `change` is done to a copy of the first block's hidden states."""
    mask = torch.full((6, 6), float("-inf")).triu(1)
    x, _ = net.blocks[0](net.wte(TOKENS) + net.wpe(torch.arange(6)), mask)
    x = x.clone()
    change(x)
    x, _ = net.blocks[1](x, mask)
    return net.head(net.norm(x))


EDITS = {
    "add everywhere": ({}, add(VECTOR, 2), lambda x: x.add_(2 * VECTOR)),
    "add to the last": ({"positions": [-1]}, add(VECTOR), lambda x: x[:, -1].add_(VECTOR)),
    "units of two": (
        {"positions": (0, 2)},
        zero([1, -1]),
        lambda x: x[:, 0:3:2].index_fill_(2, torch.tensor([1, 7]), 0),
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_hidden_states_is_that_made_by_hand(net, name):
    site, edit, change = EDITS[name]
    with intervene(net, {Site("blocks.0", element=0, axis=-1, **site): edit}):
        found = net(TOKENS)
    torch.testing.assert_close(found, by_hand(net, change), rtol=0, atol=0)
    assert not torch.equal(found, net(TOKENS))


def test_inputs_outputs_and_elements_are_recorded_where_they_pass(net):
    places = ["wte", HIDDEN, Site("blocks.1", "input", element=0), Site("blocks.1", element=1)]
    found = record(net, places, lambda: net(TOKENS))
    assert torch.equal(found[HIDDEN], found[places[2]])
    assert torch.equal(found["wte"], net.wte(TOKENS))
    torch.testing.assert_close(found[places[3]].sum(-1), torch.ones(3, 6))
    last = Site("blocks.0", element=0, axis=-1, positions=[-1])
    with intervene(net, {last: scale(0)}), recording(net, [HIDDEN, last]) as kept:
        net(TOKENS)
    assert torch.equal(kept[HIDDEN][0][:, :-1], found[HIDDEN][:, :-1])
    assert not kept[last][0].any()
    assert kept[last][0].shape == (3, 1, 8)


WRONG = [
    (
        {"blocks.0": zero([0])},
        r"a tuple \(Tensor, Tensor\), not one tensor .*: give element",
    ),
    ({Site("blocks.0", element=2): zero()}, r"it is a tuple .*, which has no such element"),
    (
        {Site("wte", "input"): zero()},
        r"a tuple \(tensor of torch.int64\), not one tensor of floats: choose",
    ),
    ({Site("wte", element=0): zero()}, "is one tensor: leave element out"),
    ({Site("blocks.0.fc", axis=1): zero([0])}, "its units on axis -1, not 1: leave axis out"),
    ({Site("blocks.0", element=0): zero([0])}, r"give axis, as in Site\('blocks.0', axis=-1\)"),
    ({Site("blocks.0.fc", positions=[6]): zero([0])}, "no position 6"),
    ({Site("blocks.0.fc"): zero([16])}, "unit 16 is out of range: the layer has 16"),
    ({Site("block.0"): zero()}, "no module 'block.0'; did you mean 'blocks.0'"),
    ({Site("blocks.0.attn.out_proj"): zero()}, "without calling blocks.0.attn.out_proj"),
]


@pytest.mark.parametrize(("edits", "complaint"), WRONG)
def test_what_cannot_be_meant_is_refused_in_one_line(net, edits, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught, intervene(net, edits):
        net(TOKENS)
    assert "\n" not in str(caught.value)


def test_the_axis_of_attention_conv1d_embeddings_and_norms_is_known(net):
    for module in ("wte", "blocks.0.norm1", "blocks.0.attn", "blocks.0.fc", "head"):
        with intervene(net, {module: zero([3])}), recording(net, [module]) as kept:
            net(TOKENS)
        assert not kept[module][0][..., 3].any()
        assert kept[module][0][..., 4].any()


@pytest.mark.parametrize("site", [HIDDEN, Site("blocks.0", element=0, axis=-1, positions=[2, -1])])
def test_attributions_at_a_site_add_up_to_the_difference_of_the_logits(net, site):
    split, others = LayerSplit(net, site), TOKENS.roll(1, 0)
    hidden, start = split.before(TOKENS), split.before(others)

    def score(values):
        return split.differentiable(values, TOKENS)[:, -1, 4]

    found = integrated_gradients(score, hidden, start, steps=256, axis=-1)
    torch.testing.assert_close(torch.from_numpy(found.score).float(), net(TOKENS)[:, -1, 4])
    np.testing.assert_allclose(found.gap, 0, atol=1e-3)
    assert np.abs(found.difference).max() > 1e-2
    np.testing.assert_allclose(found.by_channel, found.values.sum(axis=1))
    unknown = integrated_gradients(score, hidden, start, steps=1)
    with pytest.raises(ConfigError, match="give integrated_gradients an axis, as in axis=-1"):
        _ = unknown.by_channel


def test_a_steering_vector_of_one_token_is_saved_with_its_site(net, tmp_path):
    site = Site("blocks.0", element=0, axis=-1, positions=[-1])
    others = TOKENS.flip(1)
    vector = mean_difference(net, site, TOKENS, others)
    hidden = [record(net, [HIDDEN], lambda t=t: net(t))[HIDDEN] for t in (TOKENS, others)]
    torch.testing.assert_close(vector, hidden[0][:, -1:].mean(0) - hidden[1][:, -1:].mean(0))
    made = SteeringVector(site, vector, {"obs_shape": [6]}, {"from": "here"})
    loaded = load_vector(made.save(tmp_path / "v.safetensors"))
    assert (loaded.site, loaded.observations, loaded.origin) == (
        site,
        made.observations,
        made.origin,
    )
    with intervene(net, {loaded.site: loaded.edit(-2)}):
        steered = activations(net, [HIDDEN], TOKENS)[HIDDEN]
    torch.testing.assert_close(steered[:, -1:], hidden[0][:, -1:] - 2 * vector)
    assert torch.equal(steered[:, :-1], hidden[0][:, :-1])


def test_a_file_whose_site_cannot_be_read_is_refused(tmp_path):
    path = SteeringVector("m", VECTOR, {}, {}).save(tmp_path / "v.safetensors")
    data = path.read_bytes()
    assert b'"module' in data.replace(b"\\", b"")
    path.write_bytes(data.replace(b"module", b"modul3"))
    with pytest.raises(CheckpointError, match="no steering vector"):
        load_vector(path)


def test_a_compiled_block_is_refused(net):
    net.blocks[0].compile()
    with pytest.raises(ConfigError, match="is compiled"), intervene(net, {HIDDEN: zero()}):
        pass
