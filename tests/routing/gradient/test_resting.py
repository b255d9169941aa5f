"""Under any optimiser, regions whose gradient is routed away keep values and momentum."""

import pytest
import torch
from torch import nn

from chisel import routing

CLOSED = {"rules": {"closed": {"r": 0}}}


def attach(model, part, example=None, **more):
    return routing.attach(model, CLOSED | {"regions": {"r": [part]}} | more, example=example)


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_regions_rest_under_any_optimiser_and_the_rest_moves_as_without(name):
    def run(resting):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        rules = {"rules": {"closed": {"r": 0}, "open": {}}}
        router = attach(model, {"module": "0", "units": "0:4"}, **rules)
        optimizer = OPTIMIZERS[name](model.parameters())
        if resting:
            routing.keep_resting(optimizer, model.named_parameters(), router.owned())
        for step in range(6):
            if step == 3:
                before = routing.snapshot(model)
            with router.labels(torch.full((16,), int(step < 3))):
                optimizer.zero_grad()
                x = torch.randn(16, 4)
                (model(x) - x[:, :2]).square().mean().backward()
            optimizer.step()
        return routing.moved(model, before, router.owned())

    plain, kept = run(False), run(True)
    assert max(plain["r"].values()) > 0
    assert max(kept["r"].values()) == 0
    assert min(kept["shared"].values()) > 0


def test_sgd_with_resting_regions_gives_the_bits_of_a_run_without_the_closed_steps():
    """Of what the region owns, whose momentum rests as well."""

    def run(closed_steps):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 4)).double()
        router = attach(model, {"module": "0"}, rules={"closed": {"r": 0}, "open": {}})
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        routing.keep_resting(optimizer, model.named_parameters(), router.owned())
        x = torch.ones(3, 4, dtype=torch.float64)
        for label in (1, 1, *[0] * closed_steps, 1):
            with router.labels(torch.full((3,), label)):
                optimizer.zero_grad()
                model(x).square().sum().backward()
            optimizer.step()
        return model[0].weight.detach()

    assert torch.equal(run(0), run(5))
