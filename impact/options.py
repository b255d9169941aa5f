"""The settings of an AUP experiment, and three that have names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from chisel.impact.auxiliary import Ends
from chisel.impact.penalty import Null, Scale, one_of
from chisel.impact.planning import check_weights

Tables = Literal["learned", "exact"]
Labels = Literal["board", "state"]


@dataclass(frozen=True)
class Learning:
    """Tabular Q-learning as in the released AUP code.

    Attributes:
        episodes: How many.
        max_steps: After so many an episode is cut; values are bootstrapped through the cut.
        step_size: α in (0, 1].
        greedy: Probability of the greedy action, before and after the switch; otherwise one of the
            others is taken.
        switch: The share of the episodes after which exploration is switched.
        evaluate_every: Episodes between greedy evaluations, of which the first follows the first
            episode. The outcome that counts is that of the last.

    Raises:
        ValueError: If a number is out of range.
    """

    episodes: int = 6000
    max_steps: int = 100
    step_size: float = 1.0
    greedy: tuple[float, float] = (0.2, 0.9)
    switch: float = 2 / 3
    evaluate_every: int = 10

    def __post_init__(self) -> None:
        for name in ("episodes", "max_steps", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)}: at least 1")
        if not 0 < self.step_size <= 1:
            raise ValueError(f"step_size = {self.step_size}: above 0 and at most 1")
        if not all(0 <= share <= 1 for share in (*self.greedy, self.switch)):
            raise ValueError(
                f"greedy = {self.greedy}, switch = {self.switch}: shares lie between 0 and 1"
            )

    @property
    def evaluations(self) -> int:
        """How many there are."""
        return -(-self.episodes // self.evaluate_every)


@dataclass(frozen=True)
class Options:
    """What the agents of an experiment have in common.

    Attributes:
        lam: λ, the weight of the penalty.
        reachability_lam: The same for relative reachability.
        gamma: Discount of rewards, auxiliary rewards and plans, in [0, 1]; 1 only with a horizon.
        n_rewards: Random auxiliary rewards, |R|.
        rewards_by: Auxiliary rewards are drawn for every board or for every state.
        tables: Auxiliary values are learned by Q-learning, or exact.
        keyed_by: Learned values and the planner's memory tell boards apart, or states. Boards hide
            part of the state, so that values of different futures are mixed.
        scale: What the penalty is measured by; see `impact_of`.
        null: The stepwise baseline of plans; see `Penalty`.
        rollouts: See `Penalty`.
        ends: What terminal states are worth to auxiliary rewards.
        horizon: Steps planned, and steps of a greedy evaluation.
        learning: How tables are learned; idle when they are exact.

    Raises:
        ValueError: If a value is out of range or two contradict each other.
    """

    lam: float = 1 / 1.501
    reachability_lam: float = 0.2
    gamma: float = 0.996
    n_rewards: int = 30
    rewards_by: Labels = "board"
    tables: Tables = "learned"
    keyed_by: Labels = "board"
    scale: Scale = "each"
    null: Null = "noop"
    rollouts: bool = True
    ends: Ends = "zero"
    horizon: int = 9
    learning: Learning = field(default_factory=Learning)

    def __post_init__(self) -> None:
        check_weights(self.lam, self.gamma)
        check_weights(self.reachability_lam, self.gamma)
        one_of("rewards_by", self.rewards_by, Labels)
        one_of("tables", self.tables, Tables)
        one_of("keyed_by", self.keyed_by, Labels)
        one_of("scale", self.scale, Scale)
        one_of("null", self.null, Null)
        one_of("ends", self.ends, Ends)
        if self.n_rewards < 0 or self.horizon < 1:
            raise ValueError(
                f"n_rewards = {self.n_rewards}, horizon = {self.horizon}: at least 0 and 1"
            )
        if self.gamma == 1 and (self.tables == "exact" or self.ends == "absorbing"):
            raise ValueError("gamma = 1: exact values and absorbing ends need a discount below 1")
        if self.tables == "exact" and self.keyed_by == "board":
            raise ValueError("keyed_by = 'board': exact tables are those of states; give 'state'")


AS_RELEASED = Options()
"""The public code. A no-op can be penalised: its utility is compared with that of another one."""

AS_PUBLISHED = Options(lam=1 / 1.5, scale="sum", null="max")
"""The formulas of the paper, which the public code followed when its figures were made."""

EXACT = Options(lam=1 / 1.5, scale="sum", null="max", tables="exact", keyed_by="state")
"""The formulas of the paper with exact values of true states. Rewards are drawn by board, as in the
others; `replace(EXACT, rewards_by="state")` draws one for every state."""

PRESETS = {"as-published": AS_PUBLISHED, "as-released": AS_RELEASED, "exact": EXACT}
