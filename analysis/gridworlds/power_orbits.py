"""Compare POWER and orbits in figure 1 of Turner et al. (2021) with known values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chisel import impact
from chisel.impact import Comparison, examples

_FIRST = {"∅": 0, "left": 1, "right": 2}
"""Numbers of the actions in the star."""


class ClosedForm(NamedTuple):
    """A computed value, and its closed form, which was integrated by hand."""

    world: str
    quantity: str
    gamma: float
    measured: float
    exact: float
    formula: str


_Quantity = tuple[str, Callable[[float], float], Callable[[float], float], str]
"""Name of a quantity, functions of the discount for its computed value and its closed form, and the
closed form as text."""


def _power(world: NDArray[np.int64], state: int) -> Callable[[float], float]:
    return lambda gamma: float(impact.exact_power(world, gamma, [state])[0])


def _optimal(world: NDArray[np.int64], state: int, action: int) -> Callable[[float], float]:
    return lambda gamma: float(impact.optimality_probability(world, gamma, state)[action])


def closed_forms(gammas: Sequence[float]) -> list[ClosedForm]:
    """Compute POWER and optimality probabilities of figure 1 and of the wait world.

    Args:
        gammas: Discounts in [0, 1]; the limits 0 and 1 are added.

    Raises:
        ValueError: If a discount is impossible.
    """
    figure, star = examples.figure_1(), examples.STAR
    known: dict[int, tuple[Callable[[float], float], str]] = {
        examples.NOTHING: (lambda _: 1 / 2, "1/2"),
        examples.TOP_LEFT: (lambda g: 1 / 2 + g / (6 * (1 + g)), "1/2 + γ/(6(1+γ))"),
        examples.BOTTOM_LEFT: (lambda g: 1 / 2 + 1 / (6 * (1 + g)), "1/2 + 1/(6(1+γ))"),
        examples.LEFT: (lambda g: 1 / 2 + 1 / (6 * (1 + g)), "1/2 + 1/(6(1+γ))"),
        examples.RIGHT: (lambda _: 2 / 3, "2/3"),
    }
    everywhere: list[_Quantity] = [
        (f"POWER({examples.FIGURE_1_STATES[state]})", _power(figure, state), *form)
        for state, form in known.items()
    ]
    at_0: list[_Quantity] = [("POWER(★)", _power(figure, star), lambda _: 3 / 4, "3/4")]
    at_1: list[_Quantity] = [
        ("POWER(★)", _power(figure, star), lambda _: 517 / 640, "517/640"),
        (
            "P(right optimal)",
            _optimal(figure, star, _FIRST["right"]),
            lambda _: 113 / 240,
            "113/240",
        ),
        ("P(left optimal)", _optimal(figure, star, _FIRST["left"]), lambda _: 47 / 160, "47/160"),
        ("P(∅ optimal)", _optimal(figure, star, _FIRST["∅"]), lambda _: 113 / 480, "113/480"),
    ]
    wait, start = examples.wait_world(), examples.START
    waiting: list[_Quantity] = [
        ("POWER(start)", _power(wait, start), lambda g: 2 / 3 + g**2 / 12, "2/3 + γ²/12"),
        ("POWER(wait)", _power(wait, examples.WAIT), lambda _: 2 / 3, "2/3"),
        ("P(wait optimal)", _optimal(wait, start, 1), lambda g: 1 / 2 + g / 6, "1/2 + γ/6"),
    ]
    return [
        ClosedForm(world, quantity, gamma, computed(gamma), exact(gamma), formula)
        for world, quantities, discounts in (
            ("figure 1", everywhere, gammas),
            ("figure 1", at_0, [0.0]),
            ("figure 1", at_1, [1.0]),
            ("wait", waiting, gammas),
        )
        for gamma in discounts
        for quantity, computed, exact, formula in quantities
    ]


class OrbitCount(NamedTuple):
    """Counts, over an orbit, of the rewards for which one choice is optimal and the other is not.

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
    """Number n of copies, which prove that at least n rewards to one prefer `more`; 0 proves
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
    copy of those of ∅, so there must be no proof for right against ∅; without a discount they
    contain two copies.

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
