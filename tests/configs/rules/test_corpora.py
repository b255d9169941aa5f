"""Experiments on corpora: an environment or a corpus, and nothing meant for the other."""

from dataclasses import replace

import pytest

from chisel import configs
from chisel.configs import (
    AutoencoderConfig,
    AutoencoderNetConfig,
    ConfigError,
    DigitsConfig,
    MnistConfig,
)

ON_A_CORPUS = ["env=null", "corpus.name=digits", "model.name=autoencoder", "algo.name=autoencoder"]


def test_an_experiment_on_a_corpus_has_the_types_that_its_names_register() -> None:
    config = configs.load("digits/halves")
    assert config.env is None
    assert isinstance(config.corpus, DigitsConfig)
    assert isinstance(config.model, AutoencoderNetConfig)
    assert isinstance(config.algo, AutoencoderConfig)


def test_controls_differ_from_the_routed_experiment_in_one_thing_each() -> None:
    routed = configs.load("digits/halves")
    unrouted, shuffled = configs.load("digits/unrouted"), configs.load("digits/shuffled")
    plain = replace(routed.routing, regions={}, rules={}, freeze=True)
    assert replace(unrouted, experiment="digits/halves") == replace(routed, routing=plain)
    at_random = replace(routed.routing, labels=replace(routed.routing.labels, shuffled=True))
    assert replace(shuffled, experiment="digits/halves") == replace(routed, routing=at_random)


def test_mnist_halves_is_the_papers_setting() -> None:
    """Cloud et al. 2024, appendix B."""
    config = configs.load("digits/mnist-halves")
    assert config.corpus == MnistConfig(path="mnist", validation=0)
    assert config.frames == 200 * 60_000
    assert config.model == AutoencoderNetConfig(hidden=(2048, 512), code=32)
    assert config.algo == AutoencoderConfig(
        batch_size=2048, learning_rate=1e-3, weight_decay=5e-5, l1_coef=3e-3, corr_coef=0.1
    )
    assert config.routing.rules == {
        "low": {"first": 1, "second": 0},
        "high": {"first": 0, "second": 1},
    }


@pytest.mark.parametrize(
    ("experiment", "settings", "message"),
    [
        (
            "maze/smoke",
            ["corpus.name=digits"],
            "corpus: a run has either an environment or a corpus",
        ),
        ("maze/smoke", ["env=null"], "env is missing; .* or corpus.name to learn from a corpus"),
        (
            "maze/smoke",
            ["algo.name=autoencoder"],
            "algo.name = autoencoder: learns from examples; set corpus.name, one of .*, and no env",
        ),
        (
            "maze/smoke",
            ["model.name=autoencoder"],
            "model.name = autoencoder: learns from examples; set corpus.name, one",
        ),
        (
            "digits/halves",
            ["algo.name=ppo"],
            "algo.name = ppo: learns from a world; set env.name, one of .*, and no corpus",
        ),
        ("digits/halves", ["model.name=impala"], "model.name = impala: learns from a world"),
        ("digits/halves", ["corpus.name=digit"], "corpus.name = digit: .*did you mean 'digits'"),
        ("digits/halves", ["corpus.path=x"], "unknown key corpus.path"),
        (
            "digits/mnist-halves",
            ["corpus.pth=x"],
            "unknown key corpus.pth; did you mean corpus.path",
        ),
        (
            "digits/mnist-halves",
            ["corpus.validation=60000"],
            "corpus.validation = 60000: must be at le",
        ),
        (
            "digits/halves",
            ["model.code=15"],
            "model.code = 15: must be even to have two halves, so 16?",
        ),
        ("digits/halves", ["model.hidden=[]"], "model.hidden is empty"),
        ("digits/halves", ["algo.l1_coef=-1"], "algo.l1_coef = -1.0: must be at least 0"),
        ("digits/halves", ["env_seed=3"], "env_seed = 3 has no effect with a corpus"),
        ("digits/halves", ["eval.levels=3"], "eval.levels = 3 has no effect with a corpus"),
        ("digits/halves", ["routing.l1=1"], "routing.l1 = 1.0 has no effect with a corpus"),
        ("digits/halves", ["routing.labels.delay=1"], "routing.labels.delay = 1 has no effect"),
        ("digits/halves", ["routing.drop.first=0.1"], "routing.drop = .* has no effect"),
        ("digits/halves", ["tracking.field_every=3"], "tracking.field_every = 3 has no effect"),
        (
            "digits/halves",
            ["trainer.devices=2"],
            "trainer.devices = 2: a corpus is learnt in one process",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(
    experiment: str, settings: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        configs.load(experiment, settings)
    assert "\n" not in str(caught.value)
