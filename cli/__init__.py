"""The `chisel` command. It parses arguments, calls the other rooms and prints; no more."""
