"""Training a language model: routed by story and by token, resumable to the bit."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from chisel import configs, models
from chisel.configs import ConfigError, LabelsConfig, NumericsError
from chisel.corpora import Sequences
from chisel.corpora.stories import tale
from chisel.trainers.runs.assembly import build_module
from chisel.trainers.runs.callbacks import LogIteration
from chisel.trainers.supervised.labels import example_labels, token_labels
from tests.trainers.conftest import fit, same, weights
from tests.trainers.runs.test_resume import saver, timeless

ITERATIONS = 3
ROUTED = ("routed", "sgtm", "gram", "filtered", "shuffled")


def make(name="stories", *settings, iterations=ITERATIONS, state=None):
    """An experiment with a tiny network and few stories; regions have the first units."""
    small = ["model.layers=2", "model.width=16", "model.heads=4", "algo.batch_size=8"]
    small += ["algo.iteration_size=20", f"frames={20 * iterations}", "algo.warmup=2"]
    small += ["corpus.stories=50", "corpus.validation=10", "trainer.threads=1"]
    if name != "stories":
        name = f"stories-{name}"
        small.append("model.hidden=576")
    given = {setting.partition("=")[0] for setting in settings}
    small = [setting for setting in small if setting.partition("=")[0] not in given]
    config = configs.load(f"language/{name}", [*small, *settings])
    return build_module(config, 0, torch.device("cpu"), state, pytest.fail)


def batch_of(module, count=6):
    return {name: column[:count] for name, column in module.columns.items()}


def test_the_loss_is_that_of_every_next_token_up_to_the_end_mark():
    module = make()
    batch = batch_of(module)
    total, count = 0.0, 0
    for tokens, length in zip(batch["tokens"], batch["lengths"], strict=True):
        story = tokens[: int(length)][None]
        loss = F.cross_entropy(module.model(story[:, :-1])[0], story[0, 1:])
        total += loss.item() * int(length - 1)
        count += int(length - 1)
    assert module.training_step(batch, 0).item() == pytest.approx(total / count, rel=1e-5)


@pytest.mark.parametrize("name", ["stories", *ROUTED])
def test_resuming_from_every_iteration_ends_with_identical_weights_and_metrics(name, tmp_path):
    whole, log = make(name), {}
    logger = LogIteration(lambda metrics, i, steps: log.setdefault(i, (metrics, steps)))
    fit(whole, callbacks=[logger, saver(tmp_path)])
    assert [steps for _, steps in log.values()] == [20 * i for i in range(1, ITERATIONS + 1)]
    for stop in range(1, ITERATIONS):
        again, relog = make(name), {}
        again.minibatch_generator.manual_seed(99)
        relogger = LogIteration(lambda m, i, steps, into=relog: into.setdefault(i, (m, steps)))
        fit(again, callbacks=[relogger], checkpoint=tmp_path / models.checkpoint_name(stop))
        assert same(weights(whole), weights(again)), f"resumed after iteration {stop}"
        assert list(relog) == list(range(stop + 1, ITERATIONS + 1))
        for iteration, (metrics, _) in relog.items():
            assert timeless(metrics) == timeless(log[iteration][0])


def test_iterations_take_the_stories_in_their_order_and_begin_again():
    module, seen = make(iterations=4), []
    for module.iteration in range(1, 5):
        seen.append(module._present()["tokens"])
    tokens = module.columns["tokens"]
    assert torch.equal(torch.cat(seen), tokens[torch.arange(80) % 50])


def test_the_learning_rate_rises_and_falls_to_its_last_share():
    module = make("stories", "algo.learning_rate=1", "algo.final_rate=0.25", iterations=4)
    rates = []
    for module.iteration in range(1, 5):
        rates += [module.rate_at(step) for step in range(3)]
    assert rates[:2] == [0.5, 1.0]
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert rates[-1] == pytest.approx(0.25)
    middle = rates[6]  # half way between the warm-up's end and the last step
    assert middle == pytest.approx((1 + 0.25) / 2)


def test_routes_of_soft_labels_scale_the_gradient_of_each_token():
    """Written out with one backward pass for every token of every story, whose mask is a number."""
    module = make("routed", "routing.l1=0", "corpus.recall=1")
    stories = (module.columns["stories"] == 1).nonzero()[:2, 0]
    batch = {name: column[stories] for name, column in module.columns.items()}
    shares = batch["labels"][..., 1]
    assert ((shares > 0) & (shares < 1)).any()
    assert (shares > 0.9).any()
    module.training_step(batch, 0).backward()
    found = module.model.blocks[1].mlp.fc.weight.grad.clone()
    module.on_after_backward()

    module.zero_grad()
    masks = torch.ones(*batch["tokens"][:, 1:].shape, 576)
    masks[..., :512] = (1 - shares + shares * -0.75)[..., None]
    handles = [
        block.mlp.act.register_forward_hook(
            lambda m, i, out: (
                out * masks[:, : out.shape[1]] + (out * (1 - masks[:, : out.shape[1]])).detach()
            )
        )
        for block in module.model.blocks
    ]
    length = int(batch["lengths"].max())
    tokens = batch["tokens"][:, :length]
    logits = module.model(tokens[:, :-1])
    chosen = torch.arange(1, length) < batch["lengths"][:, None]
    F.cross_entropy(logits[chosen], tokens[:, 1:][chosen]).backward()
    assert len(handles) == 2
    torch.testing.assert_close(
        found, module.model.blocks[1].mlp.fc.weight.grad, rtol=1e-3, atol=1e-6
    )


def test_sgtm_moves_only_the_forget_region_on_forget_stories_and_never_on_retain_ones():
    module = make("sgtm", "corpus.recall=1", "routing.labels.recall={}")
    owned = module.routes.router.owned()
    for label, still in ((1, "retain"), (0, "forget")):
        rows = (module.columns["stories"] == label).nonzero()[:4, 0]
        module.zero_grad()
        module.training_step({k: v[rows] for k, v in module.columns.items()}, 0).backward()
        module.on_after_backward()
        for name, by_region in owned.items():
            if still in by_region:
                assert not module.model.get_parameter(name).grad[by_region[still]].any()


@pytest.mark.parametrize(("share", "expected"), [(1.0, 1.0), (0.8, 0.8)])
def test_other_stories_run_without_a_dropped_region(share, expected):
    module = make("gram", "corpus.recall=1", f"routing.drop.forget={share}")
    seen = {}
    module.model.blocks[0].mlp.proj.register_forward_pre_hook(
        lambda m, inputs: seen.__setitem__("units", inputs[0].detach())
    )
    runs = {0: [], 1: []}
    for _ in range(10):
        module.training_step(module.columns, 0)
        module.on_after_backward()
        dropped = (seen["units"][..., 512:] == 0).all(-1).all(-1)
        for label, some in runs.items():
            some.append(dropped[module.columns["stories"] == label].float().mean())
    assert float(torch.stack(runs[0]).mean()) == pytest.approx(expected, abs=0.08)
    assert float(torch.stack(runs[1]).max()) == 0


def test_left_out_stories_are_not_trained_on():
    whole, filtered = make("unrouted"), make("filtered")
    kept = whole.columns["stories"] != 1
    assert 0 < int(kept.sum()) < len(kept)
    assert torch.equal(filtered.columns["tokens"], whole.columns["tokens"][kept])


def test_controls_differ_from_the_routed_run_in_their_labels_or_routes_alone():
    routed, shuffled = make("routed"), make("shuffled")
    unrouted = make("unrouted")
    assert torch.equal(routed.columns["tokens"], shuffled.columns["tokens"])
    assert torch.equal(routed.columns["stories"].bincount(), shuffled.columns["stories"].bincount())
    assert not torch.equal(routed.columns["stories"], shuffled.columns["stories"])
    assert same(weights(routed), weights(unrouted))


def sequences():
    tokens = np.array([[0, 1, 2, 0, 0], [0, 1, 3, 1, 0], [0, 2, 2, 1, 0]])
    facts = {"flagged": np.array([False, True, True])}
    return Sequences(tokens, np.array([4, 5, 5]), facts, tokens == 3)


def test_labels_of_tokens_are_those_of_the_predicted_ones():
    labels = np.array([0, 1, -1])
    assert token_labels(labels, sequences(), "all", 2).tolist() == [0, 1, -1]
    found = token_labels(labels, sequences(), "concept", 2)
    assert found.tolist() == [[0, 0, 0, 0], [0, 1, 0, 0], [-1, -1, -1, -1]]


def test_shares_of_tokens_follow_their_frequencies_in_labelled_stories():
    found = token_labels(np.array([0, 1, -1]), sequences(), "frequency", 2)
    ones = 1 - (2 / 5) / (2 / 3)  # token 1 is 2 of 3 words there, and 2 of 5 elsewhere
    forget = [ones, 1, ones, 0]
    assert found[1, :, 1].tolist() == pytest.approx(forget)
    assert found[1].sum(-1).tolist() == pytest.approx([1] * 4)
    assert found[0].tolist() == [[1, 0]] * 4
    assert not found[2].any()


def test_without_a_source_there_are_no_labels():
    labels, names = example_labels(LabelsConfig(), {}, len(sequences()), np.random.default_rng(0))
    assert labels.tolist() == [-1] * 3
    assert names == ()


def test_each_of_five_modules_learns_from_its_own_topic_alone():
    module = make("modules", "model.hidden=832", "routing.labels.share=1")
    owned, topics = module.routes.router.owned(), ("forest", "sea", "farm", "town", "mountain")
    for label, topic in enumerate(topics):
        rows = (module.columns["stories"] == label).nonzero()[:4, 0]
        module.zero_grad()
        module.training_step({k: v[rows] for k, v in module.columns.items()}, 0).backward()
        module.on_after_backward()
        gradient = module.model.blocks[0].mlp.fc.weight.grad
        by_region = owned["blocks.0.mlp.fc.weight"]
        for other in topics:
            assert bool(gradient[by_region[other]].any()) == (other == topic)
    half = make("modules", "model.hidden=832", "corpus.stories=400").columns["stories"]
    assert set(half.tolist()) == {-1, 0, 1, 2, 3, 4}
    assert float((half >= 0).float().mean()) == pytest.approx(0.5, abs=0.1)


def test_where_a_routed_word_is_predicted_one_number_of_the_stream_alone_learns():
    parts = "routing.regions.{}=[{{module: blocks.0, units: '{}', axis: 2}}]"
    words = ["algo.label_tokens=words", "algo.label_words=[fox]", "routing.l1=0"]
    places = [parts.format("forget", "0"), parts.format("retain", "1:16")]
    module = make("routed", *words, *places, "routing.rules={forget: {retain: 0}}")
    is_fox = module.columns["tokens"] == tale().vocabulary.index("fox")
    rows = torch.nonzero(is_fox.any(1) & (module.columns["stories"] == 1))[:2, 0]
    batch = {name: column[rows] for name, column in module.columns.items()}
    assert torch.equal(batch["labels"] == 1, is_fox[rows][:, 1:])
    module.training_step(batch, 0).backward()
    found = module.model.embed.positions.weight.grad.clone()
    module.on_after_backward()

    module.zero_grad()
    length = int(batch["lengths"].max())
    mask = torch.ones(len(rows), length - 1, 16)
    mask[..., 1:][is_fox[rows][:, 1:length]] = 0
    module.model.blocks[0].register_forward_hook(
        lambda m, i, out: out * mask + (out * (1 - mask)).detach()
    )
    tokens = batch["tokens"][:, :length]
    chosen = torch.arange(1, length) < batch["lengths"][:, None]
    F.cross_entropy(module.model(tokens[:, :-1])[chosen], tokens[:, 1:][chosen]).backward()
    torch.testing.assert_close(
        found, module.model.embed.positions.weight.grad, rtol=1e-3, atol=1e-6
    )


def test_a_nan_stops_the_run_before_the_step():
    module = make()
    with torch.no_grad():
        module.model.embed.tokens.weight[5] = math.nan
    with pytest.raises(NumericsError, match="iteration 1 is not finite"):
        fit(module)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("routed", ["routing.regions.forget=[{module: block}]"], "routing: .*block"),
        ("routed", ["routing.labels.source=null"], "routing.regions needs labels; set routing"),
        ("gram", ["routing.drop.core=0.1"], "routing.drop.core: .*must have the region's name"),
        ("filtered", ["algo.leave_out=forgt"], "algo.leave_out = forgt: did you mean 'forget'"),
        ("filtered", ["routing.labels.source=null"], "algo.leave_out = forget needs labels"),
        ("stories", ["algo.label_tokens=concept"], "algo.label_tokens = concept has no effect"),
        (
            "routed",
            ["algo.label_tokens=words"],
            "algo.label_words = .*with algo.label_tokens=words",
        ),
        ("routed", ["algo.label_words=[fox]"], "algo.label_words = .*with algo.label_tokens=words"),
        (
            "routed",
            ["algo.label_tokens=words", "algo.label_words=[focks]"],
            "algo.label_words = focks: ",
        ),
        (
            "stories",
            ["algo.iteration_size=61"],
            "frames = 60: less than one iteration of algo.iteration_size",
        ),
        ("stories", ["routing.labels.source=maze-goal"], "reads 'outcome', which"),
        ("stories", ["model.name=autoencoder"], "autoencoder.*learns from examples|unknown"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(name, settings, message):
    with pytest.raises(ConfigError, match=message):
        make(name, *settings)
