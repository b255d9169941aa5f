"""What the halves of a split encoding know, measured on runs of one epoch."""

import json
import shutil

import numpy as np
import pytest
import torch

from chisel import configs, models, trainers
from chisel.analysis.evaluation import cross_own, evaluate_halves, halves_errors
from chisel.cli.main import main
from chisel.configs import ConfigError
from chisel.corpora import Examples, load_data

TINY = [
    "model.hidden=[8]",
    "model.code=4",
    "frames=1197",
    "trainer.checkpoint_every=1",
    "trainer.progress=false",
    "trainer.accelerator=cpu",
]


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    settings = [*TINY, "name=two", f"runs_dir={tmp_path_factory.mktemp('runs')}"]
    both = [configs.load("digits/halves", [*settings, f"seed={seed}"]) for seed in (3, 4)]
    return trainers.train_seeds(both)


class Fixed(torch.nn.Module):
    """Reconstructs every picture as constants of its own."""

    def __init__(self, decoded, first, second):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.values = {"decoded": decoded, "first": first, "second": second}

    def forward(self, images):
        made = {name: torch.full_like(images, value) for name, value in self.values.items()}
        return models.Reconstructions(encoding=images, **made)


def test_errors_are_means_over_pixels_and_pictures_of_each_kind_of_digit():
    images = np.zeros((3, 2, 2), np.float32)
    images[2, 0, 0] = 1
    examples = Examples(images, np.array([4, 5, 9]))
    errors = halves_errors(Fixed(0.0, 0.5, -1.0), examples)
    assert errors["mae"]["decoded"] == {"low": 0, "high": 0.125}
    assert errors["mae"]["first"] == {"low": 0.5, "high": 0.5}
    assert errors["mse"]["second"] == {"low": 1, "high": (4 * 1 + 3 * 1 + 4) / 8}
    ratios = cross_own(errors["mse"])
    assert ratios == {"first": 1, "second": 1 / (11 / 8)}


def test_errors_do_not_depend_on_the_batch_size(group, monkeypatch):
    model = models.load_autoencoder(group / "seed-3").model
    examples = load_data(configs.DigitsConfig()).validation
    whole = halves_errors(model, examples)
    monkeypatch.setattr("chisel.analysis.evaluation.halves._BATCH", 7)
    parts = halves_errors(model, examples)
    for kind, errors in whole.items():
        for name, values in errors.items():
            assert parts[kind][name] == pytest.approx(values, rel=1e-6)


def test_an_evaluation_of_several_seeds_is_written_with_all_its_numbers(group):
    evaluation = evaluate_halves(group, overrides={"eval.split": "validation"})
    plain = json.loads(evaluation.data.read_text())
    assert evaluation.data == group / "studies/split/split.json"
    assert evaluation.figure.stat().st_size > 10_000
    assert [score["seed"] for score in plain["scores"]] == [3, 4]
    assert plain["part"] == "validation"
    examples = load_data(configs.DigitsConfig()).validation
    for score in plain["scores"]:
        trained = models.load_autoencoder(group / f"seed-{score['seed']}")
        assert score["errors"] == halves_errors(trained.model, examples)
        assert score["sha256"] == trained.digest
        assert score["examples"] == 1197
        low, high = (score["errors"]["mae"]["second"][kind] for kind in ("low", "high"))
        assert score["cross_own"]["mae"]["second"] == low / high
    ratios = [score["cross_own"]["mse"]["first"] for score in plain["scores"]]
    assert plain["cross_own"]["mse"]["first"]["value"] == pytest.approx(np.mean(ratios))


def test_the_constant_picture_is_the_best_there_is(group):
    evaluation = evaluate_halves(group / "seed-3", overrides=["eval.split=train"])
    images = load_data(configs.DigitsConfig()).train
    low = images.images[images.digits < 5]
    median = np.median(images.images, axis=0)
    found = evaluation.constant["mae"]["constant"]["low"]
    assert found == pytest.approx(np.abs(low - median).mean())
    generator = np.random.default_rng(0)
    mean, best = images.images.mean(axis=0), evaluation.constant["mse"]["constant"]
    share = (images.digits < 5).mean()
    for _ in range(20):
        other = mean + 0.1 * generator.standard_normal(mean.shape)
        error = np.square(images.images - other).mean()
        assert error > share * best["low"] + (1 - share) * best["high"]


def test_the_command_evaluates_runs_groups_and_checkpoints(group, tmp_path, capsys):
    file = next((group / "seed-4" / "checkpoints").glob("*.ckpt"))
    for source in (group, group / "seed-4", file):
        arguments = ["eval", str(source), "eval.split=validation", f"out={tmp_path}"]
        assert main(arguments) == 0, capsys.readouterr().err
        shown = capsys.readouterr().out
        assert "second half's certificate" in shown
        assert f"{tmp_path}/split.json" in shown


def test_seeds_are_compared_by_their_own_metrics(group):
    lines = json.loads((group / "studies/compare/compare.json").read_text())["lines"]
    assert {"split/first", "split/second", "losses/reconstruction"} <= set(lines[0]["last"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["eval.split=all"], "eval.split = all: one of train, validation, test"),
        (["eval.levels=3"], "eval.levels=3: here an evaluation takes eval.split= and data"),
    ],
)
def test_settings_that_do_not_apply_to_halves_are_refused(group, settings, message):
    with pytest.raises(ConfigError, match=message):
        evaluate_halves(group, overrides=settings)


def test_a_finished_run_can_be_trained_further(group, tmp_path):
    run = tmp_path / "seed-3"
    shutil.copytree(group / "seed-3", run)
    trainers.resume(run, ["frames=2394"])
    assert models.load_autoencoder(run).env_steps == 2394


@pytest.mark.slow
def test_routing_splits_the_digits_far_beyond_what_the_same_losses_alone_do(tmp_path):
    """For one seed that no setting was chosen by.

    A control's half is above the goal of 1.15 in some seeds (all are in
    docs/reproductions/halves.md), so that one seed can only say that it stays far
    below a routed one's.
    """
    found = {}
    for name in ("halves", "unrouted", "shuffled"):
        settings = ["seed=5", "trainer.progress=false", "trainer.accelerator=cpu", "name=one"]
        run = trainers.train(configs.load(f"digits/{name}", [*settings, f"runs_dir={tmp_path}"]))
        evaluation = evaluate_halves(run, overrides=["eval.split=validation"])
        found[name] = [evaluation.ratio("mae", half).value for half in ("first", "second")]
    assert min(found["halves"]) >= 1.4, found
    assert max(found["unrouted"] + found["shuffled"]) <= min(found["halves"]) - 0.4, found
