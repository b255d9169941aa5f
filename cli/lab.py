"""`chisel lab`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chisel.cli.arguments import existing, take
from chisel.configs import THREADS, CheckpointError, ConfigError, hint

USAGE = "chisel lab [RUN …] [SESSION.json] [threads=N] [--port N] [--no-browser] [--allow-host …]"

HELP = """\
usage: chisel lab [RUN …] [SESSION.json] [threads=N] [--port N] [--no-browser]
                  [--allow-host NAME]

Opens a page on this machine: draw a maze, see the agent's moves and values at
every square, edit its activations, compare two agents, play. RUN is a run's
folder, a checkpoint, or a shipped agent such as agents:maze-quick. It may also
be a language model: a run that learnt stories, a folder in Hugging Face's
format, a .gguf file, or smollm2. Without a RUN, the page offers the shipped
agents. SESSION.json is a session that the page saved. Ctrl-C ends the server.

  threads=2           torch's CPU threads; left out, one for each core that
                      nothing else keeps busy
  --port N            port on 127.0.0.1; left out, a free one
  --no-browser        print the link, and open no browser
  --allow-host NAME   accept this name (or NAME:PORT) too, when a proxy serves
                      the page

examples:
  chisel lab
  chisel lab runs/maze/quick/NAME agents/maze-quick/seed-0
  chisel lab my-session.json --port 8000 --no-browser"""

_WITH_VALUE = ("--port", "--allow-host")


def run(arguments: Sequence[str]) -> None:
    """Serve the lab until Ctrl-C."""
    words, given, flags = _read(arguments)
    ports = given["--port"]
    if ports and not (ports[-1].isdecimal() and int(ports[-1]) < 65536):
        raise ConfigError(f"--port {ports[-1]}: must be a number from 0 to 65535")
    text, words = take(words, THREADS.name)
    threads = THREADS.read(text)
    paths = [_path(word) for word in words]
    from chisel.lab import serve  # heavy: only once the arguments are known to be good

    serve(
        paths,
        port=int(ports[-1]) if ports else 0,
        browser="--no-browser" not in flags,
        allowed=given["--allow-host"],
        threads=threads,
    )


def _path(word: str) -> Path:
    """Return the path of something that exists, or the name of a language model to fetch."""
    try:
        return existing(word)
    except CheckpointError:
        from chisel.models.language import FETCHED  # heavy, and seldom asked for

        if word in FETCHED:
            return Path(word)
        raise


def _read(arguments: Sequence[str]) -> tuple[list[str], dict[str, list[str]], set[str]]:
    """Split arguments into words, the values of options, and flags."""
    words: list[str] = []
    flags: set[str] = set()
    given: dict[str, list[str]] = {name: [] for name in _WITH_VALUE}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name in given:
            if not equals and not rest:
                raise ConfigError(f"{name} needs a value; usage: {USAGE}")
            given[name].append(value if equals else rest.pop(0))
        elif word == "--no-browser":
            flags.add(word)
        elif word.startswith("-"):
            raise ConfigError(f"{word}: unknown option; {hint(name, [*given, '--no-browser'])}")
        else:
            words.append(word)
    return words, given, flags
