"""The losses that come with routes leave closed regions alone, whoever holds the labels."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.distributed as dist

from chisel.configs import ConfigError, ImpalaConfig, LabelsConfig, RoutingConfig
from chisel.models import Spaces, build
from chisel.trainers.routed.labels import EpisodeLabeler
from chisel.trainers.routed.routes import Routes
from tests.trainers.conftest import EXPERTS, fit, make_ppo

SPACES = Spaces((9, 9, 3), "uint8", 1.0, 15)
IMAGES = torch.randint(0, 2, (32, 3, 9, 9), generator=torch.Generator().manual_seed(0)).byte()
OPTIONS = RoutingConfig(
    regions={
        "cheese": [{"module": "embedder.relufc", "units": "0:6"}],
        "corner": [{"module": "embedder.relufc", "units": "6:12"}],
    },
    rules={"cheese": {"corner": 0.0}, "corner": {"cheese": 0.0}},
    labels=LabelsConfig(source="maze-goal"),
)


def routes_of(options):
    model = build(ImpalaConfig(channels=(4, 4, 4), hidden=16), SPACES)
    labeler = EpisodeLabeler(options.labels, num_envs=4, generator=np.random.default_rng(0))
    return model, Routes(model, options, labeler, example=IMAGES[:1])


@pytest.mark.parametrize("terms", [{}, {"value": {"cheese": {"corner": 0.0}}}])
@pytest.mark.parametrize("l1", [0.0, 1.0])
def test_sparsity_reaches_no_region_that_the_label_is_kept_out_of(l1, terms):
    model, routes = routes_of(dataclasses.replace(OPTIONS, l1=l1, terms=terms))
    batch = {"labels": torch.zeros(32, dtype=torch.int64)}
    logits, values, _ = routes.forward(model, IMAGES, batch)
    extra, logged = routes.losses(batch, None)
    assert ("l1" in logged) == (l1 > 0)
    (logits.square().mean() + values.square().mean() + extra).backward()
    rows = model.embedder.fc.weight.grad.abs().amax(1)
    assert rows[:6].max() > 0
    assert rows[6:12].max() == 0


@pytest.mark.parametrize(
    "part",
    [{"module": "embedder.fc", "at": "parameters"}, {"module": "embedder.fc", "at": "input"}],
)
def test_sparsity_without_a_routed_output_is_refused_in_one_line(part):
    options = dataclasses.replace(OPTIONS, l1=0.1, regions={"cheese": [part | {"units": "0:4"}]})
    options = dataclasses.replace(options, rules={"corner": {"cheese": 0.5}})
    with pytest.raises(ConfigError, match=r"routing.l1: no region is at a module's output"):
        routes_of(options)


def test_a_region_closed_to_all_examples_is_refused():
    closed = {"cheese": {"corner": 0.0}, "corner": {"corner": 0.0}}
    with pytest.raises(ConfigError, match="region corner is closed to every label, and to"):
        routes_of(dataclasses.replace(OPTIONS, rules=closed, unlabelled={"corner": 0.0}))
    routes_of(dataclasses.replace(OPTIONS, rules=closed))


def test_a_region_without_any_gradient_is_warned_of_at_the_end(capsys):
    always = {"cheese": {"corner": 0.0}, "corner": {}}
    only_cheese = dataclasses.replace(
        EXPERTS,
        rules=always,
        gate_coef=0.0,
        l1=0.0,
        freeze=True,
        unlabelled={"corner": 0.0},
        labels=LabelsConfig(source="maze-goal"),
    )
    module = make_ppo(routing=only_cheese)
    note = module.routes.labels.note
    module.routes.labels.note = lambda t, infos: note(
        t, infos if "episode" not in infos else infos | {"episode": _cheese(infos["episode"])}
    )
    fit(module)
    assert "warning: region corner never got a gradient in this run" in capsys.readouterr().err


def _cheese(facts):
    return facts | {"outcome": np.ones_like(facts["outcome"])}


def test_acting_alone_and_values_of_a_part_wait_for_the_start():
    options = dataclasses.replace(OPTIONS, alone_coef=1.0, values="routed", start=1000)
    model, routes = routes_of(options)
    batch = {"labels": torch.zeros(32, dtype=torch.int64)}
    for strength, waits in ((0.0, True), (1.0, False)):
        routes.router.strength = strength
        _, values, _ = routes.forward(model, IMAGES, batch)
        extra, logged = routes.losses(batch, None)
        assert (extra == 0) == waits
        assert logged["alone_loss"] > 0
        with torch.no_grad():
            routes.router.clear()
            assert torch.equal(values, model(IMAGES)[1]) == waits


class TwoProcesses:
    """Each process in turn, with the count of the labels of both."""

    def __init__(self, monkeypatch, total):
        monkeypatch.setattr(dist, "is_initialized", lambda: True)
        monkeypatch.setattr(dist, "get_world_size", lambda: 2)
        monkeypatch.setattr(dist, "all_reduce", lambda tensor: tensor.fill_(total))


@pytest.mark.parametrize("known", [(2, 40), (0, 7), (0, 0), (64, 64)])
@pytest.mark.parametrize("loss", ["gate", "alone"])
def test_an_example_weighs_the_same_on_every_process(monkeypatch, known, loss):
    """As one process with the whole batch: DDP takes the mean of the processes' gradients."""
    _, routes = routes_of(OPTIONS)
    routes._expert = torch.tensor([0, 1])
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(128, 2, generator=generator, requires_grad=True)
    whole = torch.randn(128, 2, generator=generator)
    labels = torch.full((128,), -1)
    labels[: known[0]] = 0
    labels[64 : 64 + known[1]] = 1

    def value(rows):
        routes._kept = {"gate": logits[rows], "alone": logits[rows], "whole": whole[rows]}
        return (
            routes._gate_loss(labels[rows]) if loss == "gate" else routes._alone_loss(labels[rows])
        )

    (one,) = torch.autograd.grad(value(slice(None)), logits)
    TwoProcesses(monkeypatch, total=sum(known))
    (two,) = torch.autograd.grad((value(slice(64)) + value(slice(64, 128))) / 2, logits)
    torch.testing.assert_close(two, one)
