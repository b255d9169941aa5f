"""The `chisel` command: thin, no logic of its own."""
