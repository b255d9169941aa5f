"""An option of routing that would do nothing is refused, whichever way it is inert."""

import pytest

from chisel import configs
from chisel.configs import ConfigError

NOTHING = "maze/quick"
UNROUTED = "maze/unrouted"
ROUTED = "maze/routed-dropping"


@pytest.mark.parametrize(
    ("experiment", "setting", "says"),
    [
        (NOTHING, "routing.l1=0.1", "no regions; set routing.regions"),
        (NOTHING, "routing.freeze=false", "no regions"),
        (NOTHING, "routing.start=5", "nothing is routed or penalised"),
        (NOTHING, "routing.ramp=5", "nothing is routed or penalised"),
        (NOTHING, "routing.gate_coef=0.3", "no labels; set routing.labels.source"),
        (NOTHING, "routing.values=routed", "no regions"),
        (NOTHING, "routing.alone_coef=0.5", "no regions"),
        (NOTHING, "routing.unlabelled_steps=drop", "routing.unlabelled_steps needs labels"),
        (NOTHING, "routing.labels.share=0.5", "routing.labels.share = 0.5 has no effect"),
        (NOTHING, "routing.labels.delay=3", "routing.labels.delay = 3 has no effect"),
        (NOTHING, "routing.labels.precision=0.9", "no labels"),
        (NOTHING, "routing.labels.correlation=0.5", "no labels"),
        (NOTHING, "routing.labels.shuffled=true", "no labels"),
        (NOTHING, "routing.labels.recall={cheese: 0.5}", "no labels"),
        (UNROUTED, "routing.alone_coef=0.5", "no rule keeps a label out of a region (weight 0)"),
        (UNROUTED, "routing.values=routed", "no rule keeps a label out"),
        (UNROUTED, "routing.start=5", "nothing is routed or penalised; set routing.rules"),
        (UNROUTED, "routing.ramp=5", "nothing is routed"),
        (UNROUTED, "routing.unprotected=[chese]", "no region 'chese'; did you mean 'cheese'?"),
        (
            ROUTED,
            "routing.labels.delay=64",
            "its rollout, which has algo.num_steps = 64; set it lower",
        ),
        (ROUTED, "routing.start=3_000_000", "of frames = 3000000 begins at 2994176; set it lower"),
        (ROUTED, "routing.drop_start=2_994_177", "begins at 2994176; set it lower"),
        (ROUTED, "frames=1_000_000", "routing.drop_start = 1500000: the last iteration of"),
        ("digits/halves", "routing.start=99_999_999", "the last iteration of frames ="),
        ("language/stories-sgtm", "routing.start=99_999_999", "the last iteration of frames ="),
        (ROUTED, "routing.ramp=2_994_177", "start + routing.ramp = 2994177: the last iteration"),
        (ROUTED, "routing.labels.share=0", "no label is ever known"),
        ("language/stories", "routing.l1=0.1", "no regions"),
        ("language/stories", "routing.start=1000", "nothing is routed or penalised"),
        ("language/stories", "routing.labels.share=0.5", "nothing is routed or left out"),
        ("language/stories", "routing.labels.shuffled=true", "nothing is routed or left out"),
        ("language/stories-routed", "routing.values=routed", "with a corpus; leave it out"),
        ("digits/unrouted", "routing.ramp=1000", "nothing is routed or penalised"),
        ("digits/unrouted", "routing.freeze=false", "no regions"),
        ("digits/halves", "routing.values=routed", "with a corpus; leave it out"),
    ],
)
def test_what_has_no_effect_is_one_line_that_says_why(experiment, setting, says):
    with pytest.raises(ConfigError) as error:
        configs.load(experiment, [setting])
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("experiment", "settings"),
    [
        (ROUTED, ["routing.labels.delay=63", "routing.start=2_994_176"]),
        (ROUTED, ["routing.alone_coef=0.5", "routing.values=routed", "routing.ramp=1000"]),
        (ROUTED, ["routing.freeze=false", "routing.l1=0.1"]),
        (UNROUTED, ["routing.gate_coef=0.3", "routing.labels.share=1"]),
        ("gridworld/impact-penalise", ["routing.start=4096", "routing.ramp=1000"]),
        ("language/stories-filtered", ["routing.labels.recall={forget: 0.5}"]),
        ("language/stories-routed", ["routing.start=1000", "routing.labels.shuffled=true"]),
    ],
)
def test_what_has_an_effect_is_taken(experiment, settings):
    configs.load(experiment, settings)
