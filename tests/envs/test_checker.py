"""The checker accepts an environment without faults, and names each fault of others."""

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from chisel import envs
from chisel.configs.errors import EnvironmentFault
from tests.envs.corridor import Corridor


class NextStep(Corridor):
    """Ends an episode in one step and starts the next in a step of its own."""

    def __init__(self, seed):
        super().__init__(seed)
        self.over = np.zeros(self.num_envs, bool)

    def step(self, actions):
        waiting, place, goal = self.over, self.place.copy(), self.goal.copy()
        out = super().step(actions)
        self.place[waiting], self.goal[waiting], self.time[waiting] = (
            place[waiting],
            goal[waiting],
            0,
        )
        self.over = out[2] | out[3]
        return (self.observe(), *out[1:])


class DeclaresNextStep(Corridor):
    def __init__(self, seed):
        super().__init__(seed)
        self.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}


class DeclaresNoMode(Corridor):
    def __init__(self, seed):
        super().__init__(seed)
        self.metadata = {}


class FlatSpace(Corridor):
    def __init__(self, seed):
        super().__init__(seed)
        self.single_observation_space = spaces.Box(0, 9, (2, 1), np.uint8)


class WrongShape(Corridor):
    def observe(self):
        return super().observe()[:, 0]


class WrongDtype(Corridor):
    def observe(self):
        return super().observe().astype(np.int64)


class OutOfBounds(Corridor):
    def observe(self):
        return super().observe() + np.uint8(5)


class ReusesItsBuffer(Corridor):
    def observe(self):
        seen = super().observe()
        if not hasattr(self, "buffer"):
            self.buffer = seen
        self.buffer[:] = seen
        return self.buffer


class OtherObserve(Corridor):
    def observe(self):
        return super().observe()

    def step(self, actions):
        out = super().step(actions)
        return (np.zeros_like(out[0]), *out[1:])


class Changed(Corridor):
    """Changes what `step` returns: observations, rewards, terminated, truncated, infos."""

    def change(self, observations, rewards, terminated, truncated, infos):
        raise NotImplementedError

    def step(self, actions):
        return self.change(*super().step(actions))


class FloatRewards32(Changed):
    def change(self, o, r, te, tr, i):
        return o, r.astype(np.float32), te, tr, i


class NanReward(Changed):
    def change(self, o, r, te, tr, i):
        return o, r + np.nan, te, tr, i


class IntFlags(Changed):
    def change(self, o, r, te, tr, i):
        return o, r, te.astype(int), tr, i


class BothFlags(Changed):
    def change(self, o, r, te, tr, i):
        return o, r, te | tr, tr, i


class NoFinalObservation(Changed):
    def change(self, o, r, te, tr, i):
        return o, r, te, tr, {k: v for k, v in i.items() if "final" not in k}


class FinalIsNext(Changed):
    """The buffer was written over before it was given away."""

    def change(self, o, r, te, tr, i):
        return o, r, te, tr, {**i, "final_obs": o.copy()} if i else i


class CutOffFinalIsNext(Changed):
    """Only for episodes that were truncated."""

    def change(self, o, r, te, tr, i):
        if i:
            i["final_obs"][tr] = o[tr]
        return o, r, te, tr, i


class FinalOfOtherShape(Changed):
    def change(self, o, r, te, tr, i):
        return o, r, te, tr, {**i, "final_obs": i["final_obs"][:, 0]} if i else i


class FinalWithoutMask(Changed):
    def change(self, o, r, te, tr, i):
        i.pop("_final_obs", None)
        return o, r, te, tr, i


class NoFacts(Changed):
    def change(self, o, r, te, tr, i):
        return o, r, te, tr, {k: v for k, v in i.items() if "episode" not in k}


class FactsAlways(Changed):
    def change(self, o, r, te, tr, i):
        return o, r, te, tr, i or {"episode": {}, "_episode": np.zeros(3, bool)}


class WrongMask(Changed):
    def change(self, o, r, te, tr, i):
        return o, r, te, tr, {**i, "_episode": te & ~te} if i else i


class NoSuccess(Changed):
    def change(self, o, r, te, tr, i):
        if i:
            del i["episode"]["success"]
        return o, r, te, tr, i


class FactsOfEndedOnly(Changed):
    def change(self, o, r, te, tr, i):
        if i:
            i["episode"]["size"] = i["episode"]["l"][i["_episode"]][:0]
        return o, r, te, tr, i


class WrongReturn(Changed):
    def change(self, o, r, te, tr, i):
        if i:
            i["episode"]["r"] = i["episode"]["r"] + 1
        return o, r, te, tr, i


class AcceptsTooLarge(Corridor):
    def refuse(self, actions):
        super().refuse(np.minimum(actions, 1))


class AcceptsNegative(Corridor):
    def refuse(self, actions):
        super().refuse(np.maximum(actions, 0))


class AcceptsFractions(Corridor):
    def refuse(self, actions):
        super().refuse(actions.astype(int))


class OwnDice(Corridor):
    """Draws from a generator that is never seeded."""

    def _start(self, rows):
        super()._start(rows)
        self.goal[rows] = np.random.default_rng().integers(2, 8, np.shape(self.goal[rows]))


class ResetKeepsGenerator(Corridor):
    def reset(self, *, seed=None, options=None):
        return super().reset()


class IgnoresSeed(Corridor):
    def _seed(self, seed):
        super()._seed(0)


class ForgetsGenerator(Corridor):
    def set_state(self, state):
        super().set_state({**state, "generator": self.generator.bit_generator.state})


class ForgetsTime(Corridor):
    def set_state(self, state):
        super().set_state({**state, "time": [0] * self.num_envs})


class ForgetsPlace(Corridor):
    def set_state(self, state):
        super().set_state({**state, "place": [0] * self.num_envs})


class ArraysInState(Corridor):
    def get_state(self):
        return {**super().get_state(), "place": self.place.copy()}


class SharesItsState(Corridor):
    def get_state(self):
        if not hasattr(self, "shared"):
            self.shared = {}
        self.shared.update(super().get_state())
        return self.shared

    def step(self, actions):
        if hasattr(self, "shared"):
            self.get_state()
        return super().step(actions)


class GetStateSteps(Corridor):
    def get_state(self):
        state = super().get_state()
        self.place = np.where(self.place == 1, 0, 1)
        return state


class NeverEnds(Corridor):
    limit = 10**6

    def step(self, actions):
        self.refuse(actions)
        return super().step(np.zeros_like(actions))


FAULTS = {
    NextStep: "start the next episode in the step",
    DeclaresNextStep: "declare AutoresetMode.SAME_STEP",
    DeclaresNoMode: r"is None: declare AutoresetMode.SAME_STEP",
    FlatSpace: r"Box of shape \(H, W, C\) or \(D,\)",
    WrongShape: r"shape \(3, 2, 1\), the space says \(3, 1, 2, 1\)",
    WrongDtype: "int64 observations, the space says uint8",
    OutOfBounds: "outside the space's bounds",
    ReusesItsBuffer: "return a copy each time",
    OtherObserve: r"observe\(\) differs",
    FloatRewards32: "rewards must be float64",
    NanReward: "rewards must be finite",
    IntFlags: "terminated must be bool",
    BothFlags: "both terminated and truncated",
    NoFinalObservation: r"without infos\['final_obs'\]",
    FinalIsNext: "of terminated episodes is the first observation of the next one",
    CutOffFinalIsNext: "of truncated episodes is the first observation of the next one",
    FinalOfOtherShape: r"has shape \(2, 1\), the space says \(1, 2, 1\)",
    FinalWithoutMask: "go together",
    NoFacts: "report r, l and success",
    FactsAlways: "leave it out",
    WrongMask: "not the mask",
    NoSuccess: "has no 'success'",
    FactsOfEndedOnly: "an array with 3 rows",
    WrongReturn: "the rewards returned add up",
    AcceptsTooLarge: "one past the last",
    AcceptsNegative: r"bad actions \(-1\)",
    AcceptsFractions: "fractions",
    OwnDice: "same seed differ",
    ResetKeepsGenerator: r"reset\(seed=1\) twice",
    IgnoresSeed: "random_levels=False",
    ForgetsGenerator: "a run restored in a fresh environment differs",
    ForgetsTime: "a run restored in a fresh environment differs",
    ForgetsPlace: "does not bring the observations back",
    ArraysInState: r"\['place'\] is ndarray",
    SharesItsState: "return copies",
    GetStateSteps: "only read",
    NeverEnds: "no episode ended in 60 random steps",
}


def test_an_environment_without_faults_passes():
    envs.check_vector_env(Corridor, steps=180)


@pytest.mark.parametrize(
    ("broken", "message"), FAULTS.items(), ids=[fault.__name__ for fault in FAULTS]
)
def test_each_fault_is_named(broken, message):
    with pytest.raises(EnvironmentFault, match=message):
        envs.check_vector_env(broken, steps=180)


def test_a_deterministic_world_passes_with_random_levels_false():
    envs.check_vector_env(IgnoresSeed, steps=180, random_levels=False)


class AlwaysTheSame(Corridor):
    """Shows nothing, so that all observations are equal."""

    def observe(self):
        return np.zeros((self.num_envs, 1, 2, 1), np.uint8)


def test_last_observations_may_look_like_the_next_ones_where_all_do():
    envs.check_vector_env(AlwaysTheSame, steps=180)


def test_a_faulty_environment_is_closed():
    closed = []

    class Watched(NanReward):
        def close(self):
            closed.append(True)

    with pytest.raises(EnvironmentFault):
        envs.check_vector_env(Watched, steps=180)
    assert closed == [True]
