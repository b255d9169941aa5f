"""Run Stable-Baselines3's PPO on our environment with our network, as its documentation advises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecNormalize

from chisel import envs, models
from chisel.configs import RunConfig

FOREVER = 10**12


def learn(config: RunConfig, boundary: Callable[[], None]) -> None:
    """Train until `boundary`, which is called before each rollout, raises."""
    env: VecEnv = VecMonitor(MazesForSB3(envs.make(config.env, seed=0)))
    env = VecNormalize(
        env,
        norm_obs=False,
        norm_reward=config.algo.norm_reward,
        gamma=config.algo.gamma,
        clip_reward=config.algo.reward_clip,
    )
    algo = config.algo
    batch = config.env.num_envs * algo.num_steps // algo.num_minibatches
    learner = PPO(
        "CnnPolicy",
        env,
        learning_rate=algo.learning_rate,
        n_steps=algo.num_steps,
        batch_size=batch,
        n_epochs=algo.update_epochs,
        gamma=algo.gamma,
        gae_lambda=algo.gae_lambda,
        clip_range=algo.clip_coef,
        clip_range_vf=algo.clip_coef if algo.clip_vloss else None,
        normalize_advantage=True,
        ent_coef=algo.ent_coef,
        vf_coef=algo.vf_coef,
        max_grad_norm=algo.max_grad_norm,
        seed=0,
        device="cpu",
        policy_kwargs={
            "features_extractor_class": Embedder,
            "features_extractor_kwargs": {"config": config},
            "net_arch": [],
            "optimizer_kwargs": {"eps": algo.adam_eps},
        },
    )
    learner.learn(FOREVER, callback=AtRolloutStart(boundary))


class Embedder(BaseFeaturesExtractor):
    """The same Impala as ours; SB3 divides the pixels by 255 and adds the heads.

    Args:
        observation_space: Space as SB3 passes it on, channels first.
        config: Config of the run whose network this is.
    """

    def __init__(self, observation_space: spaces.Box, config: RunConfig) -> None:
        super().__init__(observation_space, config.model.hidden)
        channels, height, width = observation_space.shape
        shown = models.Spaces((height, width, channels), "uint8", 255.0, 15)
        self.embedder = models.build(config.model, shown).embedder

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """Return features `[B, hidden]`."""
        features: torch.Tensor = self.embedder(obs)
        return features


class AtRolloutStart(BaseCallback):
    """Calls a function before each rollout but the first."""

    def __init__(self, boundary: Callable[[], None]) -> None:
        super().__init__()
        self._boundary, self._started = boundary, False

    def _on_rollout_start(self) -> None:
        if self._started:
            self._boundary()
        self._started = True

    def _on_step(self) -> bool:
        return True


class MazesForSB3(VecEnv):
    """One of our vector environments with the interface of SB3."""

    def __init__(self, env: Any) -> None:
        self._env = env  # SB3 asks for attributes while it is made
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self._actions: NDArray[Any] = np.zeros(env.num_envs, np.int64)

    def reset(self) -> NDArray[Any]:
        """Return the first observations `[N, H, W, C]`."""
        obs: NDArray[Any] = self._env.reset()[0]
        return obs

    def step_async(self, actions: NDArray[Any]) -> None:
        """Store the actions `[N]` for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], list[dict[str, Any]]]:
        """Return observations, rewards, ends and an info for each environment."""
        obs, rewards, terminated, truncated, _ = self._env.step(self._actions)
        dones = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row in np.flatnonzero(dones):
            infos[row] = {"terminal_observation": obs[row], "TimeLimit.truncated": False}
        return obs, rewards, dones, infos

    def close(self) -> None:
        """Free the environment."""
        self._env.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return the environment's attribute for each copy; SB3 reads `render_mode`."""
        return [getattr(self._env, attr_name, None) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Not used by PPO."""
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
        """Not used by PPO."""
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return that no environment is wrapped."""
        return [False for _ in self._get_indices(indices)]

    def seed(self, seed: int | None = None) -> list[None]:
        """Do nothing: the environment was seeded when it was made."""
        return [None] * self.num_envs
