"""Every room is found as `chisel.<room>`, by Python, by type checkers and in the wheel."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.rooms import NAME, ROOMS, ROOT, files, imports_of

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_its_prefix_and_no_other_name(room: str) -> None:
    """With the root on the path, `models` and `chisel.models` would be two modules."""
    spec = find_spec(f"{NAME}.{room}")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).resolve() == ROOT / room / "__init__.py"
    assert find_spec(room) is None


def test_every_package_is_listed_for_the_wheel() -> None:
    """One that is not listed would be missing there, without a word."""
    folders = {file.parent for room in ROOMS for file in (ROOT / room).glob("**/*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]
    packages = {f"{NAME}.{'.'.join(folder.relative_to(ROOT).parts)}" for folder in folders}
    assert SETUPTOOLS["packages"] == sorted({NAME, *packages}, key=lambda one: one.split("."))
    assert SETUPTOOLS["package-dir"] == {NAME: NAME} | {f"{NAME}.{room}": room for room in ROOMS}


def test_type_checkers_see_every_room() -> None:
    links = ROOT / "typing_links" / NAME
    assert {link.name for link in links.iterdir()} == {*ROOMS, "__init__.py", "py.typed"}
    for link in links.iterdir():
        home = ROOT / link.name if link.name in ROOMS else ROOT / NAME / link.name
        assert link.is_symlink()
        assert link.resolve() == home


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
    for room in (NAME, *ROOMS):
        shutil.copytree(ROOT / room, source / room)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("chisel_agents-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"{NAME}/{path.relative_to(ROOT).as_posix()}"
        for room in ROOMS
        for pattern in ("**/*.py", "**/*.yaml")
        for path in (ROOT / room).glob(pattern)
    } | {f"{NAME}/__init__.py", f"{NAME}/py.typed"}
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
    for one in imports_of(files()):
        if not one.ours and one.top not in sys.stdlib_module_names:
            offered = {canonicalize_name(name) for name in providers.get(one.top, [])}
            assert offered & declared, f"{one}, which is no dependency in pyproject.toml"
