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
    pins = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            assert version, f"{line} is no exact pin"
            pins[canonicalize_name(name)] = version
    project = PYPROJECT["project"]
    asked = list(chain(project["dependencies"], *project["optional-dependencies"].values()))
    for requirement in map(Requirement, asked):
        version = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} excludes {version}"


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
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    declared = {
        canonicalize_name(Requirement(one).name)
        for one in [*project["dependencies"], *extras["procgen"]]
    } | {"gym3"}  # procgen is made of it and pins it
    providers = packages_distributions()
    for room in ROOMS:
        for one in imports_of(room):
            if one.top in sys.stdlib_module_names or one.top in ROOMS:
                continue
            offered = {canonicalize_name(name) for name in providers.get(one.top, [])}
            assert offered & declared, f"{one}, which is no dependency in pyproject.toml"
