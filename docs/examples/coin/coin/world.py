import gymnasium
import numpy as np
from gymnasium import spaces

from chisel import envs
from chisel.analysis.evaluation import Evaluator, Metric, action_probabilities
from chisel.analysis.results import Count, DataTable, Result, Seed, bootstrap_mean
from chisel.models import Agent, to_tensor
from chisel.trainers.routed.labels import Label


class Coin(gymnasium.Env):
    observation_space = spaces.Box(0, 1, (3, 3, 2), np.uint8)  # a plane for heads, one for tails
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.side = int(self.np_random.integers(2))
        return self.observe(), {}

    def observe(self):
        planes = np.zeros((3, 3, 2), np.uint8)
        planes[..., self.side] = 1
        return planes

    def step(self, action):
        right = action == self.side
        facts = {"success": right, "side": self.side}  # for metrics and labels
        return self.observe(), float(right), True, False, facts

    def get_state(self):
        return {"side": self.side}

    def set_state(self, state):
        self.side = state["side"]


def make(config, *, seed, num_envs):
    return envs.SingleEnvs(Coin, num_envs or config.num_envs, seed, max_steps=100)


def evaluator(config):
    return Evaluator(metrics=(Metric("right", within=(0, 1), better="higher", of="success"),))


def sure(checkpoint: Agent, *, states: Count = 100, seed: Seed = 0) -> Result:
    """Measure how likely an agent is to say the side that it sees."""
    seen = envs.SingleEnvs(Coin, states, seed).reset()[0]
    said = action_probabilities(checkpoint.policy(to_tensor(seen))).detach().numpy()
    right, rng = said[np.arange(states), seen[:, 0, 0, 1]], np.random.default_rng(seed)
    mean = bootstrap_mean(right, rng, within=(0, 1))
    return Result(tables={"sure": DataTable("How sure", [{"states": states, "P(side)": mean}])})


shown = Label(("heads", "tails"), lambda facts: facts["side"])  # 0: heads, 1: tails
