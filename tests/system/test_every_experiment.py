"""Runs of every experiment can be evaluated, ablated, compared and reported on.

Runs are tiny, and so are the report's studies. What some of them cannot do is listed here by name;
the table of docs/reference/commands.md says the same.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest

from chisel import configs
from chisel.analysis.evaluation import evaluator_of
from chisel.configs import registry
from tests.corpora.idx_files import idx
from tests.system.conftest import command_here

PAGE = Path(__file__).parents[2] / "docs/reference/commands.md"
LEVELS, TEST_DIGITS, TEST_MNIST, TEST_STORIES = 2, 400, 20, 12
REGIONS = {
    "coin": "",
    "coin-halves": "first, second",
    "digits/halves": "first, second",
    "digits/mnist-halves": "first, second",
    "digits/shuffled": "first, second",
    "digits/unrouted": "",
    "gridworld/aup-ppo": "",
    "gridworld/impact-aup": "",
    "gridworld/impact-filter": "everything",
    "gridworld/impact-gate": "clean, disturbing, gate",
    "gridworld/impact-penalise": "",
    "gridworld/impact-ppo": "",
    "gridworld/impact-routed": "clean, disturbing, gate",
    "gridworld/impact-routed-aup": "clean, disturbing, gate",
    "gridworld/impact-shuffled": "clean, disturbing, gate",
    "gridworld/ppo": "",
    "language/stories": "",
    "language/stories-8-layers": "",
    "language/stories-filtered": "",
    "language/stories-gram": "forget, core",
    "language/stories-modules": "forest, sea, farm, town, mountain",
    "language/stories-routed": "forget, retain",
    "language/stories-scalar": "scalar, rest",
    "language/stories-sgtm": "forget, retain",
    "language/stories-shuffled": "forget, retain",
    "language/stories-unrouted": "",
    "maze/easy": "",
    "maze/filtered": "cheese, corner, gate, heads",
    "maze/hard": "",
    "maze/pixels-small": "",
    "maze/quick": "",
    "maze/routed": "cheese, corner, gate",
    "maze/routed-context": "elsewhere, corner, gate",
    "maze/routed-dropping": "cheese, corner, gate",
    "maze/routed-fc": "cheese, corner",
    "maze/routed-pixels": "cheese, corner, gate",
    "maze/routed-quick": "cheese, corner, gate",
    "maze/routed-shuffled": "cheese, corner, gate",
    "maze/smoke": "",
    "maze/unmasked-dropping": "cheese, corner, gate",
    "maze/unrouted": "cheese, corner, gate",
    "oversight/filtered": "",
    "oversight/naive": "",
    "oversight/naive-early-stopped": "",
    "oversight/oracle": "",
    "oversight/paper": "diamond, ghost, gate",
    "oversight/ppo": "diamond, ghost, gate",
    "oversight/routed": "diamond, ghost, gate",
    "oversight/unlabelled": "diamond, ghost, gate",
    "oversight/unrouted": "diamond, ghost, gate",
    **dict.fromkeys(
        [
            "safelife/aup",
            "safelife/aup-constant",
            "safelife/aup-faithful",
            "safelife/aup-frozen",
            "safelife/aup-projection",
            "safelife/aup-quick",
            "safelife/aup-shuffled",
        ],
        "",
    ),
    "safelife/impact-aup": "",
    "safelife/impact-filter": "everything",
    "safelife/impact-gate": "clean, disturbing, gate",
    "safelife/impact-penalise": "",
    "safelife/impact-ppo": "",
    "safelife/impact-routed": "clean, disturbing, gate",
    "safelife/impact-routed-aup": "clean, disturbing, gate",
    "safelife/impact-shuffled": "clean, disturbing, gate",
    "safelife/naive": "",
    "safelife/ppo": "",
    "safelife/quick": "",
}
"""Regions that `study ablation` switches off in runs of each experiment, and of a plug-in's; runs
without regions are refused."""
QUICK = (
    "coin-halves",
    "digits/halves",
    "gridworld/ppo",
    "language/stories-gram",
    "oversight/routed",
)

NO_REGIONS = (
    "has no regions: it was trained without routing.regions; "
    "`chisel check maze/routed-fc` prints an experiment that has them, and "
    "docs/howto/add-a-world.md shows one in a world of your own"
)
NO_POLICY = "has no policy; give a run that learnt in an environment"
NO_OWN_REGIONS = "no kind of example has regions of its own"
NO_MODULE = "no module 'embedder.block2.res1.resadd'; did you mean 'embedder."
ANY_WORLD = ["ablation", "integrated-gradients", "localization", "probes"]
OF_MAZES = ["behaviour", "channels", "cheese-vector", "over-training", "retarget", "vector-field"]
"""Sections of a report."""

TINY = {
    "coin": "frames=512",
    "digits": "frames=1197 model.hidden=[8] model.code=4",
    "gridworld": "frames=512 env.num_envs=4 model.hidden=8",
    "maze": "frames=128 env.num_envs=8 env.num_threads=0 env.timeout=8 algo.num_steps=8 "
    "algo.num_minibatches=2 algo.update_epochs=1 model.channels=[2,3,3] model.hidden=8",
    "mnist": "frames=60 algo.batch_size=10 model.hidden=[8] model.code=4",
    "stories": "frames=20 algo.iteration_size=10 algo.batch_size=10 corpus.stories=20 "
    f"corpus.validation=6 corpus.test={TEST_STORIES} model.layers=1 model.width=16",
    "oversight": "frames=256 env.num_envs=8 model.hidden=16",
    "safelife": "frames=1600 env.num_envs=16 env.num_levels=2 env.time_limit=10 algo.num_steps=20 "
    "algo.num_minibatches=4 model.channels=[2,3,3] model.hidden=8",
}
SMALL_STUDIES = {
    "ablation": {"controls": 1},
    "behaviour": {"levels": 8},
    "channels": {"levels": 2, "cells": 4, "top": 1, "hits": 0.0, "controls": 1},
    "cheese-vector": {"split": "test", "levels": 4, "coeffs": (-1.0,)},
    "integrated-gradients": {"levels": 4, "steps": 2, "top": 1},
    "localization": {"frames": 64, "batch": 64, "levels": LEVELS, "points": 1, "controls": 0},
    "over-training": {"split": "test", "levels": 4, "points": 2, "measure": "success"},
    "probes": {"levels": 20, "validation": 20, "test": 20, "layers": "input,fc_policy"},
    "retarget": {"levels": 2, "channels": (1,), "ceiling": False},
    "vector-field": {"levels": 1},
}
COIN_HALVES = """
extends: coin.yaml
routing:
  regions:
    first: [{module: embedder.fc1, units: "0%:50%"}]
    second: [{module: embedder.fc1, units: "50%:100%"}]
  rules:
    heads: {first: 0, second: 1}
    tails: {first: 1, second: 0}
  labels: {source: coin-side}
"""


@dataclass(frozen=True)
class Run:
    """A tiny run of an experiment, and the commands that are typed about it."""

    experiment: str
    config: configs.RunConfig
    folder: Path
    type: object
    """Run `chisel` with some words; return what it printed, after checking the exit code."""

    @property
    def world(self) -> str:
        return (self.config.env or self.config.corpus).name

    @property
    def regions(self) -> list[str]:
        return list(filter(None, REGIONS[self.experiment].split(", ")))

    def json(self, *parts: str):
        return json.loads((self.folder / Path(*parts)).read_text())


@pytest.fixture
def folder(coin, monkeypatch):
    """A folder with the plug-in world and its label, and with a handful of MNIST's digits.

    Studies of a report are as small as they can be.
    """
    (coin / "coin-halves.yaml").write_text(COIN_HALVES)
    (coin / "mnist").mkdir()
    for part, count in (("train", 60), ("t10k", TEST_MNIST)):
        for kind, shape in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            name = f"{part}-{kind}-ubyte"
            (coin / "mnist" / name).write_bytes(idx(name, shape))
    studies = registry.BUILT_IN["study"]
    for name, options in SMALL_STUDIES.items():
        monkeypatch.setitem(studies, name, replace(studies[name], report=options))
    return coin


def settings_of(config):
    """Settings that make a run of an experiment tiny."""
    world = (config.env or config.corpus).name
    settings = [*TINY[world].split(), "trainer.checkpoint_every=1", "tracking.mode=disabled"]
    settings += ["trainer.progress=false", "trainer.accelerator=cpu"]
    if config.env is not None:
        settings += [f"eval.levels={LEVELS}", "eval.num_envs=2"]
    if config.algo.name == "aup":
        settings += ["algo.aux.steps=256", "algo.aux.hidden=8", "algo.aux.num=2"]
    if config.algo.name == "deep-aup":
        settings += ["algo.aux.frames=320", "algo.aux.steps=320"]
    if getattr(getattr(config.algo, "aux", None), "reward", None) == "cb-vae":
        settings.append("algo.aux.epochs=1")
    if "scalar" in config.routing.regions:  # a number of the stream behind the third block
        settings = [one for one in settings if not one.startswith("model.")]
        settings += ["model.layers=3", "model.width=128"]
    if config.routing.drop_start:
        settings.append("routing.drop_start=64")
    if config.routing.start:
        settings += ["routing.start=320", "routing.ramp=640"]
    if config.model.name == "experts":
        settings.append("model.gate_channels=[2,2]")
    if world == "maze" and config.env.levels.set_size:
        settings.append("env.levels.set_size=64")
    return settings


@pytest.fixture
def run(request, folder, capsys):
    """Two seeds of the experiment that a test is about, trained for a moment."""
    name = f"{request.param}.yaml" if request.param.startswith("coin") else request.param

    command = command_here(capsys)

    def chisel(*words, code=0):
        out, err = command(*words, code=code)
        return out if code == 0 else err

    settings = settings_of(configs.load(name))
    group = chisel("train", name, "seed=0,1", "name=two", *settings).splitlines()[-1]
    config = configs.load(name, settings)
    return Run(request.param, config, folder / group, chisel)


def rows_of(run):
    """How many rows a table of episodes has, by what is said of the experiments in the docs."""
    if run.world == "stories":
        return TEST_STORIES * 2  # the network, and beside it the grammar
    if run.config.corpus is not None:
        # The decoder, beside it two constant pictures, and the certificates of both halves.
        return (TEST_MNIST if run.world == "mnist" else TEST_DIGITS) * 5
    if run.world == "oversight":
        return LEVELS * (1 + len(run.regions) + 3)  # whole, without each region, three scripts
    if run.world == "safelife":
        return LEVELS * 3 * 2  # beside it who acts at random and who does nothing; training levels
    situations = 2 if run.world == "maze" and run.config.env.cheese == "region" else 1
    return LEVELS * 2 * situations  # the agent and one that acts at random


def check_evaluation(run):
    run.type("eval", run.folder)
    names = {metric.name for metric in evaluator_of(run.config).metrics}
    of_group = run.json("studies/eval/eval.json")
    assert {metric["name"] for metric in of_group["metrics"]} == names
    for seed in ("seed-0", "seed-1"):
        found = run.json(seed, "studies/eval/eval.json")
        scores = [metrics for one in found["scores"] for metrics in one["metrics"].items()]
        assert {name for name, _ in scores} <= names
        # Of four mazes all may have the cheese in the region, or none.
        assert names - {name for name, _ in scores} <= {"success in region", "success elsewhere"}
        assert all(one["n"] >= 1 for _, one in scores)
        episodes = pd.read_csv(run.folder / seed / "studies/eval/eval.csv")
        if run.world == "oversight":  # the others are episodes that ended on these boards
            episodes = episodes[episodes["return"].notna()]
        assert len(episodes) == rows_of(run)
    assert {n for one in of_group["scores"] for n in counts(one["metrics"])} <= {1, 2}
    assert 2 in counts(of_group["scores"][0]["metrics"])
    together = pd.read_csv(run.folder / "studies/eval/eval.csv")
    assert set(together["run"]) == {"seed-0", "seed-1"}


def counts(metrics):
    return {one["n"] for one in metrics.values()}


def check_ablation(run):
    few = [] if run.config.env is None else [f"levels={LEVELS}"]
    words = ["study", "ablation", f"checkpoint={run.folder}", "controls=1", *few]
    if not run.regions:
        (line,) = run.type(*words, code=2).splitlines()
        assert line.endswith(NO_REGIONS)
        return
    made = Path(run.type(*words).splitlines()[-1])
    found = json.loads((made / "ablation.json").read_text())["ablation"]
    kinds = {row["name"]: row["kind"] for row in found["rows"]}
    assert [name for name, kind in kinds.items() if kind == "region"] == run.regions
    for region in run.regions:
        assert (f"random:{region} 1" in kinds) != (region in found["uncontrolled"])
    assert all(counts(row["metrics"]) == {2} for row in found["rows"])
    # Values of each condition, and its changes from the whole network.
    assert len(pd.read_csv(made / "ablation.csv")) == 2 * len(kinds) - 1


def check_comparison(run):
    seeds = [run.folder / "seed-0", run.folder / "seed-1"]
    run.type("compare", *seeds, "out=compared")
    found = json.loads(Path("compared/compare.json").read_text())
    assert [line["folder"] for line in found["lines"]] == list(map(str, seeds))
    assert found["evaluations_differ_in"] == []
    for line in found["lines"]:
        assert line["notes"] == []
        known = {"losses/entropy", "losses/reconstruction", "losses/next_token"}
        assert known & line["last"].keys()
        assert line["evaluation"]
        assert all(one["n"] >= 1 for one in line["evaluation"].values())


def check_report(run):
    page = run.folder / "seed-0/studies/report/report.html"
    said = run.type("study", "report", f"checkpoint={page.parents[2]}")
    assert said.splitlines()[-1] == str(page)
    text = page.read_text()
    assert len(text) < 5_000_000
    parts = re.split(r"<h2 id=[^>]*>(.*?)</h2>", text)[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    own = OF_MAZES if run.world == "maze" else ["coin-sure"] if run.world == "coin" else []
    studied = sorted([*ANY_WORLD, *own])
    assert list(sections) == ["Summary", "eval", "training", *studied, "Configs"]
    summary = sections.pop("Summary")
    assert all(f"<td>{name}</td>" in summary for name in studied)
    skipped = {}
    for title, body in sections.items():
        (why,) = re.findall("Skipped: (.*?)[.]<", body) or [None]
        if why is not None:
            skipped[title] = html.unescape(why)
        elif title != "Configs":
            assert "<img" in body or "<table" in body, title
    expected = refused_in_reports(run)
    assert skipped.keys() == expected.keys()
    for title, why in expected.items():
        assert why in skipped[title]


def refused_in_reports(run):
    """Why a report on a tiny run lacks some sections."""
    refused = {}
    if not run.regions:
        refused |= dict.fromkeys(["ablation", "localization"], NO_REGIONS)
    if run.experiment in ("maze/filtered", "gridworld/impact-filter", "safelife/impact-filter"):
        refused["localization"] = NO_OWN_REGIONS
    if run.config.env is None:
        refused |= dict.fromkeys(["integrated-gradients", "localization", "probes"], NO_POLICY)
    if run.world == "maze":
        refused["behaviour"] = "a regression needs 20"
    if run.config.model.name == "experts":
        refused |= dict.fromkeys(["channels", "cheese-vector", "retarget"], NO_MODULE)
    return refused


@pytest.mark.usefixtures("procgen")
@pytest.mark.parametrize(
    "run",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in REGIONS],
    indirect=True,
)
def test_runs_are_evaluated_ablated_compared_and_reported_on(run):
    check_evaluation(run)
    check_ablation(run)
    check_comparison(run)
    check_report(run)


def test_no_experiment_is_left_out():
    assert [name for name in REGIONS if not name.startswith("coin")] == sorted(
        configs.experiments()
    )


def tables_of_page():
    """The rows of each table of the page, by the heading above it."""
    tables = {}
    for part in PAGE.read_text().split("\n## ")[1:]:
        heading, *lines = part.splitlines()
        rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
        tables[heading] = rows[2:]
    return tables


def test_the_page_names_the_regions_of_every_experiment():
    said = {
        name: regions
        for names, regions in tables_of_page()["Regions that `chisel study ablation` switches off"]
        for name in re.findall("`(.*?)`", names)
    }
    of_experiments = {name: regions or "none: refused" for name, regions in REGIONS.items()}
    assert said == {k: v for k, v in of_experiments.items() if not k.startswith("coin")}


@pytest.mark.parametrize(
    ("row", "experiment"),
    [
        (0, "maze/quick"),
        (1, "maze/routed"),
        (2, "gridworld/ppo"),
        (3, "oversight/routed"),
        (4, "safelife/quick"),
        (5, "digits/halves"),
    ],
)
def test_the_page_names_the_metrics_of_every_world(row, experiment):
    world, said, _ = tables_of_page()["What `chisel eval` measures"][row]
    config = configs.load(experiment)
    assert (config.env or config.corpus).name in world
    assert said.split(", ") == [metric.name for metric in evaluator_of(config).metrics]
