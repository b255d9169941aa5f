"""Compare POWER and orbits in figure 1 of Turner et al. (2021) with known values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel import impact
from chisel.impact import Comparison, examples

_FIRST = {"∅": 0, "left": 1, "right": 2}
"""Numbers of the actions in the star."""


class ClosedForm(NamedTuple):
    """A computed value and the closed form from integration by hand."""

    world: str
    quantity: str
    gamma: float
    measured: float
    exact: float
    formula: str


def closed_forms(gammas: Sequence[float]) -> list[ClosedForm]:
    """Compute POWER and optimality probabilities of figure 1 and of the wait world.

    Args:
        gammas: Discounts in [0, 1]; the limits 0 and 1 are added.

    Raises:
        ValueError: If a discount is impossible.
    """
    return [*_figure_1(gammas), *_star(), *_wait(gammas)]


def _figure_1(gammas: Sequence[float]) -> Iterator[ClosedForm]:
    known: dict[int, tuple[str, Callable[[float], float]]] = {
        examples.NOTHING: ("1/2", lambda _: 1 / 2),
        examples.TOP_LEFT: ("1/2 + γ/(6(1+γ))", lambda g: 1 / 2 + g / (6 * (1 + g))),
        examples.BOTTOM_LEFT: ("1/2 + 1/(6(1+γ))", lambda g: 1 / 2 + 1 / (6 * (1 + g))),
        examples.LEFT: ("1/2 + 1/(6(1+γ))", lambda g: 1 / 2 + 1 / (6 * (1 + g))),
        examples.RIGHT: ("2/3", lambda _: 2 / 3),
    }
    for gamma in gammas:
        power = impact.exact_power(examples.figure_1(), gamma, list(known))
        for (state, (formula, value)), ours in zip(known.items(), power, strict=True):
            name = f"POWER({examples.FIGURE_1_STATES[state]})"
            yield ClosedForm("figure 1", name, gamma, float(ours), value(gamma), formula)


def _star() -> Iterator[ClosedForm]:
    world = examples.figure_1()
    for gamma, exact, formula in ((0.0, 3 / 4, "3/4"), (1.0, 517 / 640, "517/640")):
        ours = float(impact.exact_power(world, gamma, [examples.STAR])[0])
        yield ClosedForm("figure 1", "POWER(★)", gamma, ours, exact, formula)
    probabilities = impact.optimality_probability(world, 1.0, examples.STAR)
    known = {"right": (113 / 240, "113/240"), "left": (47 / 160, "47/160")}
    known |= {"∅": (113 / 480, "113/480")}
    for name, (exact, formula) in known.items():
        ours = float(probabilities[_FIRST[name]])
        yield ClosedForm("figure 1", f"P({name} optimal)", 1.0, ours, exact, formula)


def _wait(gammas: Sequence[float]) -> Iterator[ClosedForm]:
    world = examples.wait_world()
    for gamma in gammas:
        start, wait = impact.exact_power(world, gamma, [examples.START, examples.WAIT])
        exact = 2 / 3 + gamma**2 / 12
        yield ClosedForm("wait", "POWER(start)", gamma, float(start), exact, "2/3 + γ²/12")
        yield ClosedForm("wait", "POWER(wait)", gamma, float(wait), 2 / 3, "2/3")
        probability = float(impact.optimality_probability(world, gamma, examples.START)[1])
        exact = 1 / 2 + gamma / 6
        yield ClosedForm("wait", "P(wait optimal)", gamma, probability, exact, "1/2 + γ/6")


class OrbitCount(NamedTuple):
    """Counts of how often one choice is optimal and the other is not, over an orbit.

    The orbit of a reward function is its 8! copies with permuted states.
    """

    reward: str
    gamma: float
    more: str
    less: str
    counts: Comparison
    reference: tuple[int, int] | None
    """Independent counts; `None` if there are none."""
    proofs: int
    """Number of copies, which proves that so many rewards to one prefer `more` to `less`; 0 proves
    nothing."""


_LINEAR = np.arange(8) / 7
_ONE, _TWO = np.eye(8)[0], np.eye(8)[:2].sum(axis=0)
_REFERENCE: tuple[tuple[str, NDArray[np.float64], float, tuple[int, int]], ...] = (
    ("(0, …, 7)/7", _LINEAR, 0.1, (13440, 13440)),
    ("(0, …, 7)/7", _LINEAR, 0.5, (14796, 11710)),
    ("(0, …, 7)/7", _LINEAR, 0.99, (19232, 11420)),
    ("one state pays", _ONE, 0.5, (15120, 15120)),
    ("two states pay", _TWO, 0.5, (12960, 8640)),
    ("one state costs", -_ONE, 0.5, (10080, 5040)),
)


def orbit_counts(draws: int, generator: np.random.Generator) -> list[OrbitCount]:
    """Count right against left for reference and random rewards, then the negative control.

    The futures of right contain a copy of those of left. With a discount below 1 they contain no
    copy of ∅'s, so that right against ∅ must not be proven; without a discount they contain two.

    Args:
        draws: Number of random reward functions, uniform on [0, 1].
        generator: Source of the draws.
    """
    random = [(f"uniform, no. {n + 1}", generator.random(8)) for n in range(draws)]
    found = [
        _count(name, reward, gamma, "right", "left", reference)
        for name, reward, gamma, reference in _REFERENCE
    ]
    found += [_count(name, reward, 0.5, "right", "left") for name, reward in random]
    for gamma in (0.5, 0.99, 1.0):
        found += [_count(name, reward, gamma, "right", "∅") for name, reward in random]
    for own in (False, True):
        found += [_value_count(name, reward, 0.5, own=own) for name, reward in random]
    return found


def _count(
    name: str,
    reward: NDArray[np.float64],
    gamma: float,
    more: str,
    less: str,
    reference: tuple[int, int] | None = None,
) -> OrbitCount:
    all_futures = impact.futures(examples.figure_1(), examples.STAR, gamma)
    of = {word: all_futures.beginning_with(action) for word, action in _FIRST.items()}
    (other,) = of.keys() - {more, less}
    held = impact.holds_optimum([of[more], of[less], of[other]], impact.orbit(reward))
    counts = impact.compare_orbit(held[:, 0], held[:, 1])
    proofs = len(impact.copy_involutions(of[less], of[more], of[other]))
    return OrbitCount(name, gamma, more, less, counts, reference, proofs)


def _value_count(name: str, reward: NDArray[np.float64], gamma: float, *, own: bool) -> OrbitCount:
    """Count where the optimal value of right exceeds that of left.

    Args:
        name: Name of the reward.
        reward: Reward of each state `[8]`.
        gamma: Discount.
        own: Whether the reward of the state itself counts (V*), or only later ones (POWER).
    """
    world, rewards = examples.figure_1(), impact.orbit(reward)
    forms = []
    for state in (examples.RIGHT, examples.LEFT):
        after = impact.futures(world, state, gamma).forms
        forms.append((1 - gamma) * np.eye(8)[state] + gamma * after if own else after)
    right, left = forms
    counts = impact.compare_orbit(
        impact.best_values(right, rewards), impact.best_values(left, rewards)
    )
    what = "V*" if own else "POWER"
    proofs = len(impact.copy_involutions(left, right))
    return OrbitCount(name, gamma, f"{what}(r▷)", f"{what}(ℓ◁)", counts, None, proofs)
