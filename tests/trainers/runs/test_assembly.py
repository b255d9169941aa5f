"""An algorithm says what it learns from; it gets that, and a network that reads it."""

import sys

import pytest
import torch

from chisel import configs, models
from chisel.configs import ConfigError
from chisel.models import Spaces
from chisel.trainers.runs.assembly import build_module
from tests import plugins

PACKAGE = """
from dataclasses import dataclass
from chisel.configs.registry import Component

@dataclass(frozen=True)
class Options:
    name: str = ""

def component(function, learns_from="tokens"):
    return Component(f"words_package:{function}", "words", Options, learns_from=learns_from)

words, bigrams, counting = map(component, ("load", "build", "learn"))
worldly = Component("words_package:build", "by default", Options)
wrong = component("learn", "dreams")

class Words:
    vocabulary, context_length = 7, 3

def load(config):
    return Words()

def build(config, spaces, generator):
    import torch
    return torch.nn.Embedding(spaces.vocabulary, spaces.vocabulary)

def learn(config, source, model, *, rank, device, about):
    from types import SimpleNamespace
    return SimpleNamespace(source=source, model=model, about=about)
"""

POINTS = """
[chisel.corpora]
words = words_package:words
[chisel.models]
bigrams = words_package:bigrams
worldly = words_package:worldly
[chisel.algos]
counting = words_package:counting
wrong = words_package:wrong
"""
SETTINGS = ["corpus.name=words", "model.name=bigrams", "algo.name=counting"]
BARE = "frames: 10\nmodel: {name: bigrams}\nalgo: {name: counting}\ncorpus: {name: words}\n"


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    """An experiment on words, from an installed package."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "words_package.py").write_text(PACKAGE)
    plugins.install(tmp_path, "words", POINTS)
    (tmp_path / "words.yaml").write_text(BARE)
    yield str(tmp_path / "words.yaml")
    sys.modules.pop("words_package", None)


def built(config):
    return build_module(config, 0, torch.device("cpu"), None, pytest.fail)


def test_an_algorithm_of_tokens_gets_the_corpus_and_a_network_of_its_tokens(experiment):
    module = built(configs.load(experiment))
    tokens = Spaces((3,), "int64", 6.0, 0, vocabulary=7)
    assert type(module.source).__name__ == "Words"
    assert module.model.weight.shape == (7, 7)
    assert Spaces.from_plain(module.about["spaces"]) == tokens


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["algo.name=ppo"], "algo.name = ppo: learns from a world; set env.name, one of .*maze"),
        (["model.name=worldly"], "model.name = worldly: learns from a world; set env.name"),
        (
            ["corpus=null", "env.name=gridworld"],
            "model.name = bigrams: learns from tokens; set corpus.name, one of .*words, and no env",
        ),
        (["algo.name=wrong"], "learns_from = 'dreams'; must be one of world, examples, tokens"),
    ],
)
def test_what_an_algorithm_cannot_learn_from_is_refused_with_the_config(
    experiment, settings, message
):
    with pytest.raises(ConfigError, match=message) as refused:
        configs.load(experiment, settings)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["corpus.name=digits"], "corpus.name = digits: has no tokens, from which algo.name=count"),
        (
            ["algo.name=autoencoder", "model.name=autoencoder"],
            "corpus.name = words: has no examples, from which algo.name=autoencoder learns",
        ),
    ],
)
def test_a_corpus_of_another_kind_is_refused_before_anything_is_built(
    experiment, settings, message
):
    with pytest.raises(ConfigError, match=message):
        built(configs.load(experiment, settings))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("gridworld/ppo", [], "agents must be an ActorCritic"),
        ("digits/halves", [], "a HalvesAutoencoder is needed here"),
    ],
)
def test_an_algorithm_refuses_a_network_of_another_class(name, settings, message, monkeypatch):
    linear = torch.nn.Linear(2, 2)
    monkeypatch.setattr(models, "build", lambda *_, **__: linear)
    with pytest.raises(ConfigError, match=f"built a Linear; {message}"):
        built(configs.load(name, settings))
