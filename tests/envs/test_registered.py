"""Every registered environment keeps the contract."""

from pathlib import Path

import pytest

from chisel import envs
from chisel.configs import registry
from chisel.configs.errors import ConfigError
from chisel.configs.schema import GridworldConfig, MazeConfig, OversightConfig, SafeLifeConfig

TRACES = Path(__file__).parents[1] / "analysis" / "safelife" / "traces"

SHORT = {
    "gridworld": GridworldConfig(num_envs=3, max_steps=10),
    "maze": MazeConfig(num_envs=3, timeout=40),
    "oversight": OversightConfig(num_envs=3, max_steps=10),
    "safelife": SafeLifeConfig(num_envs=3, levels=str(TRACES), time_limit=30),
}
"""A config of each registered environment whose episodes are short."""

WITHOUT_CHANCE = {"gridworld"}


def test_every_built_in_environment_is_checked_here():
    assert set(registry.names("env")) <= set(SHORT)


@pytest.mark.parametrize("name", SHORT)
def test_a_registered_environment_passes_the_checker(name):
    envs.check_vector_env(
        lambda seed: envs.make(SHORT[name], seed=seed),
        steps=240,
        random_levels=name not in WITHOUT_CHANCE,
    )


def test_num_envs_of_make_wins_over_the_configs():
    assert envs.make(SHORT["maze"], seed=0, num_envs=2).num_envs == 2
    with pytest.raises(ConfigError, match="num_envs = 0"):
        envs.make(SHORT["maze"], seed=0, num_envs=0)


def test_an_unknown_name_is_a_config_error():
    with pytest.raises(ConfigError, match="maze"):
        envs.make(MazeConfig(name="mase"), seed=0)
