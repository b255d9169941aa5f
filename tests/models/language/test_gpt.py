"""Our GPT computes what transformers' GPT-2 does, with the same weights."""

import pytest
import torch

from chisel import configs, models
from chisel.configs import ConfigError
from chisel.models import Spaces
from chisel.models.language import GPT, GPTSize, to_gpt2

SIZE = GPTSize(layers=2, width=32, heads=4, context=16, vocabulary=50, hidden=72)
TOKENS = torch.randint(50, (3, 16), generator=torch.Generator().manual_seed(0))


def gpt(**changes):
    """A network whose every parameter, norms and biases too, is random."""
    generator = torch.Generator().manual_seed(1)
    model = GPT(GPTSize(**{**vars(SIZE), **changes}), generator).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.2)
    return model


def test_logits_are_those_of_transformers_gpt2():
    model = gpt()
    with torch.no_grad():
        ours, theirs = model(TOKENS), to_gpt2(model)(TOKENS).logits
    assert ours.std() > 1
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_a_token_is_predicted_from_those_before_it_alone():
    model, changed = gpt(), TOKENS.clone()
    changed[:, 9:] = (changed[:, 9:] + 1) % 50
    with torch.no_grad():
        one, two = model(TOKENS), model(changed)
        short = model(TOKENS[:, :9])
    assert torch.equal(one[:, :9], two[:, :9])
    assert not torch.equal(one[:, 9:], two[:, 9:])
    torch.testing.assert_close(short, one[:, :9])


def test_the_matrix_of_the_logits_is_that_of_the_embedding():
    model = gpt()
    names = set(dict(model.named_parameters()))
    assert not [name for name in names if "head" in name]
    assert {"embed", "blocks.1.attn", "blocks.1.mlp", "blocks.1", "final_norm"} <= set(
        dict(model.named_modules())
    )
    found = {}
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: found.__setitem__(name, output)
        )
        for name in ("blocks.1", "final_norm")
    ]
    with torch.no_grad():
        logits = model(TOKENS)
    assert len(handles) == 2
    torch.testing.assert_close(logits, found["final_norm"] @ model.embed.tokens.weight.T)
    assert found["blocks.1"].shape == (3, 16, 32)


def test_it_is_built_by_name_with_weights_of_its_seed():
    config = configs.load("language/stories", ["model.width=32"]).model
    spaces = Spaces((16,), "int64", 49.0, 0, vocabulary=50)
    one, two, other = (models.build(config, spaces, GPT, seed=seed) for seed in (0, 0, 1))
    assert one.config == GPTSize(4, 32, 4, 16, 50, 128)
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name])
    assert not torch.equal(one.embed.tokens.weight, other.embed.tokens.weight)
    assert one.blocks[0].mlp.fc.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert one.blocks[0].mlp.proj.weight.std().item() == pytest.approx(0.02 / 8**0.5, rel=0.1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="width 30 is no multiple of heads 4"):
        GPT(GPTSize(1, 30, 4, 8, 9, 16))
    images = Spaces((8, 8, 1), "float32", 1.0, 0)
    with pytest.raises(ConfigError, match=r"model.name = gpt reads tokens, but the inputs are im"):
        models.build(configs.GptConfig(), images, GPT)
    with pytest.raises(
        ConfigError, match=r"model.width = 30: must be a multiple of model.heads = 4"
    ):
        configs.load("language/stories", ["model.width=30"])
