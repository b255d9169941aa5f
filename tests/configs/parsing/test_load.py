"""Experiments, overrides and plain forms all lead to the same typed, frozen config."""

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chisel import configs
from chisel.configs import ConfigError, ImpalaConfig, LevelsConfig, MazeConfig, PPOConfig, RunConfig

EXPERIMENTS = sorted(configs.experiments())


def test_the_first_experiments_are_shipped() -> None:
    assert {"maze/smoke", "maze/quick", "maze/pixels-small", "maze/easy", "maze/hard"} <= set(
        EXPERIMENTS
    )


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_shipped_experiment_is_valid_and_says_what_it_is(name: str) -> None:
    assert configs.load(name).experiment == name
    assert 10 < len(configs.experiments()[name]) <= 100


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_plain_and_yaml_forms_lead_back_to_an_equal_config(name: str, tmp_path: Path) -> None:
    config = configs.load(
        name, ["name=007", "tracking.mode=offline", "tracking.tags=[a, 'null', '1']"]
    )
    assert configs.from_plain(configs.to_plain(config)) == config
    file = tmp_path / "config.yaml"
    file.write_text(configs.to_yaml(config))
    assert configs.load(str(file)) == config


def test_components_have_the_type_that_their_name_registers() -> None:
    config = configs.load("maze/quick")
    assert isinstance(config.env, MazeConfig)
    assert isinstance(config.env.levels, LevelsConfig)
    assert isinstance(config.model, ImpalaConfig)
    assert isinstance(config.algo, PPOConfig)


def test_a_config_cannot_be_changed() -> None:
    config = configs.load("maze/quick")
    for part in (config, config.env, config.env.levels, config.algo, config.trainer):
        with pytest.raises(FrozenInstanceError):
            part.seed = 1
    hash((config.env, config.model, config.algo, config.trainer, config.tracking))


def test_the_hard_experiment_is_the_published_setting() -> None:
    """Langosco et al.'s A100 hyperparameters and the region of the best-studied network."""
    config = configs.load("maze/hard")
    assert config.frames == 80_000_000
    assert config.env == MazeConfig(num_envs=512, mode="hard", cheese="region", region=5)
    assert config.env.levels == LevelsConfig()  # unlimited
    assert config.model == ImpalaConfig(channels=(64, 128, 128), hidden=256)
    assert config.algo == PPOConfig(
        num_steps=256,
        num_minibatches=16,
        update_epochs=3,
        learning_rate=5e-4,
        anneal_lr=True,
        adam_eps=1e-5,
        gamma=0.999,
        gae_lambda=0.95,
        clip_coef=0.2,
        clip_vloss=True,
        norm_adv="batch",
        ent_coef=0.01,
        vf_coef=0.5,
        max_grad_norm=0.5,
        target_kl=None,
        norm_reward=True,
        norm_reward_gamma=0.99,
        reward_clip=10.0,
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("name=007", "007"),
        ("name=1_000", "1_000"),
        ("name=on", "on"),
        ("name=12:30", None),
        ("name=null", None),
        ("name=2026-11-21", "2026-11-21"),
        ("name='null'", "null"),
    ],
)
def test_text_is_kept_as_it_was_typed(setting: str, value: str | None) -> None:
    if value is None and "null" not in setting:
        with pytest.raises(ConfigError):
            configs.load("maze/smoke", [setting])
    else:
        assert configs.load("maze/smoke", [setting]).name == value


@pytest.mark.parametrize("text", ["2e6", "2E+6", "2000000", "2_000_000", "2.0e6"])
def test_whole_numbers_may_have_an_exponent(text: str) -> None:
    config = configs.load("maze/smoke", [f"frames={text}"])
    assert config.frames == 2_000_000
    assert type(config.frames) is int


@pytest.mark.parametrize("text", ["2.5", "1e-1", "2.25e1", "1e400", "0x10", "two"])
def test_other_numbers_are_no_whole_numbers(text: str) -> None:
    with pytest.raises(ConfigError, match=r"trainer\.threads = .*a whole number"):
        configs.load("maze/smoke", [f"trainer.threads={text}"])


@pytest.mark.parametrize(("text", "value"), [("true", True), ("no", False), ("On", True)])
def test_switches_are_words(text: str, value: bool) -> None:
    assert configs.load("maze/smoke", [f"algo.anneal_lr={text}"]).algo.anneal_lr is value


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**31 - 1),
    rate=st.floats(1e-9, 10),
    channels=st.tuples(*[st.integers(1, 512)] * 3),
    mode=st.sampled_from(["easy", "hard", "memory"]),
    kl=st.none() | st.floats(1e-6, 1),
)
def test_overrides_mean_the_same_as_replacing_fields(
    seed: int,
    rate: float,
    channels: tuple[int, int, int],
    mode: str,
    kl: float | None,
) -> None:
    base = configs.load("maze/smoke")
    overrides = [
        f"seed={seed}",
        f"algo.learning_rate={rate!r}",
        f"model.channels={list(channels)}",
        f"env.mode={mode}",
        f"algo.target_kl={'null' if kl is None else repr(kl)}",
    ]
    expected = replace(
        base,
        seed=seed,
        env=replace(base.env, mode=mode),
        model=replace(base.model, channels=channels),
        algo=replace(base.algo, learning_rate=rate, target_kl=kl),
    )
    assert configs.load("maze/smoke", overrides) == expected
    assert configs.override(base, overrides) == expected


def test_naming_another_component_starts_from_its_defaults(tmp_path: Path) -> None:
    """What the file says about the old one would mean nothing to the new one."""
    (tmp_path / "base.yaml").write_text("env: {name: other, what: 3}\n")
    (tmp_path / "mine.yaml").write_text(
        "extends: base.yaml\nenv: {name: maze}\nmodel: {name: impala}\nalgo: {name: ppo}\n"
    )
    assert configs.load(str(tmp_path / "mine.yaml")).env == MazeConfig()


def test_the_name_of_a_file_without_its_ending_is_answered_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("orchard.yaml").write_text("extends: maze/smoke\n")
    with pytest.raises(ConfigError, match=r"did you mean the file 'orchard\.yaml'"):
        configs.load("orchard")
    with pytest.raises(ConfigError, match="`chisel list` prints all") as told:
        configs.load("zzz")
    assert len(str(told.value)) < 100


def test_a_file_extends_another_and_its_own_keys_win(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: maze/smoke\nenv: {region: 1}\n")
    (tmp_path / "more.yaml").write_text("extends: mine.yaml\nenv: {timeout: 7}\n")
    config = configs.load(str(tmp_path / "more.yaml"))
    base = configs.load("maze/smoke")
    assert config.experiment == "more"
    assert replace(config, experiment=base.experiment) == replace(
        base, env=replace(base.env, region=1, timeout=7)
    )


def test_an_override_may_turn_a_feature_off_without_taking_back_its_details() -> None:
    config = configs.load("maze/quick", ["env.cheese=stock", "tracking.mode=disabled"])
    assert config.env.region == 3
    again = configs.from_plain(configs.to_plain(config))
    assert again == config


def test_a_config_from_a_checkpoint_is_checked_like_any_other() -> None:
    plain = configs.to_plain(configs.load("maze/smoke"))
    for change in ({"frames": -1}, {"surprise": 1}, {"experiment": "../../etc"}, {"name": "../x"}):
        with pytest.raises(ConfigError, match=next(iter(change))):
            configs.from_plain({**plain, **change})


def test_plain_forms_hold_nothing_but_plain_values() -> None:
    def walk(value: object) -> None:
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value)
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)
        else:
            assert value is None or type(value) in (int, float, bool, str)

    walk(configs.to_plain(configs.load("maze/hard", ["tracking.tags=[a]"])))


def test_the_defaults_of_every_option_are_in_range() -> None:
    configs.validate(
        RunConfig(experiment="x", env=MazeConfig(), model=ImpalaConfig(), algo=PPOConfig())
    )
