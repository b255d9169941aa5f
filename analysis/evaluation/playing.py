"""Play a policy in a vector environment, for evaluation, studies and videos."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from chisel.configs import EnvironmentFault, NumericsError
from chisel.models import to_tensor

Policy = Callable[[torch.Tensor], torch.Tensor]
"""Function from observations `[B, C, H, W]` to logits `[B, A]`."""

Split = Literal["all", "train", "validation", "test"]

Facts = dict[str, NDArray[Any]]
"""Facts about episodes, by name, each `[E, ...]`."""


class Ways(NamedTuple):
    """Probabilities of how an episode ends in a world with two ways; they add up to 1."""

    around: float
    """Probability of reaching the goal without a side effect."""
    through: float
    """Probability of reaching the goal with a side effect."""
    neither: float
    """Probability of not reaching the goal within the time limit."""


def random_policy(num_actions: int) -> Policy:
    """Return the policy that takes every action with the same probability."""
    return lambda obs: torch.zeros(len(obs), num_actions)


def on_its_device(model: torch.nn.Module) -> Callable[[torch.Tensor], Any]:
    """Return a network as a function of inputs, which may be on another device."""
    device = next(model.parameters()).device
    return lambda inputs: model(inputs.to(device))


def play(
    policy: Policy,
    env: Any,
    *,
    episodes_per_env: int,
    generator: torch.Generator,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    context: Callable[[], AbstractContextManager[Any]] = nullcontext,
    whole_batches: bool = False,
    greedy: bool = False,
) -> Facts:
    """Play the same number of episodes in every environment.

    So short episodes are not over-represented, as they would be if the first episodes to end were
    counted. The environment is reset first.

    Args:
        policy: Function from observations to logits.
        env: A `StatefulVectorEnv` in SAME_STEP autoreset.
        episodes_per_env: Number of episodes that count, per environment.
        generator: Source of the sampled actions.
        seed: Seed of the reset; `None` continues the environment's random streams.
        progress: Called with episodes finished and wanted whenever some finish.
        context: Context in which the policy is run, such as an intervention.
        whole_batches: Whether the policy also gets the observations of finished environments, for
            interventions that use other examples of the batch.
        greedy: Whether to take the likeliest action instead of sampling one.

    Returns:
        The facts of `infos["episode"]`, one row `[E, ...]` per episode in the order of environment,
        then time; and `env`, the environment's number `[E]`.

    Raises:
        NumericsError: If the policy gives NaN.
        EnvironmentFault: If an episode ends without the facts about it.
    """
    left = np.full(env.num_envs, episodes_per_env)
    total = int(left.sum())
    finished: list[Facts] = []
    obs, _ = env.reset(seed=seed)
    with torch.inference_mode(), context():
        while left.any():
            # Finished environments go on, but the network need not see them.
            active = np.flatnonzero(left)
            if whole_batches or len(active) == env.num_envs:
                logits = policy(to_tensor(obs))[active]
            else:
                logits = policy(to_tensor(obs[active]))
            actions = np.zeros(env.num_envs, np.int64)
            actions[active] = choose(action_probabilities(logits.float()), generator, greedy)
            obs, _, terminated, truncated, infos = env.step(actions)
            rows = np.flatnonzero((terminated | truncated) & (left > 0))
            if len(rows):
                finished.append(_facts(infos, rows))
                left[rows] -= 1
                if progress is not None:
                    progress(total - int(left.sum()), total)
    joined = {key: np.concatenate([part[key] for part in finished]) for key in finished[0]}
    order = np.argsort(joined["env"], kind="stable")
    return {key: values[order] for key, values in joined.items()}


def action_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Return the softmax of logits `[B, A]` on the CPU, in their own precision.

    Raises:
        NumericsError: If a logit is NaN.
    """
    probabilities = torch.softmax(logits.cpu(), dim=-1)
    if probabilities.isnan().any():
        raise NumericsError("the policy gave NaN; its weights or the observation are not finite")
    return probabilities


def choose(
    probabilities: torch.Tensor, generator: torch.Generator, greedy: bool
) -> NDArray[np.int64]:
    """Draw an action `[B]` from each row of probabilities `[B, A]`, or take the likeliest.

    If several actions are the likeliest, the first one is taken.
    """
    if greedy:
        return probabilities.argmax(dim=-1).numpy()
    return torch.multinomial(probabilities, 1, generator=generator).squeeze(-1).numpy()


def _facts(infos: dict[str, Any], rows: NDArray[np.int64]) -> Facts:
    if "episode" not in infos or not infos["_episode"][rows].all():
        raise EnvironmentFault('an episode ended, but infos["episode"] has no facts about it')
    facts = {key: np.asarray(values)[rows] for key, values in infos["episode"].items()}
    return facts | {"env": rows}
