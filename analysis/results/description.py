"""Describe a trained network: its layers, regions, spaces, config, origin, and possible studies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from chisel import configs
from chisel.analysis.results.subjects import Networks, load_networks
from chisel.analysis.results.tables import new_table
from chisel.configs import registry
from chisel.models import ActorCritic, Spaces, layers_of


def describe(source: Path | str, env: str | None = None) -> dict[str, Table]:
    """Describe the network of a run, a checkpoint, shipped weights or a group's first seed.

    Args:
        source: Path of the network, or name of a shipped agent.
        env: For published weights, the experiment whose environment they play in.

    Returns:
        Tables `config`, `layers`, `regions` (if gradients were routed), `studies` that can be run
        on the network, and `about` its kind and its training, in the order of printing.

    Raises:
        CheckpointError: If nothing can be loaded.
        ConfigError: If `env` is given for other than published weights.
    """
    subject = load_networks(source, env)
    tables = {"config": _config(subject), "layers": _layers(subject)}
    if regions := subject.first.regions:
        tables["regions"] = _regions(regions)
    return tables | {"studies": _studies(subject), "about": _about(subject)}


def _about(subject: Networks) -> Table:
    loaded, config = subject.first, subject.first.config
    count = sum(one.numel() for one in loaded.model.parameters())
    facts = {
        "file": str(loaded.source),
        "sha256": loaded.digest,
        "network": f"{type(loaded.model).__name__}, {count:,} parameters",
        "reads": _reads(loaded.spaces),
        "decides": f"one of {loaded.spaces.num_actions} actions" * bool(loaded.spaces.num_actions),
        "trained with": "" if config is None else f"{config.experiment}, seed {config.seed}",
        "trained for": f"{loaded.env_steps:,} steps" if loaded.env_steps else "",
        "trained on": ", then ".join(loaded.trained_on or ()),
        "started from": (config.init_from or "") if config else "",
        "seeds": ", ".join(subject.names) if len(subject) > 1 else "",
    }
    table = new_table(subject.path, words=["", ""])
    for name, fact in facts.items():
        if fact:
            table.add_row(name, fact)
    return table


def _reads(spaces: Spaces) -> str:
    shape = " x ".join(map(str, spaces.obs_shape))
    if spaces.vocabulary is not None:
        return f"{shape} tokens of a vocabulary of {spaces.vocabulary:,}"
    parts = "".join(f", {view.name} {list(view.shape)}" for view in spaces.views)
    return f"{spaces.kind} {shape}, {spaces.obs_dtype} up to {spaces.obs_high:g}{parts}"


def _config(subject: Networks) -> Table:
    """Return the options group by group, as a user types them."""
    table = new_table("config", words=["", ""])
    config = subject.first.config
    if config is None:
        table.add_row("none", "published weights carry no config; name one with env=EXPERIMENT")
        return table
    lone: dict[str, Any] = {}
    for group, options in configs.to_plain(config).items():
        if isinstance(options, dict):
            table.add_row(group, _typed(configs.flatten(options)))
        elif options is not None:
            lone[group] = options
    table.add_row("run", _typed(lone))
    return table


def _typed(options: dict[str, Any]) -> str:
    shown = {name: value for name, value in options.items() if value not in (None, [], {}, ())}
    return " ".join(f"{name}={_plain(value)}" for name, value in shown.items())


def _plain(value: Any) -> str:
    lists = isinstance(value, list | dict)
    return json.dumps(value) if lists else configs.as_typed(value)


def _layers(subject: Networks) -> Table:
    loaded = subject.first
    caption = "own: parameters of the layer itself; B: the number of examples"
    table = new_table("layers", caption, words=["layer", "type", "output"], numbers=["own"])
    for layer in layers_of(loaded.model, loaded.spaces):
        shape = "-" if layer.shape is None else f"[{', '.join(map(str, ('B', *layer.shape)))}]"
        own = f"{layer.parameters:,}" if layer.parameters else ""
        table.add_row(layer.name, layer.kind, shape, own)
    return table


def _regions(regions: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    table = new_table("regions", words=["region", "where", "units"])
    for name, parts in regions.items():
        for part in parts:
            units, size = part["units"], part["size"]
            shown = f"all {size}" if len(units) == size else f"{_ranges(units)} of {size}"
            table.add_row(name, f"{part['at']} of {part['module']}", shown)
    return table


def _ranges(numbers: list[int]) -> str:
    """Return ascending numbers like `0-3, 7`."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1] = [found[-1][0], number]
        else:
            found.append([number])
    return ", ".join("-".join(map(str, one)) for one in found)


def _studies(subject: Networks) -> Table:
    config = subject.first.config
    world = None if config is None else getattr(config.env, "name", None)
    caption = f"`chisel study STUDY checkpoint={subject.path}`; options: `chisel study STUDY help`"
    table = new_table("studies of it", caption, words=["study", "what it finds out"])
    for name in registry.names("study"):
        study = registry.get("study", name)
        if study.world in (None, world) and _takes(name, subject):
            lacks = study.regions and not subject.first.regions
            table.add_row(name, study.summary + "; needs routing.regions" * lacks)
    return table


def _takes(study: str, subject: Networks) -> bool:
    """Return whether a study may take a network of this kind; True if it is not imported yet."""
    try:
        option = configs.study_options(study).get("checkpoint")
    except configs.UnreadableError:
        return True
    has_policy = isinstance(subject.first.model, ActorCritic)
    return option is not None and (has_policy or option.kind == "Networks")
