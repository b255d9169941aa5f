"""The rooms' names are common words: they must resolve to this project, and all be shipped."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distributions, packages_distributions
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.rooms import ROOMS, ROOT, imports_of

BUILT = [room for room in ROOMS if (ROOT / room / "__init__.py").is_file()]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PYPROJECT["project"]["optional-dependencies"]


def _locked() -> dict[str, list[Requirement]]:
    """The pins of requirements.lock by group: each group begins with a line that names it alone."""
    groups: dict[str, list[Requirement]] = {}
    header, *blocks = (ROOT / "requirements.lock").read_text().split("\n\n")
    assert all(line.startswith("# ") for line in header.splitlines())
    for block in blocks:
        name, *pins = block.splitlines()
        groups[name.removeprefix("# ")] = [Requirement(pin) for pin in pins]
    return groups


LOCKED = _locked()
NEVER_LOADED = {
    "dummy",  # procgen names it, and brings no such module
    "imageio_ffmpeg",  # needs pkg_resources, which setuptools dropped; gym3 writes videos with it
}


@pytest.mark.parametrize("room", BUILT)
def test_a_rooms_name_resolves_to_this_project(room: str) -> None:
    spec = find_spec(room)
    assert spec is not None
    assert spec.origin == str(ROOT / room / "__init__.py")


@pytest.mark.parametrize("room", BUILT)
def test_no_other_installed_package_has_a_rooms_name(room: str) -> None:
    """Otherwise the installed command could pick up that one instead."""
    others = {
        distribution.name
        for distribution in distributions()
        if distribution.name != "chisel"
        and any(file.parts[0] in (room, f"{room}.py") for file in distribution.files or ())
    }
    assert not others


def test_every_folder_with_code_is_a_package() -> None:
    """A folder without `__init__.py` would be left out of the wheel."""
    folders = {file.parent for room in ROOMS for file in (ROOT / room).glob("**/*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


def test_every_room_is_packaged_and_type_checked() -> None:
    packaged = PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert [room for room in BUILT if room not in packaged or f"{room}.*" not in packaged] == []
    assert [room for room in BUILT if room not in PYPROJECT["tool"]["mypy"]["packages"]] == []


def test_the_lock_file_pins_every_dependency_within_its_range() -> None:
    pins = {canonicalize_name(pin.name): pin for pin in chain(*LOCKED.values())}
    asked = list(chain(PYPROJECT["project"]["dependencies"], *EXTRAS.values()))
    for requirement in map(Requirement, asked):
        pin = pins[canonicalize_name(requirement.name)]
        (version,) = (clause.version for clause in pin.specifier)
        assert str(pin.specifier) == f"=={version}", f"{pin} is no exact pin"
        assert requirement.specifier.contains(version), f"{requirement} excludes {version}"


def test_the_lock_file_has_a_group_for_the_core_and_for_each_extra() -> None:
    assert list(LOCKED) == ["core", *EXTRAS]


def test_the_lock_file_leaves_torchs_cuda_libraries_to_the_build_that_the_index_offers() -> None:
    names = [pin.name for pin in chain(*LOCKED.values())]
    assert not [name for name in names if name.startswith(("nvidia", "cuda", "triton"))]


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_an_extra_adds_can_be_imported(extra: str) -> None:
    """Some packages resolve and then fail at import, beside a version that they don't know."""
    wanted = {
        canonicalize_name(pin.name)
        for pin in LOCKED[extra]
        if pin.marker is None or pin.marker.evaluate()
    }
    installed = {canonicalize_name(distribution.name) for distribution in distributions()}
    assert not wanted - installed, "not installed; `make setup` does it"
    modules = [
        module
        for module, names in packages_distributions().items()
        if wanted & set(map(canonicalize_name, names))
        and module.isidentifier()  # stubs and mypyc's helpers are not
        and module not in NEVER_LOADED
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(f"import {module}" for module in modules)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_wheel_holds_all_rooms_and_experiments_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for room in BUILT:
        shutil.copytree(ROOT / room, source / room)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("chisel-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        path.relative_to(ROOT).as_posix()
        for room in BUILT
        for pattern in ("**/*.py", "**/*.yaml")
        for path in (ROOT / room).glob(pattern)
    }
    assert {name for name in names if ".dist-info/" not in name} == expected


def test_everything_imported_is_a_declared_dependency() -> None:
    """What only happens to be installed, because something else needs it, may be gone tomorrow."""
    declared = {
        canonicalize_name(Requirement(one).name)
        for one in [*PYPROJECT["project"]["dependencies"], *EXTRAS["procgen"]]
    } | {"gym3"}  # procgen is made of it and pins it
    providers = packages_distributions()
    for room in ROOMS:
        for one in imports_of(room):
            if one.top in sys.stdlib_module_names or one.top in ROOMS:
                continue
            offered = {canonicalize_name(name) for name in providers.get(one.top, [])}
            assert offered & declared, f"{one}, which is no dependency in pyproject.toml"
