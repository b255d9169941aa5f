"""PPO loops in the form of CleanRL's and LeanRL's scripts, written for this comparison.

The network, the hyperparameters and the mazes (the native engine, on the host) are those of our
run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

from chisel import envs, models
from chisel.configs import RunConfig
from chisel.models import ActorCritic


class Peer:
    """One script's loop: the rollout, advantages, and minibatches.

    CleanRL keeps observations as float32, copies everything between host and device in each step,
    and runs eagerly. LeanRL keeps their type, copies without waiting where it can, and compiles the
    policy and the loss into CUDA graphs; its products of matrices are in TF32.

    Args:
        config: Config of our run.
        device: Device that trains.
        lean: Whether the loop is LeanRL's; otherwise it is CleanRL's.
    """

    def __init__(self, config: RunConfig, device: torch.device, *, lean: bool) -> None:
        self._options, self._device, self._lean = config.algo, device, lean
        self._env: Any = envs.make(config.env, seed=0)
        spaces = models.spaces_of(self._env)
        self._model = models.build(config.model, spaces, ActorCritic).to(device)
        self.optimizer = torch.optim.Adam(
            self._model.parameters(), config.algo.learning_rate, eps=1e-5, fused=lean
        )
        if lean:
            torch.set_float32_matmul_precision("high")
        first = self._env.reset(seed=0)[0]
        self._steps, self._envs = config.algo.num_steps, len(first)
        size = (self._steps, self._envs)
        kind = torch.as_tensor(first).dtype if lean else torch.float32
        self._obs = torch.zeros(*size, *first.shape[1:], dtype=kind, device=device)
        self._actions = torch.zeros(size, dtype=torch.int64, device=device)
        columns = ("log_probs", "rewards", "dones", "values")
        self._columns = {name: torch.zeros(size, device=device) for name in columns}
        self._next_obs, self._next_done = self._moved(first), torch.zeros(self._envs, device=device)
        self._act, self._loss_of = self._sample, self._loss
        if lean:
            self._act, self._loss_of = self._compiled(self._sample), self._compiled(self._loss)

    def _compiled(self, function: Any) -> Any:
        if self._device.type != "cuda":
            return torch.compile(function, backend="eager")
        return torch.compile(function, mode="reduce-overhead")

    def _moved(self, values: Any) -> Tensor:
        if not self._lean:
            return torch.Tensor(values).to(self._device)
        host = torch.as_tensor(values)
        if self._device.type == "cuda":
            host = host.pin_memory()
        return host.to(self._device, non_blocking=True)

    def _forward(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        output: tuple[Tensor, Tensor] = self._model(obs.permute(0, 3, 1, 2).contiguous())
        return output

    def _sample(self, obs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, values = self._forward(obs)
        policy: Any = Categorical(logits=logits, validate_args=False)
        actions = policy.sample()
        return actions, policy.log_prob(actions), values

    def _loss(self, batch: dict[str, Tensor]) -> Tensor:
        options = self._options
        logits, values = self._forward(batch["obs"])
        policy: Any = Categorical(logits=logits, validate_args=False)
        ratio = (policy.log_prob(batch["actions"]) - batch["log_probs"]).exp()
        advantages = batch["advantages"]
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        clip = options.clip_coef
        surrogate = torch.max(-advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip))
        moved = batch["values"] + (values - batch["values"]).clamp(-clip, clip)
        errors = torch.max((values - batch["returns"]) ** 2, (moved - batch["returns"]) ** 2)
        bonus = options.ent_coef * policy.entropy().mean()
        loss: Tensor = surrogate.mean() - bonus + options.vf_coef * 0.5 * errors.mean()
        return loss

    def iteration(self) -> None:
        """Collect a rollout and learn from it."""
        with torch.no_grad():
            for step in range(self._steps):
                self._step(step)
            batch = self._targets()
        total = self._steps * self._envs
        size, order = total // self._options.num_minibatches, np.arange(total)
        for _ in range(self._options.update_epochs):
            np.random.default_rng().shuffle(order)
            rows = torch.from_numpy(order).to(self._device)
            for part in torch.split(rows, size):
                self._learn({name: column[part] for name, column in batch.items()})

    def _step(self, step: int) -> None:
        self._obs[step], self._columns["dones"][step] = self._next_obs, self._next_done
        if self._lean:
            compiler: Any = torch.compiler
            compiler.cudagraph_mark_step_begin()
        actions, log_probs, values = self._act(self._next_obs)
        self._actions[step] = actions
        self._columns["log_probs"][step], self._columns["values"][step] = log_probs, values
        obs, rewards, terminated, truncated, _ = self._env.step(actions.cpu().numpy())
        self._columns["rewards"][step] = self._moved(rewards.astype(np.float32))
        self._next_obs = self._moved(obs)
        self._next_done = self._moved((terminated | truncated).astype(np.float32))

    def _targets(self) -> dict[str, Tensor]:
        """Compute advantages and returns; return all columns as `[T * N, ...]`."""
        columns, options = self._columns, self._options
        advantages = torch.zeros_like(columns["rewards"])
        value, alive, running = self._forward(self._next_obs)[1], 1 - self._next_done, 0.0
        for t in reversed(range(self._steps)):
            delta = columns["rewards"][t] + options.gamma * value * alive - columns["values"][t]
            running = delta + options.gamma * options.gae_lambda * alive * running
            advantages[t] = running
            value, alive = columns["values"][t], 1 - columns["dones"][t]
        whole = columns | {"obs": self._obs, "actions": self._actions, "advantages": advantages}
        whole["returns"] = advantages + columns["values"]
        return {name: column.flatten(0, 1) for name, column in whole.items()}

    def _learn(self, batch: dict[str, Tensor]) -> None:
        self.optimizer.zero_grad()
        torch.autograd.backward(self._loss_of(batch))
        nn.utils.clip_grad_norm_(self._model.parameters(), self._options.max_grad_norm)
        self.optimizer.step()
