"""The study `lm-routing`: measure what a routed language model forgets without its region."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
from torch import nn

from chisel import configs, models, routing
from chisel.analysis.ablation import regions_of
from chisel.analysis.language import (
    RoutingScores,
    StoryReader,
    filtering_table,
    routing_figure,
    routing_table,
)
from chisel.analysis.results import (
    Count,
    Result,
    Seed,
    Share,
    Within,
    make_folder,
    plain,
    read_json,
    short_digest,
    write_json,
)
from chisel.configs import ConfigError, RunConfig, StoriesConfig, hint
from chisel.corpora.stories import load_stories
from chisel.models.language import GPT
from chisel.trainers.studies.elicitation import elicited
from chisel.trainers.studies.runs import measure_runs, plan_runs
from chisel.trainers.studies.unlearning import unlearned

ARMS: Mapping[str, tuple[str, str]] = {
    "control": ("language/stories-unrouted", ""),
    "rmu": ("language/stories-unrouted", ""),
    "era": ("language/stories-routed", ""),
    "era-concept": ("language/stories-routed", "algo.label_tokens=concept"),
    "sgtm": ("language/stories-sgtm", ""),
    "gram": ("language/stories-gram", ""),
    "filtered": ("language/stories-filtered", ""),
    "filtered-all": ("language/stories-filtered", "corpus.recall=1 corpus.precision=1"),
    "shuffled": ("language/stories-shuffled", ""),
    "early-stopped": ("language/stories-unrouted", "frames=20_000"),
}
"""Experiment and settings of each arm, by name. An arm is a way to train that is compared."""
REGION = "forget"
"""Name of the region that is ablated, and of the label of the topic's stories."""
_RUNS = {
    "control": "control",
    "rmu": "control",
    "filtered-all": "filtered-all",
    "early-stopped": "early-stopped",
}
"""Names of runs, for the arms whose training does not depend on the labelled stories."""

_FORMAT = 2
"""Number of the way to measure. Raise it when that changes: stored runs are then measured anew."""

Losses = Mapping[str, float]


@dataclass
class _Measured:
    """Measurements of a run: losses by state of the model, and by factor of the region's units."""

    states: dict[str, Losses]
    dial: dict[float, Losses] = field(default_factory=dict)


def run(
    *,
    seeds: tuple[Seed, ...] = (0, 1, 2),
    arms: tuple[str, ...] = ("control", "era", "gram", "filtered", "filtered-all", "shuffled"),
    recall: Annotated[float, Within(0.01, 1)] = 0.5,
    precision: Annotated[float, Within(0.01, 1)] = 1.0,
    settings: str = "",
    stories: Count = 150,
    controls: Annotated[int, Within(0)] = 3,
    dial: tuple[Share, ...] = (0.25, 0.5, 0.75),
    attack_stories: Count = 64,
    attack_steps: Count = 40,
    attack_rate: float = 5e-4,
    rmu_steps: Count = 250,
    runs_dir: str = "runs",
) -> Result:
    """Train missing language models; compare losses on a topic with and without its region.

    Args:
        seeds: Seeds of each arm. A seed draws weights and the order of minibatches; the stories are
            always the same.
        arms: Ways to train that are compared: control, early-stopped (the control after half of its
            training), rmu, era, era-concept, sgtm, gram, filtered, filtered-all and shuffled. The
            ratio R needs control and filtered-all.
        recall: Share of the topic's stories that are labelled.
        precision: Share of the labelled stories that are of the topic.
        settings: Overrides for all arms, separated by spaces.
        stories: Number of stories of the topic, and of others, on which losses are measured; as
            many more fit a bias of the logits before each measurement.
        controls: Number of random regions of the same size.
        dial: Factors that the region's units are multiplied by, beside 0 and 1.
        attack_stories: Number of stories of the topic that an attacker fine-tunes on.
        attack_steps: Number of the attacker's optimiser steps.
        attack_rate: The attacker's learning rate.
        rmu_steps: Number of optimiser steps of the arm rmu, which unlearns the labelled stories.
        runs_dir: Folder of the runs, `RUNS_DIR/EXPERIMENT/ARM-seed-N`. Results are in
            `RUNS_DIR/studies/lm-routing`. Measurements of each run are kept in its folder and not
            repeated.

    Returns:
        Losses above the exact probabilities, and the ratio R of each arm, before and after the
        attack; the routed arms minus filtered, paired over seeds; and a figure.

    Raises:
        ConfigError: If an arm is unknown, or a run was trained with other settings.
    """
    plans = {arm: _plans(arm, seeds, recall, precision, settings, runs_dir) for arm in arms}
    reader = StoryReader(plans[arms[0]][0].corpus, stories)
    about: dict[str, Any] = {"format": _FORMAT, "stories": stories}
    about |= {"controls": controls, "dial": dial}
    about |= {"attack": [attack_stories, attack_steps, attack_rate]}
    attacker = reader.attacker(attack_stories)
    attack = functools.partial(
        elicited,
        tokens=torch.from_numpy(attacker.tokens),
        lengths=torch.from_numpy(attacker.lengths),
        steps=attack_steps,
        rate=attack_rate,
        seed=0,
        measure=reader.measure,
    )
    measure = functools.partial(
        _measure, reader=reader, attack=attack, controls=controls, dial=dial
    )
    found: dict[str, list[_Measured]] = {}
    for arm, planned in plans.items():
        corpus = replace(planned[0].corpus, recall=recall, precision=precision)
        change, own = None, about
        if arm == "rmu":
            change = functools.partial(_rmu, corpus, rmu_steps)
            own = about | {"rmu": [rmu_steps, recall, precision]}
        once = functools.partial(
            _once, about=own, measure=functools.partial(measure, change=change)
        )
        found |= measure_runs({arm: planned}, once)
    scores = RoutingScores(
        {arm: _by_state(runs) for arm, runs in found.items()},
        {arm: _by_factor(runs) for arm, runs in found.items() if runs[0].dial},
    )
    tables = {"routing": routing_table(scores)}
    if "filtered" in found and scores.dial:
        tables["filtering"] = filtering_table(scores)
    return Result(
        data={
            "losses": scores.losses,
            "R": {
                arm: {
                    state: scores.ratios(arm, state) for state in (scores.judged(arm), "attacked")
                }
                for arm in scores.losses
            },
            "configs": {arm: configs.to_plain(planned[0]) for arm, planned in plans.items()},
        },
        tables=tables,
        figures={"routing": routing_figure(scores, f"Labels of {recall:.0%} of the topic")},
        frames={"losses": _frame(found, seeds)},
    )


def _plans(
    arm: str, seeds: Sequence[int], recall: float, precision: float, settings: str, runs_dir: str
) -> list[RunConfig]:
    """Make the configs of an arm's runs; if labels matter, names have recall and precision.

    Raises:
        ConfigError: If there is no such arm.
    """
    if arm not in ARMS:
        raise ConfigError(f"arms={arm}: {hint(arm, ARMS)}")
    experiment, own = ARMS[arm]
    labels, name = "", _RUNS.get(arm)
    if name is None:
        labels = f"corpus.recall={recall} corpus.precision={precision}"
        name = f"{arm}-{recall:g}-{precision:g}"
    return plan_runs(
        experiment, seeds, f"{labels} {own} {settings}", runs_dir=runs_dir, prefix=f"{name}-"
    )


def _once(
    folder: Path, *, about: Mapping[str, Any], measure: Callable[[Path], _Measured]
) -> _Measured:
    """Measure a run, or return stored measurements of the same weights with the same options."""
    asked = plain({"weights": models.load(folder).digest, **about})
    file = folder / "studies" / "lm-routing" / f"run-{short_digest(json.dumps(asked))}.json"
    known = read_json(file)
    if known.get("asked") != asked:
        found = measure(folder)
        make_folder(file.parent)
        dial = list(found.dial.items())
        write_json(file, {"asked": asked, "states": found.states, "dial": dial})
        return found
    return _Measured(known["states"], {float(factor): losses for factor, losses in known["dial"]})


def _measure(
    folder: Path,
    *,
    reader: StoryReader,
    attack: Callable[..., Losses],
    controls: int,
    dial: Sequence[float],
    change: Callable[[nn.Module], nn.Module] | None,
) -> _Measured:
    """Measure a run: whole, attacked, and, if it has a region, with that ablated or scaled."""
    loaded = models.load(folder)
    model = loaded.model if change is None else change(loaded.model)
    found = _Measured({"whole": reader.measure(model)})
    if not loaded.regions:
        found.states["attacked"] = attack(model)
        return found
    regions = dict(regions_of(loaded))

    def without(mode: str | float) -> Callable[[nn.Module], AbstractContextManager[None]]:
        return lambda one: routing.ablate(one, regions, {REGION: mode})

    def measured(name: str, mode: str | float) -> Losses:
        with routing.ablate(model, regions, {name: mode}):
            return reader.measure(model)

    found.states["ablated"] = measured(REGION, "zero")
    found.states["attacked"] = attack(model, context=without("zero"))
    found.dial = {factor: measured(REGION, factor) for factor in dial}
    found.dial |= {0.0: found.states["ablated"], 1.0: found.states["whole"]}
    generator = torch.Generator().manual_seed(0)
    drawn = []
    for number in range(controls):
        name = f"random {number}"
        regions[name] = routing.random_like(regions_of(loaded), REGION, model, generator)
        drawn.append(measured(name, "zero"))
    if drawn:
        frame = pd.DataFrame(drawn).mean()
        found.states["random"] = {str(kind): float(value) for kind, value in frame.items()}
    return found


def _rmu(corpus: StoriesConfig, steps: int, model: nn.Module) -> nn.Module:
    """Unlearn the labelled stories, and preserve the model on the others."""
    train = load_stories(corpus).train
    flagged = torch.from_numpy(train.facts["flagged"])
    tokens = torch.from_numpy(train.tokens)
    gpt = models.require_kind(model, GPT, "gpt")
    return unlearned(gpt, tokens[flagged], tokens[~flagged], steps=steps)


def _by_state(runs: Sequence[_Measured]) -> dict[str, list[Losses]]:
    return {state: [one.states[state] for one in runs] for state in runs[0].states}


def _by_factor(runs: Sequence[_Measured]) -> dict[float, list[Losses]]:
    return {factor: [one.dial[factor] for one in runs] for factor in runs[0].dial}


def _frame(found: Mapping[str, Sequence[_Measured]], seeds: Sequence[int]) -> pd.DataFrame:
    """Return a row for each arm, seed and state, with the losses."""
    rows: list[dict[str, Any]] = []
    for arm, runs in found.items():
        for seed, one in zip(seeds, runs, strict=True):
            states: dict[str, Losses] = dict(one.states)
            states |= {f"dial {factor:g}": losses for factor, losses in one.dial.items()}
            rows += [
                {"arm": arm, "seed": seed, "state": state, **losses}
                for state, losses in states.items()
            ]
    return pd.DataFrame(rows)
