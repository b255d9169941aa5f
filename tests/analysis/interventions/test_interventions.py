"""Interventions give the results computed by hand, and end with their context."""

import pytest
import torch
from torch import nn

from chisel.analysis.interventions import (
    add,
    clamp,
    clamp_each,
    compose,
    intervene,
    mean,
    project_out,
    record,
    recording,
    resample,
    scale,
    weight_difference,
    with_weights,
    zero,
)
from chisel.configs import ConfigError


class Net(nn.Module):
    """Channels 0, 1, 2 are 1, 10 and 100 times the picture; the answer is the sum of everything."""

    def __init__(self):
        super().__init__()
        self.copy = nn.Identity()
        self.conv = nn.Conv2d(1, 3, 1, bias=False)
        self.last = nn.Sequential(nn.Flatten(), nn.Linear(12, 1, bias=False))
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([1.0, 10, 100]).view(3, 1, 1, 1))
            self.last[1].weight.fill_(1)

    def forward(self, x):
        return self.last(self.conv(self.copy(x))) + 0 * x.sum()


PICTURES = torch.tensor([[[[1.0, 2], [3, 4]]], [[[0.0, 0], [0, 5]]]])
"""Sums 10 and 5, so the answers are 1110 and 555."""


@pytest.fixture
def net():
    return Net()


def answers(net, edit, module="conv"):
    with intervene(net, {module: edit}):
        return net(PICTURES).flatten().tolist()


ONE_HOT = torch.zeros(3, 2, 2)
ONE_HOT[1, 0, 1] = 7

ON_PAPER = {
    "nothing": (compose(), [1110, 555]),
    "add": (add(ONE_HOT, -2), [1096, 541]),
    "add, each its own vector": (add(torch.stack([ONE_HOT, 0 * ONE_HOT])), [1117, 555]),
    "add, each its own coefficient": (add(ONE_HOT, torch.tensor([1.0, 3])), [1117, 576]),
    "project one number out": (project_out(ONE_HOT), [1110 - 20, 555]),
    "project a channel out": (project_out(torch.tensor([0.0, 0, -4])), [110, 55]),
    "clamp one cell": (clamp(2, [(1, 1)], 1.0), [1110 - 400 + 1, 555 - 500 + 1]),
    "clamp two cells of two": (clamp([0, 1], [(0, 0), (0, 1)], 1.0), [1110 - 33 + 4, 555 + 4]),
    "clamp each channel its own": (clamp([0, 1], [(0, 0)], torch.tensor([5.0, 6])), [1110, 566]),
    "clamp everywhere": (clamp(2, None, 1.0), [114, 59]),
    "clamp another cell each": (
        clamp_each(2, torch.tensor([[0, 0], [1, 1]]), 0.0),
        [1110 - 100, 55],
    ),
    "scale": (scale(0.5, [2]), [110 + 500, 55 + 250]),
    "scale all": (scale(2), [2220, 1110]),
    "zero": (zero([0, 2]), [100, 50]),
    "zero the last": (zero(-1), [110, 55]),
    "zero all": (zero(), [0, 0]),
    "mean by channel": (mean(torch.tensor([1.0, 2, 3]), [1, 2]), [10 + 8 + 12, 5 + 8 + 12]),
    "mean by place": (mean(ONE_HOT), [7, 7]),
    "resample from a donor": (resample(ONE_HOT, [1]), [1010 + 7, 505 + 7]),
    "resample in the batch": (
        resample(torch.Generator().manual_seed(0), 2),
        [110 + 500, 55 + 1000],
    ),
    "first comes first": (compose(clamp(0, None, 1.0), scale(3, 0)), [1100 + 12, 550 + 12]),
}


@pytest.mark.parametrize("name", ON_PAPER)
def test_every_edit_gives_the_result_computed_by_hand(net, name):
    edit, expected = ON_PAPER[name]
    assert answers(net, edit) == pytest.approx(expected)


@pytest.mark.parametrize("name", ON_PAPER)
def test_no_edit_changes_its_input(name):
    values = torch.arange(24.0).view(2, 3, 2, 2)
    before = values.clone()
    edited = ON_PAPER[name][0](values)
    if name != "nothing":
        edited += 1
    assert torch.equal(values, before)


def test_an_edit_that_writes_in_place_changes_nothing_upstream(net):
    """The output of an identity is its input, which other modules may read later."""
    pictures = PICTURES.clone()
    with intervene(net, {"copy": lambda values: values.mul_(0)}):
        assert net(pictures).flatten().tolist() == [0, 0]
    assert torch.equal(pictures, PICTURES)


def test_each_example_keeps_its_own_numbers(net):
    """Public code wrote channel values of the first example into the whole batch."""
    with intervene(net, {"conv": clamp(1, [(0, 0)], 9.0)}), recording(net, ["conv"]) as kept:
        net(PICTURES)
    expected = torch.cat([PICTURES, 10 * PICTURES, 100 * PICTURES], dim=1)
    expected[:, 1, 0, 0] = 9
    assert torch.equal(kept["conv"][0], expected)


def test_mean_puts_in_the_given_values_whatever_passed_before(net):
    """Public code fell back on activations of an earlier run."""
    edit = mean(torch.zeros(3))
    net(PICTURES)
    assert answers(net, edit) == [0, 0]
    with pytest.raises(TypeError):
        mean()


def test_inner_interventions_edit_the_outputs_of_outer_ones(net):
    with intervene(net, {"conv": zero()}), intervene(net, {"conv": add(torch.ones(3, 2, 2))}):
        assert net(PICTURES).flatten().tolist() == [12, 12]
    with intervene(net, {"conv": add(torch.ones(3, 2, 2))}), intervene(net, {"conv": zero()}):
        assert net(PICTURES).flatten().tolist() == [0, 0]


def test_edits_end_with_the_context_also_after_an_exception(net):
    before = net(PICTURES)
    with intervene(net, {"conv": zero()}):
        pass
    with pytest.raises(RuntimeError, match="on the way"), intervene(net, {"conv": zero()}):
        raise RuntimeError("on the way")

    def broken(values):
        raise RuntimeError("in the edit")

    with pytest.raises(RuntimeError, match="in the edit"), intervene(net, {"conv": broken}):
        net(PICTURES)
    assert torch.equal(net(PICTURES), before)
    assert not any(module._forward_hooks for module in net.modules())


def test_recordings_are_copies_of_all_calls_in_order(net):
    found = record(net, ["copy", "conv"], lambda: [net(PICTURES[:1]), net(PICTURES[1:])])
    assert torch.equal(found["copy"], PICTURES)
    assert found["conv"].shape == (2, 3, 2, 2)
    assert not found["conv"].requires_grad
    assert found["copy"].data_ptr() != PICTURES.data_ptr()


def test_another_librarys_module_can_be_edited():
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).train()
    with intervene(layer, {"linear2": zero()}):
        layer(torch.zeros(1, 2, 4))


def test_gradients_pass_through_edits(net):
    pictures = PICTURES.clone().requires_grad_()
    with intervene(net, {"conv": scale(0.5)}):
        net(pictures).sum().backward()
    assert torch.equal(pictures.grad, torch.full_like(PICTURES, 55.5))


WRONG = [
    ({"cnov": zero()}, "no module 'cnov'; did you mean 'conv'"),
    ({"conv": zero(3)}, r"unit 3 is out of range: the layer has 3 \(0…2\)"),
    ({"conv": zero(-4)}, "unit -4 is out of range"),
    ({"conv": clamp(5, None, 0)}, "the layer has 3"),
    ({"conv": clamp(0, [(0, 2)], 0)}, r"cell \(0, 2\) is out of range: the layer is 2×2"),
    ({"conv": clamp(0, [(-1, 0)], 0)}, "out of range"),
    ({"last": clamp(0, [(0, 0)], 0)}, "has no cells"),
    ({"conv": clamp([0, 1], None, torch.ones(3))}, "3] values for 2 channels"),
    ({"conv": clamp_each(0, torch.zeros(3, 2, dtype=torch.long), 0)}, "3 cells for 2 examples"),
    ({"conv": add(torch.ones(3, 2))}, r"shape \[3, 2\], but the layer's activation is \[3, 2, 2\]"),
    ({"conv": add(torch.ones(5, 3, 2, 2))}, "for each of 2 examples"),
    ({"conv": add(ONE_HOT, torch.ones(3))}, "3 coefficients for 2 examples"),
    ({"conv": project_out(torch.ones(4))}, "the direction has shape"),
    ({"conv": lambda values: values[:1]}, "shapes must stay"),
    ({"conv": lambda values: None}, "an edit made NoneType"),
]


@pytest.mark.parametrize(("edits", "complaint"), WRONG)
def test_values_that_do_not_fit_are_refused_in_one_line(net, edits, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught, intervene(net, edits):
        net(PICTURES)
    assert "\n" not in str(caught.value)


def test_zero_directions_lone_resampling_and_empty_recordings_are_refused(net):
    with pytest.raises(ConfigError, match="must not be zero"):
        project_out(torch.zeros(3))
    alone = resample(torch.Generator())
    with pytest.raises(ConfigError, match="at least 2"), intervene(net, {"conv": alone}):
        net(PICTURES[:1])
    with pytest.raises(ConfigError, match="nothing passed conv"):
        record(net, ["conv"], lambda: None)


def test_a_module_with_several_outputs_is_refused():
    net = nn.Sequential(nn.LSTM(2, 2))
    with (
        pytest.raises(ConfigError, match="the output of 0 is a tuple"),
        intervene(net, {"0": zero()}),
    ):
        net(torch.zeros(1, 1, 2))


def test_a_module_that_is_never_called_is_an_error(net):
    net.unused = nn.Identity()
    with (
        pytest.raises(ConfigError, match="without calling unused"),
        intervene(net, {"unused": zero()}),
    ):
        net(PICTURES)


def test_compiled_networks_are_refused(net):
    with (
        pytest.raises(ConfigError, match="the model is compiled"),
        recording(torch.compile(net), ["conv"]),
    ):
        pass
    net.last.compile()
    with pytest.raises(ConfigError, match="last is compiled"), intervene(net, {"conv": zero()}):
        pass


def test_added_weights_are_restored_byte_for_byte(net):
    other = Net()
    with torch.no_grad():
        other.conv.weight[0] += 2
        other.last[1].weight.mul_(1 / 3)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    difference = weight_difference(other, net)
    assert difference["conv.weight"].flatten().tolist() == [2, 0, 0]
    only = {"conv.weight": difference["conv.weight"]}
    with with_weights(net, only, -0.5):
        assert net(PICTURES).flatten().tolist() == [1100, 550]
    with pytest.raises(RuntimeError), with_weights(net, difference), with_weights(net, difference):
        raise RuntimeError
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


def test_weights_that_do_not_fit_are_refused(net):
    with pytest.raises(ConfigError, match=r"no parameter 'conv\.wieght'; did you mean"):
        with_weights(net, {"conv.wieght": torch.zeros(1)}).__enter__()
    with pytest.raises(ConfigError, match="has shape"):
        with_weights(net, {"conv.weight": torch.zeros(1)}).__enter__()
    with pytest.raises(ConfigError, match="built differently"):
        weight_difference(net, nn.Linear(2, 2))
