"""Whatever is typed or written into a file: a valid config or one clear error, nothing else."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chisel import configs
from chisel.configs import ConfigError, RunConfig

KEYS = st.sampled_from(
    ["seed", "name", "frames", "env", "env.name", "env.mode", "env.levels.max_size", "trainer"]
)
# fmt: off
ODD = [
    "null", "[]", "{}", "[1, 2, 3]", "{a: 1}", "true", "-0", "1e9", "inf", "'", "!!int", "&a", "<<",
    "[[1]]", "[null, 1, 2]", "1e999", "???", "${seed}", "0b1", "maze", "\x85", "[", "#", "*a",
]
# fmt: on
VALUES = st.text(max_size=12) | st.sampled_from([*ODD, "9" * 400])
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS.map(lambda key: key.rpartition(".")[2]), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.lists(st.tuples(KEYS, VALUES).map("=".join) | st.text(max_size=10), max_size=3))
def test_any_overrides(overrides: list[str]) -> None:
    with suppress(ConfigError):
        for config in configs.load_grid("maze/smoke", overrides).runs.values():
            assert configs.from_plain(configs.to_plain(config)) == config


@settings(max_examples=25)
@given(st.dictionaries(st.sampled_from(["env", "model", "algo", "trainer", "seed"]), TREES))
def test_any_plain_config(changes: dict[str, object]) -> None:
    plain = configs.to_plain(configs.load("maze/smoke"))
    merged = {
        key: {**plain[key], **value} if isinstance(value, dict) and key != "seed" else value
        for key, value in changes.items()
    }
    with suppress(ConfigError):
        assert isinstance(configs.from_plain({**plain, **merged}), RunConfig)


@settings(max_examples=100)
@given(text=st.text(alphabet="envam:e{}[]&*!'\"-,#|> \n\t0\x00\ud7ff%?<", max_size=40))
def test_any_file(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = Path(tmp_path_factory.getbasetemp()) / "any.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        configs.load(str(file))
