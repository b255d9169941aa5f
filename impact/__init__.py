"""Penalties and power: what an agent's actions leave possible. No network is trained here."""

from impact.expected_maximum import Maximum, expected_maximum
from impact.howard import Optimum, optimal_values
from impact.power import Integral, exact_power, integrated_power, optimality_probability
from impact.power_sampled import SampledPower, ability, sampled_power, uniform_rewards
from impact.transitions import TooLargeError
from impact.visits import Futures, futures, visit_distributions

__all__ = [
    "Futures",
    "Integral",
    "Maximum",
    "Optimum",
    "SampledPower",
    "TooLargeError",
    "ability",
    "exact_power",
    "expected_maximum",
    "futures",
    "integrated_power",
    "optimal_values",
    "optimality_probability",
    "sampled_power",
    "uniform_rewards",
    "visit_distributions",
]
