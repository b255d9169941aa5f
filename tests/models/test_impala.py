"""The network is the published one: parameters, names, outputs, initialisation."""

import copy
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from chisel.configs import ImpalaConfig
from chisel.models import ActorCritic, Spaces, build, to_tensor

PIXELS = Spaces((64, 64, 3), "uint8", 255.0, 15)
WIDE = (64, 128, 128)


def published_keys(blocks):
    keys = []
    for b in range(1, blocks + 1):
        layers = [f"block{b}.conv"]
        layers += [f"block{b}.res{r}.conv{c}" for r in (1, 2) for c in (1, 2)]
        keys += [f"embedder.{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    for layer in ("embedder.fc", "fc_policy", "fc_value"):
        keys += [f"{layer}.weight", f"{layer}.bias"]
    return keys


def functional(state, obs, blocks=3):
    """The network written out with functional operations, as an independent reference."""

    def conv(x, key):
        weight, bias = state[f"embedder.{key}.weight"], state[f"embedder.{key}.bias"]
        return F.conv2d(x, weight, bias, padding=1)

    x = obs.to(torch.float32) / 255
    for b in range(1, blocks + 1):
        x = F.max_pool2d(conv(x, f"block{b}.conv"), 3, 2, 1)
        for r in (1, 2):
            inner = conv(F.relu(x), f"block{b}.res{r}.conv1")
            x = x + conv(F.relu(inner), f"block{b}.res{r}.conv2")
    x = F.relu(x).reshape(len(obs), -1)
    x = F.relu(F.linear(x, state["embedder.fc.weight"], state["embedder.fc.bias"]))
    logits = F.linear(x, state["fc_policy.weight"], state["fc_policy.bias"])
    value = F.linear(x, state["fc_value.weight"], state["fc_value.bias"])
    return logits, value[:, 0]


def pixels(batch, seed=0, side=64):
    rng = np.random.default_rng(seed)
    return to_tensor(rng.integers(0, 256, (batch, side, side, 3), dtype=np.uint8))


@pytest.mark.parametrize(("channels", "count"), [((16, 32, 32), 626_256), (WIDE, 3_653_136)])
def test_parameter_counts_are_those_of_the_published_networks(channels, count):
    model = build(ImpalaConfig(channels=channels), PIXELS)
    assert sum(p.numel() for p in model.parameters()) == count


def test_state_dict_keys_and_their_order_are_the_published_ones():
    assert list(build(ImpalaConfig(), PIXELS).state_dict()) == published_keys(3)


def test_every_intermediate_is_a_named_leaf_module():
    model = build(ImpalaConfig(), PIXELS)
    leaves = [n for n, m in model.named_modules() if not list(m.children())]
    expected = []
    for b in (1, 2, 3):
        expected += [f"embedder.block{b}.conv", f"embedder.block{b}.maxpool"]
        names = ("relu1", "conv1", "relu2", "conv2", "resadd")
        expected += [f"embedder.block{b}.res{r}.{name}" for r in (1, 2) for name in names]
    expected += [f"embedder.{name}" for name in ("relu3", "flatten", "fc", "relufc")]
    assert leaves == [*expected, "fc_policy", "fc_value"]
    assert len(leaves) == 42


def test_outputs_equal_the_functional_reference():
    model = build(ImpalaConfig(channels=(8, 16, 16)), PIXELS, seed=3)
    with torch.no_grad():
        for parameter in model.parameters():  # biases, too
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
        logits, value = model(pixels(5))
        expected = functional(model.state_dict(), pixels(5))
    assert logits.shape == (5, 15)
    assert value.shape == (5,)
    torch.testing.assert_close((logits, value), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("channels", [(4,), (4, 8), (4, 8, 8, 6)])
@pytest.mark.parametrize("shape", [(15, 15, 3), (25, 25, 4), (9, 14, 1), (1, 1, 2)])
def test_any_number_of_blocks_and_any_input_size(channels, shape):
    model = build(ImpalaConfig(channels=channels, hidden=7), Spaces(shape, "uint8", 1.0, 5))
    assert [key for key in model.state_dict()] == published_keys(len(channels))
    logits, value = model(to_tensor(np.ones((2, *shape), np.uint8)))
    assert logits.shape == (2, 5)
    assert value.shape == (2,)


def test_initial_weights_have_the_published_distributions():
    model = build(ImpalaConfig(channels=WIDE), PIXELS, seed=1)
    state = model.state_dict()
    for key, tensor in state.items():
        if key.endswith("bias"):
            assert not tensor.any(), key
        elif key.startswith("embedder."):
            area = tensor[0, 0].numel() if tensor.ndim == 4 else 1
            bound = (6 / (area * (tensor.shape[0] + tensor.shape[1]))) ** 0.5
            assert tensor.abs().max() <= bound, key
            assert tensor.std() == pytest.approx(bound / 3**0.5, rel=0.05), key
    policy, value = state["fc_policy.weight"], state["fc_value.weight"]
    torch.testing.assert_close(policy @ policy.T, 1e-4 * torch.eye(15), atol=1e-8, rtol=0)
    assert value.norm().item() == pytest.approx(1.0, abs=1e-6)


def test_same_seed_same_bits_and_the_global_generator_is_untouched():
    before = torch.get_rng_state()
    first, again, other = (build(ImpalaConfig(), PIXELS, seed=s) for s in (5, 5, 6))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(99)
    elsewhere = build(ImpalaConfig(), PIXELS, seed=5)
    for key, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[key])
        assert torch.equal(tensor, elsewhere.state_dict()[key])
    assert not torch.equal(first.embedder.fc.weight, other.embedder.fc.weight)


def test_bytes_are_scaled_inside_and_symbolic_planes_are_not():
    colours = build(ImpalaConfig(channels=(4,)), PIXELS)
    planes = build(ImpalaConfig(channels=(4,)), Spaces((64, 64, 3), "uint8", 1.0, 15))
    planes.load_state_dict(colours.state_dict())
    floats = build(ImpalaConfig(channels=(4,)), Spaces((64, 64, 3), "float32", 1.0, 15))
    floats.load_state_dict(colours.state_dict())
    obs = (pixels(2) > 127).to(torch.uint8)
    torch.testing.assert_close(colours(obs * 255), planes(obs))
    torch.testing.assert_close(planes(obs), floats(obs.float()))


def test_observations_arrive_as_a_channels_last_view():
    obs = np.zeros((4, 8, 9, 3), np.uint8)
    view = to_tensor(obs)
    assert view.shape == (4, 3, 8, 9)
    assert view.is_contiguous(memory_format=torch.channels_last)
    obs[1, 2, 3, 0] = 7
    assert view[1, 0, 2, 3] == 7
    assert to_tensor(np.zeros((5, 4, 8, 9, 3), np.uint8)).shape == (5, 4, 3, 8, 9)


def test_read_only_observations_are_copied_not_shared():
    obs = np.zeros((1, 2, 2, 3), np.uint8)
    obs.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # torch's, if it shared the memory
        to_tensor(obs).add_(1)
    assert not obs.any()


def test_channels_last_changes_no_output_and_no_keys():
    plain = build(ImpalaConfig(channels=(8, 8)), PIXELS)
    fast = copy.deepcopy(plain).to(memory_format=torch.channels_last)
    assert list(fast.state_dict()) == list(plain.state_dict())
    torch.testing.assert_close(fast(pixels(3)), plain(pixels(3)), rtol=1e-4, atol=1e-5)


def test_bf16_autocast_is_close_and_gradients_flow_to_every_parameter():
    model = build(ImpalaConfig(channels=(8, 8)), PIXELS)
    exact = model(pixels(3))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, value = model(pixels(3))
    torch.testing.assert_close(value.float(), exact[1], rtol=0.1, atol=0.05)
    (logits.float().logsumexp(-1).sum() + value.float().square().sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_compiles_into_one_graph_with_equal_outputs():
    model = build(ImpalaConfig(channels=(4, 4)), PIXELS)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(pixels(2)), model(pixels(2)))


def test_no_module_changes_its_input_or_an_earlier_output_in_place():
    model = build(ImpalaConfig(channels=(4, 4)), PIXELS)
    seen = []

    def record(module, args, output):
        seen.extend((tensor, tensor.clone()) for tensor in (*args, output))

    for module in model.modules():
        if not list(module.children()):
            module.register_forward_hook(record)
    model(pixels(2))
    assert len(seen) > 40
    assert all(torch.equal(tensor, copied) for tensor, copied in seen)


def test_a_users_own_embedder_can_be_a_model():
    embedder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 6))
    generator = torch.Generator().manual_seed(0)
    model = ActorCritic(embedder, hidden=6, num_actions=4, obs_range=1.0, generator=generator)
    logits, value = model(torch.zeros(3, 3, 2, 2))
    assert logits.shape == (3, 4)
    assert value.shape == (3,)
