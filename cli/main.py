"""Entry point of the `chisel` command."""


def main() -> int:
    """Run a command; returns its exit code."""
    return 0
