"""The gridworld's networks are those of the paper: layers, sizes, initial weights, outputs."""

import pytest
import torch
import torch.nn.functional as F

from chisel.configs import GridExpertsConfig, GridMlpConfig
from chisel.models import Spaces, build

BOARD = Spaces((5, 5, 4), "uint8", 1.0, 4)


def boards(count=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (count, 4, 5, 5), generator=generator, dtype=torch.uint8)


def experts(seed=0, **options):
    return build(GridExpertsConfig(**options), BOARD, seed=seed)


def functional(state, obs):
    """Policy and value written out: Cloud et al.'s sigmoid gate between two experts."""
    x = obs.float()

    def linear(x, key):
        return F.linear(x, state[f"{key}.weight"], state[f"{key}.bias"])

    def trunk(x, key):
        return F.relu(linear(F.relu(linear(x.flatten(1), f"{key}.fc1")), f"{key}.fc2"))

    def conv(x, key):
        return F.conv2d(x, state[f"{key}.conv.weight"], state[f"{key}.conv.bias"])

    diamond, ghost = (trunk(x, f"embedder.experts.{name}") for name in ("diamond", "ghost"))
    gate = "embedder.gate_net"
    share = torch.sigmoid(linear(trunk(conv(x, gate), gate), f"{gate}.fc3"))
    logits = linear(share * diamond + (1 - share) * ghost, "fc_policy")
    value = conv(x, "critic").flatten(1)
    for layer in ("fc1", "fc2", "fc3"):
        value = linear(value, f"critic.{layer}")
    return logits, value.squeeze(1)


def test_outputs_are_those_of_the_network_written_out():
    model = experts()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)  # biases start at 0
        expected = functional(model.state_dict(), boards())
        torch.testing.assert_close(model(boards()), expected, rtol=1e-5, atol=1e-5)


def test_sizes_are_those_of_the_paper():
    shapes = {
        key.removesuffix(".weight"): tuple(value.shape)
        for key, value in experts().state_dict().items()
        if key.endswith("weight")
    }
    trunk = {"fc1": (256, 100), "fc2": (256, 256)}
    wanted = {
        f"embedder.experts.{n}.{k}": s for n in ("diamond", "ghost") for k, s in trunk.items()
    }
    wanted |= {f"embedder.gate_net.{key}": shape for key, shape in trunk.items()}
    wanted |= {"embedder.gate_net.conv": (4, 4, 1, 1), "embedder.gate_net.fc3": (1, 256)}
    wanted |= {"critic.conv": (16, 4, 1, 1), "critic.fc1": (256, 400)}
    wanted |= {"critic.fc2": (32, 256), "critic.fc3": (1, 32), "fc_policy": (4, 256)}
    assert shapes == wanted


def test_a_baseline_is_one_expert_with_the_same_output_layer_and_critic():
    one, both = build(GridMlpConfig(), BOARD).state_dict(), experts().state_dict()
    renamed = {key.replace("embedder.", "embedder.experts.diamond."): key for key in one}
    for key, own in renamed.items():
        assert both[key].shape == one[own].shape
    left = {key for key in both if key not in renamed}
    assert all(key.startswith(("embedder.experts.ghost", "embedder.gate_net")) for key in left)


def test_initial_weights_are_uniform_within_one_over_root_fan_in_and_biases_zero():
    for name, parameter in experts().named_parameters():
        if name.endswith("bias"):
            assert (parameter == 0).all()
            continue
        bound = parameter[0].numel() ** -0.5
        assert parameter.abs().max() <= bound
        if parameter.numel() > 1000:
            assert parameter.abs().max() > 0.99 * bound
            assert parameter.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    torch.manual_seed(1)
    one = experts(seed=3)
    torch.manual_seed(2)
    same, other = experts(seed=3), experts(seed=4)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.fc_policy.weight, other.fc_policy.weight)


def test_the_critic_is_linear_and_shares_nothing_with_the_policy():
    model = experts()
    x, y = torch.rand(1, 4, 5, 5), torch.rand(1, 4, 5, 5)
    middle, ends = model((x + y) / 2)[1], model(torch.cat([x, y]))[1]
    torch.testing.assert_close(middle, ends.mean(0, keepdim=True))
    model(boards())[1].sum().backward()
    touched = {name for name, p in model.named_parameters() if p.grad is not None}
    assert touched
    assert all(name.startswith("critic.") for name in touched)


def test_three_experts_have_three_shares():
    model = experts(experts=("a", "b", "c"))
    logits = model.embedder.gate_net(boards().float())
    assert logits.shape == (8, 3)
    assert (logits[:, 2] == 0).all()
    assert model(boards())[0].shape == (8, 4)
