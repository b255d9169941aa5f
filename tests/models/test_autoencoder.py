"""The autoencoder of two halves: inputs of its parts, and the gradients that reach them."""

import numpy as np
import pytest
import torch

from chisel.configs import AutoencoderNetConfig, ConfigError, ImpalaConfig
from chisel.models import HalvesAutoencoder, Spaces, build

SPACES = Spaces((4, 3, 1), "float32", obs_high=1.0, num_actions=0)


def make(seed=0, **options):
    config = AutoencoderNetConfig(**({"hidden": (7, 5), "code": 6} | options))
    return build(config, SPACES, HalvesAutoencoder, seed=seed)


def test_the_parts_are_the_papers_mirrored_layers_without_a_bias_at_the_encoding():
    model = make()
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    expected = {}
    for part, sizes in {
        "encoder": (12, 7, 5, 6),
        "decoder": (6, 5, 7, 12),
        "certificates.first": (3, 5, 7, 12),
        "certificates.second": (3, 5, 7, 12),
    }.items():
        for layer in (1, 2, 3):
            expected[f"{part}.fc{layer}.weight"] = (sizes[layer], sizes[layer - 1])
            if (part, layer) != ("encoder", 3):
                expected[f"{part}.fc{layer}.bias"] = (sizes[layer],)
    assert shapes == expected


def test_the_outputs_are_those_of_the_layers_written_out():
    model = make()
    images = torch.randn(8, 4, 3)
    made = model(images)

    def mlp(part, x):
        for layer in (1, 2, 3):
            weight = model.state_dict()[f"{part}.fc{layer}.weight"]
            bias = model.state_dict().get(f"{part}.fc{layer}.bias", torch.zeros(len(weight)))
            x = x @ weight.T + bias
            x = x.clamp(min=0) if layer < 3 else x
        return x

    encoding = mlp("encoder", images.reshape(8, 12))
    torch.testing.assert_close(made.encoding, encoding)
    torch.testing.assert_close(made.decoded, mlp("decoder", encoding).reshape(8, 4, 3))
    for part, half in (("first", encoding[:, :3]), ("second", encoding[:, 3:])):
        certified = mlp(f"certificates.{part}", half).reshape(8, 4, 3)
        torch.testing.assert_close(getattr(made, part), certified)


def test_a_certificate_gets_only_its_half_and_trains_only_itself():
    model = make()
    made = model(torch.randn(8, 4, 3))
    (made.first.sum() + made.second.sum()).backward()
    taught = {name for name, value in model.named_parameters() if value.grad is not None}
    assert taught == {n for n, _ in model.named_parameters() if n.startswith("certificates.")}


def test_the_same_seed_gives_the_same_bits_and_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    one, two, other = make(3), make(3), make(4)
    assert torch.equal(torch.random.get_rng_state(), before)
    for key, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[key])
        assert not torch.equal(value, other.state_dict()[key])


def test_initial_weights_are_uniform_within_one_over_the_root_of_the_inputs():
    weight = make(hidden=(400, 300)).encoder.fc2.weight.detach().numpy().ravel()
    bound = 400**-0.5
    assert np.abs(weight).max() <= bound
    quantiles = np.quantile(weight, [0.1, 0.25, 0.5, 0.75, 0.9])
    assert quantiles == pytest.approx(np.array([-0.8, -0.5, 0, 0.5, 0.8]) * bound, abs=2e-4)


def test_networks_of_the_other_kind_are_refused():
    colours = Spaces((9, 9, 3), "uint8", obs_high=1.0, num_actions=15)
    with pytest.raises(ConfigError, match="built a ActorCritic; a HalvesAutoencoder is needed"):
        build(ImpalaConfig(), colours, HalvesAutoencoder)
    with pytest.raises(ConfigError, match="built a HalvesAutoencoder; agents must be"):
        build(AutoencoderNetConfig(), SPACES)
    with pytest.raises(ConfigError, match="3 channels, not 1"):
        build(AutoencoderNetConfig(), colours, HalvesAutoencoder)


def test_it_compiles_into_one_graph():
    model = make()
    images = torch.randn(8, 4, 3)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for one, two in zip(model(images), compiled(images), strict=True):
        assert torch.equal(one, two)
    assert isinstance(model, HalvesAutoencoder)
