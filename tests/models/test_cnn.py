"""SafeLife's network is the paper's: layers, sizes and outputs."""

import pytest
import torch
import torch.nn.functional as F

from chisel import configs
from chisel.configs import CnnConfig, CnnExpertsConfig, ConfigError
from chisel.models import Spaces, build

VIEWS = Spaces((25, 25, 1), "int16", 1023.0, 9, packed=10)


def test_it_has_the_papers_parameters_but_for_the_eight_more_outputs_of_its_value():
    model = build(CnnConfig(), VIEWS)
    assert sum(one.numel() for one in model.parameters()) == 368_114 - 8 * 513
    assert model.embedder.fc.weight.shape == (512, 576)


def test_it_computes_what_its_layers_say():
    model, obs = build(CnnConfig(), VIEWS), torch.randint(0, 1024, (3, 1, 25, 25))
    planes = torch.stack([(obs[:, 0] >> bit & 1).float() for bit in range(10)], dim=1)
    state = model.embedder.state_dict()

    def conv(x, number, stride):
        weight, bias = state[f"conv{number}.weight"], state[f"conv{number}.bias"]
        return F.relu(F.conv2d(x, weight, bias, stride))

    flat = conv(conv(conv(planes, 1, 2), 2, 2), 3, 1).flatten(1)
    features = F.relu(flat @ state["fc.weight"].T + state["fc.bias"])
    logits, values = model(obs)
    assert torch.allclose(model.features(obs), features, atol=1e-6)
    assert logits.shape == (3, 9)
    assert values.shape == (3,)


def test_images_that_are_too_small_are_refused_in_one_line():
    build(CnnConfig(), Spaces((17, 17, 3), "uint8", 255.0, 4))
    with pytest.raises(ConfigError, match="17x17 or more, not 20x16"):
        build(CnnConfig(), Spaces((20, 16, 3), "uint8", 255.0, 4))


def test_another_number_of_convolutions_is_refused_before_anything_is_built():
    with pytest.raises(ConfigError, match=r"one number for each of the 3 convolutions"):
        configs.load("safelife/quick", ["model.channels=[16,32]"])


def test_experts_begin_with_equal_shares_and_one_alone_is_the_network_without_the_others():
    model = build(CnnExpertsConfig(experts=("a", "b", "c")), VIEWS)
    obs = torch.randint(0, 1024, (3, 1, 25, 25))
    image, mixture = model.image(obs), model.embedder
    assert torch.allclose(mixture.gate(mixture.gate_net(image)), torch.full((3, 3), 1 / 3))
    alone = torch.stack([expert(image) for expert in mixture.experts.values()])
    assert torch.allclose(model.features(obs), alone.mean(0), atol=1e-6)
    assert not torch.allclose(alone[0], alone[1])


def test_two_experts_of_the_same_name_are_refused():
    with pytest.raises(ConfigError, match="two different names"):
        configs.load("safelife/impact-gate", ["model.experts=[clean,clean]"])
