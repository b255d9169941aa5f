"""Agents that are charged for their impact, trained for a few iterations."""

from chisel import configs, trainers

SETTINGS = {
    "gridworld/aup-ppo": [
        "frames=256",
        "env.num_envs=4",
        "algo.num_steps=16",
        "algo.num_minibatches=2",
        "algo.aux.steps=128",
        "algo.aux.hidden=32",
        "model.hidden=16",
    ],
    "safelife/aup-quick": [
        "frames=256",
        "env.num_envs=4",
        "env.num_levels=2",
        "env.time_limit=7",
        "algo.num_steps=4",
        "algo.num_minibatches=2",
        "algo.aux.frames=32",
        "algo.aux.steps=32",
        "algo.aux.replay=64",
        "algo.aux.batch_size=8",
        "algo.aux.updates=1",
        "algo.aux.gamma=0.5",
        "algo.aux.gate=-1",
        "model.channels=[2,3,3]",
        "model.hidden=8",
    ],
}
"""Settings by experiment."""


def charged_run(folder, experiment):
    """Train a small agent; return its run's folder."""
    away = [f"runs_dir={folder}", "name=charged", "trainer.progress=false"]
    return trainers.train(configs.load(experiment, [*SETTINGS[experiment], *away]))
