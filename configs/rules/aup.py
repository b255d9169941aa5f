"""Rules for algorithms with a learned penalty on impact: `aup` and `deep-aup`."""

from __future__ import annotations

from collections.abc import Iterator

from chisel.configs.schema import AupConfig, DeepAupConfig, PenaltyConfig, RunConfig


def aup_problems(config: RunConfig) -> Iterator[str]:
    """Yield one line for every broken rule about `algo.name: aup` and `deep-aup`."""
    algo = config.algo
    if not isinstance(algo, PenaltyConfig):
        return
    devices = config.trainer.processes
    if devices > 1:
        yield (
            f"algo.name = {algo.name}: auxiliary values are learnt in one process, not in "
            f"{devices}; set trainer.devices=1"
        )
    if isinstance(algo, AupConfig):
        yield from _fitted(config, algo)
    elif isinstance(algo, DeepAupConfig):
        yield from _deep(config, algo)
    if (algo.aup_lambda_start is None) != (algo.aup_lambda_ramp == 0):
        yield (
            f"algo.aup_lambda_ramp = {algo.aup_lambda_ramp}: a ramp needs a weight to start from "
            "and a length; set algo.aup_lambda_start and algo.aup_lambda_ramp, or neither"
        )


def deep_aup_iterations(algo: DeepAupConfig, iteration: int) -> int:
    """Return the number of iterations before the agent's phase.

    A placebo has as many, so that its agent trains as long as AUP's.

    Args:
        algo: Hyperparameters.
        iteration: Environment steps per iteration.
    """
    aux = algo.aux
    epochs = aux.epochs if aux.reward == "cb-vae" else 0
    return -(-aux.frames // iteration) + epochs - (-aux.steps // iteration)


def _fitted(config: RunConfig, algo: AupConfig) -> Iterator[str]:
    if algo.aux.hidden is not None and not isinstance(getattr(config.model, "hidden", None), int):
        yield (
            f"algo.aux.hidden = {algo.aux.hidden}: model.name={config.model.name} has no number of "
            "features model.hidden; leave algo.aux.hidden out"
        )
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


def _deep(config: RunConfig, algo: DeepAupConfig) -> Iterator[str]:
    aux, iteration = algo.aux, config.env.num_envs * algo.num_steps
    before = deep_aup_iterations(algo, iteration)
    if before >= config.frames // iteration:
        yield (
            f"algo.aux.steps = {aux.steps}: with algo.aux.frames and epochs it leaves the agent "
            f"nothing of frames = {config.frames}; set frames={(before + 1) * iteration} or more"
        )
    if aux.replay < config.env.num_envs + iteration:
        yield (
            f"algo.aux.replay = {aux.replay}: must hold more than a rollout; set "
            f"algo.aux.replay={config.env.num_envs + iteration} or more"
        )
    if aux.num > 1 and aux.latent == 1 and aux.reward == "cb-vae" and not algo.faithful:
        yield (
            f"algo.aux.num = {aux.num}: an encoding of one number gives one reward; set "
            f"algo.aux.latent={aux.num} or more, or algo.aux.reward=projection"
        )
    if algo.penalty_mean is not None and algo.penalty_like is not None:
        yield (
            f"algo.penalty_mean = {algo.penalty_mean:g}: algo.penalty_like gives a mean too; set "
            "only one of them"
        )
    if algo.placebo == "constant" and algo.deviation == "decrease":
        yield (
            "algo.placebo = constant: the constant cost is 0 with algo.deviation=decrease; set "
            "algo.deviation=absolute"
        )
    yield from _faithful(algo)


def _faithful(algo: DeepAupConfig) -> Iterator[str]:
    """Refuse options that the released code of deep AUP lacks."""
    if not algo.faithful:
        return
    others = {
        f"algo.placebo={algo.placebo}": algo.placebo in ("frozen", "constant"),
        f"algo.aux.num={algo.aux.num}": algo.aux.num > 1,
        f"algo.aux.reward={algo.aux.reward}": algo.aux.reward != "cb-vae",
    }
    for setting, is_other in others.items():
        if is_other:
            yield (
                f"algo.faithful = true: the released code is reproduced with one encoded reward, "
                f"and values that learn; leave {setting} out, or set algo.faithful=false"
            )
