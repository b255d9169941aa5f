"""What the halves of a split encoding know, measured on runs of one epoch."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from chisel import configs, models, trainers
from chisel.analysis import studies
from chisel.analysis.evaluation import Player, Situation, evaluate, evaluator_of, split_ratios
from chisel.analysis.evaluation.halves import _Pictures
from chisel.analysis.evaluation.scores import scores_of
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


def metrics(model, examples, output, made_from):
    """The metrics of one output of a network, by name."""
    evaluator, player = evaluator_of(configs.load("digits/halves")), Player("agent", model)
    table = evaluator.table(_Pictures(examples, output).play(player, (0,)))
    (score,) = scores_of(evaluator, table, player, Situation({"from": made_from}), (0,))
    return {name: one.value for name, one in score.metrics.items()}


def test_errors_are_means_over_pixels_and_pictures_of_each_kind_of_digit():
    images = np.zeros((3, 2, 2), np.float32)
    images[2, 0, 0] = 1
    examples, model = Examples(images, np.array([4, 5, 9])), Fixed(0.0, 0.5, -1.0)
    decoder = metrics(model, examples, "decoded", "both halves")
    assert decoder["MAE 0-4"] == 0
    assert decoder["MAE 5-9"] == 0.125
    assert "MAE cross/own" not in decoder
    first = metrics(model, examples, "first", "first half")
    assert first["MAE 0-4"] == first["MAE 5-9"] == 0.5
    assert first["MSE cross/own"] == 1
    second = metrics(model, examples, "second", "second half")
    assert second["MSE 5-9"] == (4 * 1 + 3 * 1 + 4) / 8
    assert second["MSE cross/own"] == 1 / (11 / 8)
    absolute = (1 + 5 / 4) / 2
    assert split_ratios(model, examples) == {"first": 1, "second": 1 / absolute}


def test_errors_do_not_depend_on_the_batch_size(group, monkeypatch):
    model = models.load(group / "seed-3").model
    examples = load_data(configs.DigitsConfig()).validation
    whole = metrics(model, examples, "first", "first half")
    monkeypatch.setattr("chisel.analysis.evaluation.halves._BATCH", 7)
    assert metrics(model, examples, "first", "first half") == pytest.approx(whole, rel=1e-6)


def test_a_group_is_evaluated_seed_by_seed_with_means_over_the_seeds(group):
    evaluation = evaluate(group, overrides={"eval.split": "validation"})
    plain = json.loads(evaluation.data.read_text())
    assert evaluation.table().title == f"{group}, 2 seeds"
    assert evaluation.data == group / "studies/eval/eval.json"
    assert evaluation.figure.stat().st_size > 10_000
    assert [run["config"]["seed"] for run in plain["runs"]] == [3, 4]
    assert not plain["runs"][0]["config"]["eval"]["greedy"]
    each = [json.loads((group / f"seed-{n}/studies/eval/eval.json").read_text()) for n in (3, 4)]
    for run, alone in zip(plain["runs"], each, strict=True):
        assert run["sha256"] == alone["sha256"] == models.load(Path(alone["checkpoint"])).digest
        assert run["env_steps"] == 1197
    for number, score in enumerate(plain["scores"]):
        assert score["n_of"] == "seeds"
        for name, metric in score["metrics"].items():
            values = [one["scores"][number]["metrics"][name]["value"] for one in each]
            assert metric["value"] == pytest.approx(np.mean(values))
            assert metric["n"] == 2
    rows = pd.read_csv(evaluation.data.with_suffix(".csv"))
    assert set(rows["run"]) == {"seed-3", "seed-4"}


def test_the_figure_has_the_width_and_style_that_are_asked_for(group, tmp_path):
    def corner(*settings):
        figure = evaluate(group / "seed-3", overrides=settings, out=tmp_path).figure
        pixels = Image.open(figure).convert("L")
        return pixels.width / pixels.info["dpi"][0] * 25.4, pixels.getpixel((0, 0))

    width, shade = corner("style=dark", "width=90")
    assert width == pytest.approx(90, abs=1)
    assert shade < 40 < 200 < corner()[1]
    with pytest.raises(ConfigError, match="style=darker: "):
        corner("style=darker")


def test_a_part_of_the_encoding_can_be_ablated_in_what_reads_it(group, tmp_path):
    run, few = group / "seed-3", ["eval.split=validation"]
    whole = evaluate(run, overrides=few, out=tmp_path)
    for mode in ("", ":mean", ":resample"):
        found = evaluate(run, overrides=[*few, f"ablate=first{mode}"], out=tmp_path)
        for made_from, same in (("both halves", False), ("second half", True)):
            scores = [one.score(**{"from": made_from}) for one in (whole, found)]
            assert (scores[0] == scores[1]) is same


def test_the_constant_pictures_are_the_best_there_are(group):
    evaluation = evaluate(group / "seed-3", overrides=["eval.split=train"])
    images = load_data(configs.DigitsConfig()).train
    low = images.images[images.digits < 5]
    median = np.median(images.images, axis=0)
    found = evaluation.score("median picture").metrics["MAE 0-4"]
    assert found.value == pytest.approx(np.abs(low - median).mean())
    generator = np.random.default_rng(0)
    mean, best = images.images.mean(axis=0), evaluation.score("mean picture").metrics
    share = (images.digits < 5).mean()
    for _ in range(20):
        other = mean + 0.1 * generator.standard_normal(mean.shape)
        error = np.square(images.images - other).mean()
        assert error > share * best["MSE 0-4"].value + (1 - share) * best["MSE 5-9"].value


def test_the_command_evaluates_runs_groups_and_checkpoints(group, tmp_path, capsys):
    file = next((group / "seed-4" / "checkpoints").glob("*.ckpt"))
    for source in (group, group / "seed-4", file):
        arguments = ["eval", str(source), "eval.split=validation", f"out={tmp_path}"]
        assert main(arguments) == 0, capsys.readouterr().err
        shown = capsys.readouterr().out
        assert "second half" in shown
        assert f"{tmp_path}/eval.json" in shown


def test_seeds_are_compared_by_their_own_metrics(group):
    lines = json.loads((group / "studies/compare/compare.json").read_text())["lines"]
    assert {"split/first", "split/second", "losses/reconstruction"} <= set(lines[0]["last"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["eval.split=all"], "eval.split = all: one of train, validation, test"),
        (["eval.levels=3"], "eval.levels = 3 has no effect with a corpus"),
        (["eval.greedy=true"], "eval.greedy = True has no effect with a corpus"),
        (["env.num_envs=3"], "an evaluation takes eval"),
    ],
)
def test_settings_that_do_not_apply_to_halves_are_refused(group, settings, message):
    with pytest.raises(ConfigError, match=message):
        evaluate(group, overrides=settings)


def test_a_number_of_levels_is_refused_as_it_was_typed(group):
    with pytest.raises(ConfigError, match="levels=3: examples are taken whole"):
        studies.run("ablation", checkpoint=group, levels=3)


def test_a_finished_run_can_be_trained_further(group, tmp_path):
    run = tmp_path / "seed-3"
    shutil.copytree(group / "seed-3", run)
    trainers.resume(run, ["frames=2394"])
    assert models.load(run).env_steps == 2394


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
        evaluation = evaluate(run, overrides=["eval.split=validation"])
        halves = [evaluation.score(**{"from": half}) for half in ("first half", "second half")]
        found[name] = [half.metrics["MAE cross/own"].value for half in halves]
    assert min(found["halves"]) >= 1.4, found
    assert max(found["unrouted"] + found["shuffled"]) <= min(found["halves"]) - 0.4, found
