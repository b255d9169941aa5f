"""Every room is found as `chisel.<room>`, by Python, by type checkers and in the wheel."""

import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import distributions, packages_distributions
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.rooms import NAME, ROOMS, ROOT, files, imports_of

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
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
AGENTS = ("maze-quick/seed-0", "maze-routed-quick/seed-0", "maze-unrouted/seed-10")
"""The agents that a wheel brings: symbolic mazes, with one goal and with two, routed and not."""
OF_AN_AGENT = ("agent.json", "config.yaml", "weights.safetensors")
NEVER_LOADED = {
    "dummy",  # procgen names it, and brings no such module
    "imageio_ffmpeg",  # needs pkg_resources, which setuptools dropped; gym3 writes videos with it
}


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
    folders = {ROOT / Path(file).parent for file in files()}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]
    packages = {f"{NAME}.{'.'.join(folder.relative_to(ROOT).parts)}" for folder in folders}
    packages |= {NAME, f"{NAME}.agents"}
    assert SETUPTOOLS["packages"] == sorted(packages, key=lambda one: one.split("."))
    homes = {f"{NAME}.{room}": room for room in (*ROOMS, "agents")}
    assert SETUPTOOLS["package-dir"] == {NAME: NAME} | homes


def test_type_checkers_see_every_room() -> None:
    links = ROOT / "typing_links" / NAME
    assert {link.name for link in links.iterdir()} == {*ROOMS, "__init__.py", "py.typed"}
    for link in links.iterdir():
        home = ROOT / link.name if link.name in ROOMS else ROOT / NAME / link.name
        assert link.is_symlink()
        assert link.resolve() == home


def test_the_lock_file_pins_every_dependency_within_its_range() -> None:
    asked = list(chain(PYPROJECT["project"]["dependencies"], *EXTRAS.values()))
    for requirement in map(Requirement, asked):
        pins = _pins(requirement.name)
        assert pins, f"{requirement} has no pin"
        for pin in pins:
            (version,) = (clause.version for clause in pin.specifier)
            assert str(pin.specifier) == f"=={version}", f"{pin} is no exact pin"
            assert requirement.specifier.contains(version), f"{requirement} excludes {version}"


def _pins(name: str) -> list[Requirement]:
    """The pins of a package: one, or one for each set of platforms."""
    alike = canonicalize_name(name)
    return [pin for pin in chain(*LOCKED.values()) if canonicalize_name(pin.name) == alike]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(
    ("system", "machine"),
    [
        ("linux", "x86_64"),
        ("linux", "aarch64"),
        ("darwin", "arm64"),
        ("win32", "AMD64"),
    ],
)
def test_the_lock_file_has_numpy_1_where_procgen_is_built_and_numpy_2_elsewhere(
    python: str, system: str, machine: str
) -> None:
    there = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": system,
        "platform_machine": machine,
    }

    def chosen(name: str) -> list[str]:
        pins = [pin for pin in _pins(name) if pin.marker is None or pin.marker.evaluate(there)]
        return [str(pin.specifier) for pin in pins]

    built = (system, machine) == ("linux", "x86_64") and python != "3.13"
    (numpy,) = chosen("numpy")
    assert numpy.startswith("==1.26." if built else "==2.")
    assert len(chosen("procgen-mirror")) == built
    assert len(chosen("torch")) == 1


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
def test_a_wheel_holds_all_rooms_and_experiments_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"{NAME}/{path.relative_to(ROOT).as_posix()}"
        for room in ROOMS
        for pattern in ("**/*.py", "**/*.yaml", "**/*.txt", "**/paper_curves.json", "static/**/*")
        for path in (ROOT / room).glob(pattern)
        if path.is_file() and "node_modules" not in path.parts
    } | {f"{NAME}/__init__.py", f"{NAME}/py.typed"}
    expected |= {f"{NAME}/agents/{agent}/{file}" for agent in AGENTS for file in OF_AN_AGENT}
    assert {name for name in names if ".dist-info/" not in name} == expected


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_pip_installs_the_wheel_and_the_source_without_network(
    wheel: Path, kind: str, tmp_path: Path
) -> None:
    """In a new environment that has what Chisel depends on; a shipped agent then plays there."""
    (built,) = wheel.parent.glob(kind)
    new, project = tmp_path / "new", tmp_path / "project"
    project.mkdir()
    venv.create(new, symlinks=True)
    python, chisel = new / "bin" / "python", new / "bin" / "chisel"

    def run(*command: str | Path) -> str:
        return subprocess.run(
            command, cwd=project, capture_output=True, text=True, check=True
        ).stdout

    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    installed = [path for path in sys.path if path.endswith("site-packages")]
    (site / "dependencies.pth").write_text("\n".join(installed))  # read no further: no editable one
    pip = [sys.executable, "-m", "pip", "--python", python, "install"]
    run(*pip, "--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed", built)
    assert Path(run(python, "-c", "import chisel; print(chisel.__file__)").strip()) == (
        site / "chisel" / "__init__.py"
    )
    assert "chisel train" in run(chisel, "--help")
    played = run(chisel, "eval", "agents:maze-quick", "eval.levels=4")
    assert "success" in played
    assert [path.name for path in project.iterdir()] == ["studies"]


def test_the_citation_has_the_version_of_the_package() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["version"] == PYPROJECT["project"]["version"]


@pytest.mark.slow
def test_the_agents_of_a_wheel_are_found_by_name_from_any_folder(
    wheel: Path, tmp_path: Path
) -> None:
    """Those that it lacks are named with the place where they are, or found in a clone."""
    home, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(home)
        sizes = [one.file_size for one in archive.infolist() if "/agents/" in one.filename]
    assert sum(sizes) <= 1_500_000
    code = (
        "import sys; from chisel import configs, models; print(configs.shipped_agents()); "
        "print([models.load(one).env_steps > 0 for one in sys.argv[1:]]); "
        "print(configs.agent_name(configs.agent_path(sys.argv[1])))"
    )

    installed = [path for path in sys.path if path.endswith("site-packages")]
    paths = os.pathsep.join([str(home), *installed])

    def said(folder: Path, *names: str) -> tuple[list[str], str]:
        done = subprocess.run(
            [sys.executable, "-P", "-S", "-c", code, *names],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.splitlines(), done.stderr

    shipped = sorted(f"agents:{agent}" for agent in AGENTS)
    out, _ = said(elsewhere, *shipped)
    assert out == [str(shipped), "[True, True, True]", shipped[0]]
    _, error = said(elsewhere, "agents:maze-plain/seed-10")
    assert "in the folder agents/ of Chisel's repository" in error.splitlines()[-1]
    out, _ = said(ROOT / "docs", "agents:maze-plain/seed-10")
    assert out[1] == "[True]"


def test_everything_imported_is_a_declared_dependency() -> None:
    """What only happens to be installed, because something else needs it, may be gone tomorrow."""
    declared = {
        canonicalize_name(Requirement(one).name)
        for one in [
            *PYPROJECT["project"]["dependencies"],
            *EXTRAS["procgen"],
            *EXTRAS["slurm"],
            *EXTRAS["lab"],
            *EXTRAS["lm"],
        ]
    }
    providers = packages_distributions()
    for one in imports_of(files()):
        if not one.ours and one.top not in sys.stdlib_module_names:
            offered = {canonicalize_name(name) for name in providers.get(one.top, [])}
            if one.top == "procgen":  # not installed everywhere
                offered.add("procgen-mirror")
            assert offered & declared, f"{one}, which is no dependency in pyproject.toml"
