"""The options of an AUP experiment, and three presets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from chisel.impact.auxiliary import Ends
from chisel.impact.penalty import Null, Scale, check_words
from chisel.impact.planning import check_weights

Tables = Literal["learned", "exact"]
Labels = Literal["board", "state"]


@dataclass(frozen=True)
class Learning:
    """Tabular Q-learning as in the released AUP code.

    Attributes:
        episodes: Number of episodes.
        max_steps: Steps after which an episode is truncated; values are bootstrapped there.
        step_size: α in (0, 1].
        greedy: Probability of the greedy action before and after the switch; otherwise one of the
            other actions is taken.
        switch: Share of the episodes after which exploration is switched.
        evaluate_every: Episodes between greedy evaluations. The first one follows the first
            episode; the last one is the outcome.

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
        """Number of greedy evaluations."""
        return -(-self.episodes // self.evaluate_every)


@dataclass(frozen=True)
class Options:
    """Options of all agents of an experiment.

    Attributes:
        lam: λ, the weight of the penalty.
        reachability_lam: λ of relative reachability.
        gamma: Discount of rewards, auxiliary rewards and plans, in [0, 1]; 1 only with a horizon.
        n_rewards: Number of random auxiliary rewards, |R|.
        rewards_by: Whether an auxiliary reward is drawn for every board or for every state.
        tables: Whether auxiliary values are learned by Q-learning, or exact.
        keyed_by: Whether learned values and the planner's nodes are stored by board or by state.
            Boards hide part of the state, so states with different futures share a value.
        scale: See `impact_of`.
        null: Stepwise baseline of plans; see `Penalty`.
        rollouts: Whether plans compare states after doing nothing; see `Penalty`.
        ends: Value of terminal states under auxiliary rewards.
        horizon: Steps of plans and of greedy evaluations.
        learning: Options of Q-learning; without effect if tables are exact.

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
        check_words(
            self,
            rewards_by=Labels,
            tables=Tables,
            keyed_by=Labels,
            scale=Scale,
            null=Null,
            ends=Ends,
        )
        if self.n_rewards < 0 or self.horizon < 1:
            raise ValueError(
                f"n_rewards = {self.n_rewards}, horizon = {self.horizon}: at least 0 and 1"
            )
        if self.gamma == 1 and (self.tables == "exact" or self.ends == "absorbing"):
            raise ValueError("gamma = 1: exact values and absorbing ends need a discount below 1")
        if self.tables == "exact" and self.keyed_by == "board":
            raise ValueError("keyed_by = 'board': exact tables are those of states; give 'state'")


AS_RELEASED = Options()
"""The options of the public code. A no-op can have a penalty: it is compared with another no-op
after it."""

AS_PUBLISHED = Options(lam=1 / 1.5, scale="sum", null="max")
"""The formulas of the paper, which the public code used when the figures were made."""

EXACT = Options(lam=1 / 1.5, scale="sum", null="max", tables="exact", keyed_by="state")
"""The formulas of the paper with exact values of full states. Rewards are drawn by board, as in the
other presets; `replace(EXACT, rewards_by="state")` draws them by state."""

PRESETS = {"as-published": AS_PUBLISHED, "as-released": AS_RELEASED, "exact": EXACT}
