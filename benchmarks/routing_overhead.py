"""Time five routed sites in a training step: activation masks, and exact parameter masks.

For each of three networks, the plain form and the two routed forms take turns in one process, in an
order that rotates. A step consists of labels, forward, loss, backward and Adam. Every example has
one of three labels or none, and every site has two regions and some shared units.

A change to the order in which memory is freed can make the C library return pages to the system and
fetch them again in the middle of a step. On virtual machines this costs more than the masks. So all
is measured twice, with the default allocator and with one that keeps its pages.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import apart
from chisel import models, routing
from chisel.configs.schema import ImpalaConfig

Step = Callable[[], None]

ALLOCATORS = {
    "default": {},
    "keeping": {
        "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
        "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
        "MALLOC_TOP_PAD_": str(1 << 28),
    },
}
"""Environment variables of the process that measures with each allocator (glibc)."""

RULES = {"first": {"b": 0}, "second": {"a": 0}, "third": {"a": -0.75, "b": 0.3}}
UNITS = {"a": "0%:37.5%", "b": "37.5%:75%"}


def measure_apart(*, toy: bool, rounds: int) -> dict[str, Any]:
    """Run `measure` in a process of its own for each allocator; return the results by name."""
    return {
        name: apart.run_apart(__name__, env, toy=toy, rounds=rounds)
        for name, env in ALLOCATORS.items()
    }


def measure(*, toy: bool, rounds: int) -> dict[str, Any]:
    """Time all networks, one after the other.

    Args:
        toy: Whether to take tiny batches, to see that the harness works.
        rounds: Number of turns of each contender.

    Returns:
        By network, the seconds of every turn; and by form the overhead over the plain step, in wall
        clock and in CPU time: of the fastest turns, which other work on the machine disturbs least,
        and the median over rounds with quartiles.
    """
    networks: dict[str, Callable[[bool], tuple[nn.Module, Tensor, list[str]]]] = {
        "5 x conv32, 32x32, B=64": _conv,
        "5 x linear512, B=1024": _linear,
        "impala 16-32-32, 64x64, B=128": _impala,
    }
    return {name: _compare(build, toy, rounds) for name, build in networks.items()}


def _compare(
    build: Callable[[bool], tuple[nn.Module, Tensor, list[str]]], toy: bool, rounds: int
) -> dict[str, Any]:
    steps = {
        name: _training_step(*build(toy), at=at)
        for name, at in (("plain", None), ("activations", "output"), ("parameters", "parameters"))
    }
    per_turn = 1 if toy else _steps_in(0.2, steps["plain"])
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in steps}
    order = list(steps)
    for number in range(rounds + 1):
        for name in order:
            spent = apart.seconds_of(steps[name], per_turn)
            if number:  # the first round warms up
                turns[name].append(spent)
        order = order[1:] + order[:1]
    overhead = {form: _overhead(turns, form, rounds) for form in steps if form != "plain"}
    return {"steps_per_turn": per_turn, "turns": turns, "overhead": overhead}


def _overhead(
    turns: dict[str, list[dict[str, float]]], form: str, rounds: int
) -> dict[str, dict[str, float]]:
    found = {}
    for key in ("wall_s", "cpu_s"):
        routed, plain = ([turn[key] for turn in turns[name]] for name in (form, "plain"))
        ratios = [mine / other - 1 for mine, other in zip(routed, plain, strict=True)]
        low, _, high = quantiles(ratios, n=4) if rounds > 1 else (ratios[0],) * 3
        fastest = min(routed) / min(plain) - 1
        found[key] = {"fastest": fastest, "median": median(ratios), "q25": low, "q75": high}
    return found


def _training_step(model: nn.Module, inputs: Tensor, modules: list[str], at: str | None) -> Step:
    """Return a function that does one training step with routed modules; plain without `at`."""
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(-1, len(RULES), (len(inputs),), generator=generator)
    router = None
    if at is not None:
        regions = {
            name: [{"module": module, "at": at, "units": units} for module in modules]
            for name, units in UNITS.items()
        }
        options = {"regions": regions, "rules": RULES}
        router = routing.attach(model, options, example=inputs[:2])

    def step() -> None:
        if router is not None:
            router.use(labels)
        output = model(inputs)
        output = output[0] if isinstance(output, tuple) else output
        output.square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def _steps_in(seconds: float, step: Step) -> int:
    step()
    return max(1, round(seconds / apart.seconds_of(step)["wall_s"]))


def _conv(toy: bool) -> tuple[nn.Module, Tensor, list[str]]:
    torch.manual_seed(0)
    convs = [nn.Conv2d(32, 32, 3, padding=1) for _ in range(5)]
    model = nn.Sequential(*[layer for conv in convs for layer in (conv, nn.ReLU())])
    return model, torch.randn(2 if toy else 64, 32, 32, 32), [str(2 * n) for n in range(5)]


def _linear(toy: bool) -> tuple[nn.Module, Tensor, list[str]]:
    torch.manual_seed(0)
    layers = [layer for _ in range(5) for layer in (nn.Linear(512, 512), nn.ReLU())]
    model = nn.Sequential(*layers)
    return model, torch.randn(8 if toy else 1024, 512), [str(2 * n) for n in range(5)]


def _impala(toy: bool) -> tuple[nn.Module, Tensor, list[str]]:
    torch.manual_seed(0)
    model = models.build(ImpalaConfig(), models.Spaces((64, 64, 3), "uint8", 255.0, 15))
    frames = torch.randint(0, 256, (2 if toy else 128, 3, 64, 64), dtype=torch.uint8)
    layers = ["block3.conv", "block3.res1.conv1", "block3.res1.conv2", "block3.res2.conv2", "fc"]
    return model, frames, [f"embedder.{layer}" for layer in layers]


if __name__ == "__main__":
    apart.main(measure)
