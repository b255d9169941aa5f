"""What a trained agent was charged is read from its checkpoint, and from no other."""

import pytest
import torch

from chisel import configs, models
from chisel.configs import CheckpointError, registry
from chisel.trainers.aup.penalty_mean import PenaltyMean
from chisel.trainers.aup.saved import Charge, saved_charge
from tests.trainers.aup.deep_runs import make_deep


def test_a_charge_is_scaled_as_penalties_were_in_training():
    algorithm = make_deep().algorithm
    obs = torch.from_numpy(make_deep().collector.env.reset(seed=0)[0])
    plain = Charge(algorithm)(obs)
    assert plain.shape == (4, 9)
    assert (plain[:, algorithm.noop] == 0).all()
    assert (plain > 0).any()
    algorithm.scaling = PenaltyMean(3.0)
    algorithm.scaling(torch.tensor([1.0, 3.0]), 0.5)  # mean 2
    torch.testing.assert_close(Charge(algorithm)(obs), 1.5 * plain)


def test_a_checkpoint_without_auxiliary_values_is_refused_in_one_line(tmp_path):
    config = configs.load("gridworld/aup-ppo", ["algo.aux.hidden=16"])
    file = tmp_path / models.checkpoint_name(1)
    models.write_checkpoint(file, {"chisel": {"algorithm": {"moments": []}}})
    with pytest.raises(CheckpointError, match="holds no auxiliary values"):
        saved_charge(file, config)


def test_algorithms_that_charge_nothing_say_so():
    charges = {name for name in registry.names("algo") if registry.resolve_penalty(name)}
    assert charges == {"aup", "deep-aup"}
