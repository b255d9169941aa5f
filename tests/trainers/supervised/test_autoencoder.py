"""Training a split autoencoder: routed as the paper writes it, resumable to the bit."""

import math

import pytest
import torch

from chisel import configs, models
from chisel.configs import ConfigError, NumericsError
from chisel.trainers.runs.assembly import build_module
from chisel.trainers.runs.callbacks import LogIteration
from chisel.trainers.runs.iterations import MinibatchLoader
from chisel.trainers.supervised.autoencoder import correlation, l1_norm
from tests.trainers.conftest import fit, same, weights
from tests.trainers.runs.test_resume import saver, timeless

EPOCHS = 4


def make(experiment="digits/halves", *settings, epochs=EPOCHS, state=None):
    small = ["model.hidden=[12]", "model.code=6", "algo.batch_size=500", f"frames={1197 * epochs}"]
    given = {setting.partition("=")[0] for setting in settings}
    small = [setting for setting in small if setting.partition("=")[0] not in given]
    config = configs.load(experiment, [*small, *settings])
    return build_module(config, 0, torch.device("cpu"), state, pytest.fail)


def gradients(module, images, labels):
    module.zero_grad()
    loss = module.training_step({"images": images, "labels": labels}, 0)
    loss.backward()
    module.on_after_backward()
    return {name: p.grad.clone() for name, p in module.model.named_parameters()}


def papers_gradients(module, images, labels):
    """Written out with concatenation and detachment, as the paper describes it."""
    model, options = module.model, module.options
    module.zero_grad()
    encoding = model.encoder(images.flatten(1))
    first, second = encoding.chunk(2, dim=1)
    low = model.decoder(torch.cat([first, second.detach()], 1)).unflatten(1, (8, 8))
    high = model.decoder(torch.cat([first.detach(), second], 1)).unflatten(1, (8, 8))
    loss = (low - images)[labels == 0].abs().mean() + (high - images)[labels == 1].abs().mean()
    for name, half in (("first", first), ("second", second)):
        certified = model.certificates[name](half.detach()).unflatten(1, (8, 8))
        loss = loss + (certified - images).abs().mean()
    loss = loss + options.l1_coef * l1_norm(encoding) + options.corr_coef * correlation(encoding)
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def batch(count=60):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(count, 8, 8, generator=generator) * 2 - 1
    return images, torch.randint(2, (count,), generator=generator)


def test_routed_gradients_are_those_of_the_papers_detached_halves():
    module = make()
    images, labels = batch()
    routed, written = gradients(module, images, labels), papers_gradients(module, images, labels)
    assert routed.keys() == written.keys()
    for name, gradient in routed.items():
        torch.testing.assert_close(gradient, written[name], rtol=1e-5, atol=1e-7)
    plain = gradients(make("digits/unrouted"), images, labels)
    assert not torch.allclose(plain["encoder.fc1.weight"], written["encoder.fc1.weight"], rtol=0.1)
    torch.testing.assert_close(plain["decoder.fc1.weight"], written["decoder.fc1.weight"])


def test_reconstruction_teaches_a_half_nothing_about_the_other_halfs_digits():
    module = make("digits/halves", "algo.l1_coef=0", "algo.corr_coef=0")
    images, _ = batch()
    for label, untaught in ((0, slice(3, 6)), (1, slice(0, 3))):
        labels = torch.full((len(images),), label)
        rows = gradients(module, images, labels)["encoder.fc2.weight"]
        assert not rows[untaught].any()
        assert rows.any()


@pytest.mark.parametrize(
    ("experiment", "setting", "precision"),
    [
        ("digits/halves", "seed=0", "32-true"),
        ("digits/halves", "routing.labels.share=0.3", "bf16-mixed"),
        ("digits/shuffled", "seed=0", "32-true"),
        ("digits/unrouted", "seed=0", "32-true"),
    ],
)
def test_resuming_from_every_epoch_ends_with_identical_weights_and_metrics(
    experiment, setting, precision, tmp_path
):
    whole, log = make(experiment, setting), {}
    logger = LogIteration(lambda metrics, i, steps: log.setdefault(i, (metrics, steps)))
    fit(whole, callbacks=[logger, saver(tmp_path)], precision=precision)
    assert [steps for _, steps in log.values()] == [1197 * i for i in range(1, EPOCHS + 1)]
    for stop in range(1, EPOCHS):
        again, relog = make(experiment, setting), {}
        again.minibatch_generator.manual_seed(99)
        relogger = LogIteration(lambda m, i, steps, into=relog: into.setdefault(i, (m, steps)))
        path = tmp_path / models.checkpoint_name(stop)
        fit(again, callbacks=[relogger], checkpoint=path, precision=precision)
        assert same(weights(whole), weights(again)), f"resumed after epoch {stop}"
        assert list(relog) == list(range(stop + 1, EPOCHS + 1))
        for iteration, (metrics, steps) in relog.items():
            assert steps == log[iteration][1]
            assert timeless(metrics) == timeless(log[iteration][0])


def test_resolved_routes_of_a_checkpoint_replace_those_of_the_config(tmp_path):
    module = make(epochs=1)
    fit(module, callbacks=[saver(tmp_path)])
    (path,) = tmp_path.glob("*.ckpt")
    about = models.read_checkpoint(path)["chisel"]
    again = make("digits/halves", "routing.rules.low.second=1", epochs=1, state=about)
    assert again.router.to_plain() == module.router.to_plain() == about["routing"]


def test_shuffled_labels_are_as_many_and_say_nothing():
    true = make().columns["labels"]
    shuffled = make("digits/shuffled").columns["labels"]
    assert torch.equal(true.bincount(), shuffled.bincount())
    agree = (true == shuffled).float().mean()
    assert abs(float(agree) - 0.5) < 4 * 0.5 / math.sqrt(len(true))
    assert torch.equal(shuffled, make("digits/shuffled").columns["labels"])
    assert not torch.equal(shuffled, make("digits/shuffled", "seed=1").columns["labels"])


def test_a_share_of_the_labels_is_kept():
    labels = make("digits/halves", "routing.labels.share=0.3").columns["labels"]
    kept = float((labels >= 0).float().mean())
    assert kept == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / len(labels)))
    true = make().columns["labels"]
    assert torch.equal(labels[labels >= 0], true[labels >= 0])


def test_routing_may_start_late():
    module = make("digits/halves", f"routing.start={2 * 1197}")
    strengths = []
    module.evaluate = lambda _: strengths.append(module.router.strength) or {}
    fit(module, callbacks=[LogIteration(None)])
    assert strengths == [0.0, 0.0, 1.0, 1.0]


def test_weights_of_another_run_can_be_started_from(tmp_path):
    module = make(epochs=1)
    fit(module, callbacks=[saver(tmp_path)])
    again = make("digits/unrouted", f"init_from={tmp_path}", "seed=5")
    assert same(weights(module), weights(again))


def test_an_epoch_holds_every_example_once_in_a_new_order():
    columns = {"images": torch.arange(10.0)[:, None], "labels": torch.arange(10)}
    generator = torch.Generator().manual_seed(0)
    loader = MinibatchLoader(lambda: columns, num_examples=10, batch_size=4, generator=generator)
    epochs = [list(loader) for _ in range(2)]
    assert len(loader) == 3
    orders = []
    for batches in epochs:
        assert [len(one["labels"]) for one in batches] == [4, 4, 2]
        orders.append(torch.cat([one["labels"] for one in batches]))
        assert torch.equal(torch.cat([one["images"] for one in batches])[:, 0].long(), orders[-1])
        assert torch.equal(orders[-1].sort().values, torch.arange(10))
    assert not torch.equal(*orders)


def test_a_nan_stops_the_run_before_the_step():
    module = make()
    module.columns["images"][7] = math.nan
    with pytest.raises(NumericsError, match="iteration 1 is not finite"):
        fit(module)
    assert all(value.isfinite().all() for value in weights(module).values())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["frames=1000"], "frames = 1000: less than one epoch of 1197 examples; set frames=1197"),
        (["algo.batch_size=1198"], "algo.batch_size = 1198: there are 1197 examples"),
        (["routing.regions.first=[{module: cod}]"], "routing: .*cod"),
        (["routing.rules.lo.first=0"], "routing.rules: no label 'lo'; did you mean 'low'"),
        (["routing.labels.source=null"], "routing.regions needs labels; set routing.labels.so"),
        (["routing.labels.source=maze-goal"], "routing.labels.source = maze-goal: reads 'outcome'"),
    ],
)
def test_what_does_not_fit_is_refused_before_training(settings, message):
    with pytest.raises(ConfigError, match=message):
        make("digits/halves", *settings)
