"""Experiments on data sets: an environment or a data set, and nothing meant for the other."""

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

ON_DATA = ["env=null", "data.name=digits", "model.name=autoencoder", "algo.name=autoencoder"]


def test_an_experiment_on_a_data_set_has_the_types_that_its_names_register() -> None:
    config = configs.load("digits/split")
    assert config.env is None
    assert isinstance(config.data, DigitsConfig)
    assert isinstance(config.model, AutoencoderNetConfig)
    assert isinstance(config.algo, AutoencoderConfig)


def test_controls_differ_from_the_routed_experiment_in_one_thing_each() -> None:
    routed = configs.load("digits/split")
    unrouted, shuffled = configs.load("digits/unrouted"), configs.load("digits/shuffled")
    plain = replace(routed.routing, regions={}, rules={}, freeze=True)
    assert replace(unrouted, experiment="digits/split") == replace(routed, routing=plain)
    dealt = replace(routed.routing, labels=replace(routed.routing.labels, shuffled=True))
    assert replace(shuffled, experiment="digits/split") == replace(routed, routing=dealt)


def test_mnist_split_is_the_papers_setting() -> None:
    """Cloud et al. 2024, appendix B."""
    config = configs.load("digits/mnist-split")
    assert config.data == MnistConfig(path="mnist", validation=0)
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
        ("maze/smoke", ["data.name=digits"], "data: a run has either an environment or a data set"),
        ("maze/smoke", ["env=null"], "env is missing; .* or data.name to learn from a data set"),
        ("maze/smoke", ["algo.name=autoencoder"], "algo.name = autoencoder: needs data.name, one"),
        ("maze/smoke", ["model.name=autoencoder"], "model.name = autoencoder: needs data.name, on"),
        ("digits/split", ["algo.name=ppo"], "algo.name = ppo: learns from no data set; set algo.n"),
        ("digits/split", ["model.name=impala"], "model.name = impala: learns from no data set"),
        ("digits/split", ["data.name=digit"], "data.name = digit: .*did you mean 'digits'"),
        ("digits/split", ["data.path=x"], "unknown key data.path"),
        ("digits/mnist-split", ["data.pth=x"], "unknown key data.pth; did you mean data.path"),
        ("digits/mnist-split", ["data.validation=60000"], "data.validation = 60000: must be at le"),
        ("digits/split", ["model.code=15"], "model.code = 15: has two halves, so 16?"),
        ("digits/split", ["model.hidden=[]"], "model.hidden is empty"),
        ("digits/split", ["algo.l1_coef=-1"], "algo.l1_coef = -1.0: must be at least 0"),
        ("digits/split", ["env_seed=3"], "env_seed = 3 has no effect with a data set"),
        ("digits/split", ["eval.levels=3"], "eval.levels = 3 has no effect with a data set"),
        ("digits/split", ["routing.l1=1"], "routing.l1 = 1.0 has no effect with a data set"),
        ("digits/split", ["routing.labels.delay=1"], "routing.labels.delay = 1 has no effect"),
        ("digits/split", ["routing.drop.first=0.1"], "routing.drop = .* has no effect"),
        ("digits/split", ["tracking.field_every=3"], "tracking.field_every = 3 has no effect"),
        ("digits/split", ["trainer.devices=2"], "trainer.devices = 2: a data set is learnt from"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(
    experiment: str, settings: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        configs.load(experiment, settings)
    assert "\n" not in str(caught.value)
