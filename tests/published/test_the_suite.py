"""The suite for the published network, without it: how it is called, and that it can fail."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.house.rooms import ROOT
from tests.models.test_published import published_weights, write_published
from tests.published.conftest import VARIABLE

SUITE = "tests/published/test_published_net.py"


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CHISEL_")}
    command = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", SUITE, *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=clean | variables, capture_output=True, text=True, check=False
    )


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # The tests may have been started by make, which tells its children so.
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    command = ["make", "--no-print-directory", "test-published", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_without_a_file_every_test_is_skipped_and_says_what_to_type() -> None:
    done = run("-q")
    assert done.returncode == 0
    assert "make test-published PTH=" in done.stdout
    assert " passed" not in done.stdout
    assert "skipped" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("name", "content"), [("missing.pth", None), ("wrong.pth", b"no weights")])
def test_a_wrong_file_is_one_line(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    done = run("-q", **{VARIABLE: str(path)})
    assert done.returncode == 2
    (line,) = [one for one in done.stdout.splitlines() if "PTH: " in one]
    assert name in line
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stdout.splitlines()) <= 6


@pytest.mark.parametrize(
    ("given", "complaint"),
    [([], "make test-published PTH=/path/to/"), (["PTH=/no/such.pth"], "no file /no/such.pth")],
)
def test_make_says_what_to_type_before_anything_is_installed(
    given: list[str], complaint: str
) -> None:
    done = make(*given)
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(lines) == 1
    assert complaint in lines[0]
    assert done.stdout == ""


@pytest.mark.slow
@pytest.mark.usefixtures("procgen")
def test_a_random_network_of_the_published_form_fails_at_the_figures_and_nowhere_else(
    tmp_path: Path,
) -> None:
    path = write_published(tmp_path / "random.pth", published_weights((16, 32, 32)))
    report = tmp_path / "report.xml"
    variables = {VARIABLE: str(path), "CHISEL_PUBLISHED_LEVELS": "8"}
    done = run("-q", f"--junitxml={report}", **variables)
    assert done.returncode == 1, done.stdout
    cases = ET.parse(report).getroot().iter("testcase")
    reasons = {case.get("name"): [one.get("message") for one in case] for case in cases}
    assert len(reasons) >= 25
    assert not [name for name, found in reasons.items() if len(found) > 1]
    for name, found in reasons.items():
        for reason in found:
            assert reason.startswith(("assert", "AssertionError", "Failed: cannot be")), name
    failed = {name for name, found in reasons.items() if found}
    for name in (
        "test_it_is_the_large_network",
        "test_the_cheese_vector_at_seeds_0_to_99[nothing-cheese-median-0.806-0.1]",
        "test_it_finds_the_cheese_where_it_was_trained_basically_every_time",
        "test_three_variables_predict_it_as_well_as_published",
        "test_channel_55_is_up_at_the_cheese_and_down_elsewhere",
    ):
        assert name in failed
