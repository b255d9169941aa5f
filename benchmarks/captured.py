"""Run PPO on mazes of tensors as two CUDA graphs: one for the rollout, one for a minibatch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from chisel.trainers.onpolicy.losses import action_log_prob
from chisel.trainers.onpolicy.module import OnPolicy, Outputs
from chisel.trainers.runs.optimizer_state import make_adam


class Captured:
    """Trains a module with static buffers; on a CPU the same functions run without graphs.

    The network, losses, clipping and optimiser are the run's. Labels, routes, logs and the checks
    that wait for the device are left out.

    Args:
        module: Module of a run whose environment is a `DeviceVectorEnv`.
        device: Device that trains.
        bf16: Whether the network runs under autocast to bfloat16.
    """

    def __init__(self, module: OnPolicy, device: torch.device, *, bf16: bool) -> None:
        self.module, self._device, self._bf16 = module.to(device), device, bf16
        algorithm = module.algorithm
        self._env: Any = module.collector.env
        module.on_fit_start()  # makes the buffer
        self._obs = torch.as_tensor(module.collector.obs).to(device).clone()
        self._last_values = torch.zeros(len(self._obs), device=device)
        self._total = algorithm.num_steps * len(self._obs)
        self.rows = torch.arange(self._total // algorithm.num_minibatches, device=device)
        """Rows of the rollout that the next update learns from."""
        self.optimizer = make_adam(
            module.model,
            None,
            lr=algorithm.learning_rate(0.0),
            eps=algorithm.adam_eps,
            capturable=device.type == "cuda",
        )
        self._roll_out = _graph(self._play, device)
        weights = [parameter.detach().clone() for parameter in module.model.parameters()]
        self.update = _graph(self._learn, device)
        if device.type == "cuda":  # warming up has learnt
            with torch.no_grad():
                for parameter, before in zip(module.model.parameters(), weights, strict=True):
                    parameter.copy_(before)
                for state in self.optimizer.state.values():
                    for moment in state.values():
                        moment.zero_()

    def iteration(self) -> None:
        """Collect a rollout and learn from it."""
        algorithm, buffer = self.module.algorithm, self.module.buffer
        self._roll_out()
        algorithm.finish(buffer, self._last_values)
        for _ in range(algorithm.update_epochs):
            order = torch.randperm(self._total, device=self._device)
            for rows in torch.split(order, len(self.rows)):
                self.rows.copy_(rows)
                self.update()

    def _autocast(self) -> AbstractContextManager[object]:
        # A cache of cast weights would outlive the graph that filled it.
        kind = self._device.type
        return torch.autocast(kind, torch.bfloat16, enabled=self._bf16, cache_enabled=False)

    @torch.no_grad()
    def _play(self) -> None:
        buffer, env = self.module.buffer, self._env
        for t in range(buffer.num_steps):
            with self._autocast():
                logits, values = self.module(buffer["obs"][t].copy_(self._obs))
            noise = torch.empty_like(logits, dtype=torch.float32).exponential_()
            actions = (logits.float() - noise.log()).argmax(-1)
            buffer["actions"][t] = actions
            buffer["log_probs"][t], _ = action_log_prob(logits, actions)
            buffer["values"][t] = values.float()
            obs, buffer["rewards"][t], buffer["dones"][t], _ = env.advance(actions)
            self._obs.copy_(obs)
        with self._autocast():
            self._last_values.copy_(self.module(self._obs)[1])

    def _learn(self) -> None:
        module, algorithm = self.module, self.module.algorithm
        batch = {name: module.buffer.flat(name)[self.rows] for name in algorithm.columns}
        self.optimizer.zero_grad()
        with self._autocast():
            logits, values = module(batch["obs"])
        loss = algorithm.losses(Outputs(logits, values.float(), logits), batch).total
        torch.autograd.backward(loss)
        if algorithm.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(module.model.parameters(), algorithm.max_grad_norm)
        self.optimizer.step()


def _graph(run: Callable[[], Any], device: torch.device) -> Callable[[], Any]:
    """Capture a function as a CUDA graph, after three calls that warm up."""
    if device.type != "cuda":
        return run
    cuda: Any = torch.cuda  # parts of it have no types
    stream = cuda.Stream()
    stream.wait_stream(cuda.current_stream())
    with cuda.stream(stream):
        for _ in range(3):
            run()
    cuda.current_stream().wait_stream(stream)
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        run()
    replay: Callable[[], Any] = graph.replay
    return replay
