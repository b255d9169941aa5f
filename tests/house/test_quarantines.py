"""A test that does not run is on the list, with what brings it back."""

import ast

from tests.house.rooms import ROOT

EVASIONS = {"skip", "skipif", "xfail", "importorskip"}


def test_every_skipped_test_is_listed() -> None:
    listed = (ROOT / "tests" / "QUARANTINES.md").read_text()
    for file in sorted((ROOT / "tests").glob("**/*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        evades = any(
            isinstance(node, ast.Attribute) and node.attr in EVASIONS for node in ast.walk(tree)
        )
        name = file.relative_to(ROOT).as_posix()
        assert not evades or name in listed, f"{name} skips a test that is not listed"
