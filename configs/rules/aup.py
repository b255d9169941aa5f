"""Rules for runs that learn a penalty on impact together with the agent."""

from __future__ import annotations

from collections.abc import Iterator

from chisel.configs.schema import AupConfig, RunConfig


def aup_problems(config: RunConfig) -> Iterator[str]:
    """Yield one line for every broken rule about `algo.name: aup`."""
    algo = config.algo
    if not isinstance(algo, AupConfig):
        return
    devices = config.trainer.devices * config.trainer.num_nodes
    if devices > 1:
        yield (
            f"algo.name = aup: learns its auxiliary values in one process, not in {devices}; "
            "set trainer.devices=1"
        )
    if algo.aux.hidden is not None and not isinstance(getattr(config.model, "hidden", None), int):
        yield (
            f"algo.aux.hidden = {algo.aux.hidden}: model.name={config.model.name} has no number of "
            "features model.hidden; leave algo.aux.hidden out"
        )
    yield from _phases(config, algo)
    if (algo.aup_lambda_start is None) != (algo.aup_lambda_ramp == 0):
        yield (
            f"algo.aup_lambda_ramp = {algo.aup_lambda_ramp}: a ramp needs a weight to start from "
            "and a length; set algo.aup_lambda_start and algo.aup_lambda_ramp, or neither"
        )


def _phases(config: RunConfig, algo: AupConfig) -> Iterator[str]:
    iteration = config.env.num_envs * algo.num_steps
    aux_iterations = -(-algo.aux.steps // iteration)
    if aux_iterations >= config.frames // iteration:
        yield (
            f"algo.aux.steps = {algo.aux.steps}: leaves the agent nothing of frames = "
            f"{config.frames}; set frames={(aux_iterations + 1) * iteration} or more"
        )
    if not algo.aux.steps and not algo.aux.learn_on and algo.aup_lambda:
        yield (
            "algo.aux.steps = 0: no auxiliary values would be learnt; set a number of "
            "steps, or algo.aux.learn_on=true"
        )
