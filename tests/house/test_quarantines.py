"""A test that does not run is on the list, with what brings it back."""

import ast

from tests.house.rooms import ROOT

EVASIONS = {"skip", "skipif", "xfail", "importorskip"}
EXTRAS = ("procgen", "stable_baselines3", "submitit")


def test_every_skipped_test_is_listed() -> None:
    listed = (ROOT / "tests" / "QUARANTINES.md").read_text()
    for file in sorted((ROOT / "tests").glob("**/*.py")):
        name = file.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in EVASIONS:
                call = ast.unparse(node)
                assert any(extra in call for extra in EXTRAS) or name in listed, (
                    f"{name}: {call} is not listed"
                )
