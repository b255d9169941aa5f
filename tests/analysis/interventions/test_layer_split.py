"""A network that is split at a layer knows the axis of that layer's units."""

import pytest
import torch
from torch import nn

from chisel.analysis.interventions import LayerSplit
from chisel.configs import ConfigError
from chisel.routing import Site


def test_the_axis_of_units_is_the_layers_own_or_the_sites():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    tokens, images = torch.zeros(2, 5, 4), torch.zeros(2, 4, 3, 3)
    assert LayerSplit(net, "0").axis(tokens) == 2
    assert LayerSplit(net, "2").axis(images) == LayerSplit(net, "1").axis(images) == 1
    assert LayerSplit(net, Site("1", axis=-1)).axis(tokens) == 2
    with pytest.raises(ConfigError, match="give axis"):
        LayerSplit(net, "1").axis(tokens)
