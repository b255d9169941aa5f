"""`chisel cache`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.filesize import decimal

from chisel.cli.arguments import take, words_and_settings
from chisel.configs import ConfigError

USAGE = "chisel cache [clear] [limit=GB]"

HELP = f"""\
usage: {USAGE}

Lists what is kept because it takes long to make, the last used first: sets of mazes, by everything
that they depend on, so that nothing outdated is used. The longest unused goes first when there is
more than the limit. The variable CHISEL_CACHE names another folder.

  clear        remove everything
  limit=2      keep 2 GB at most, from now on; 0 keeps nothing

examples:
  chisel cache
  chisel cache limit=0.5"""


def run(arguments: Sequence[str]) -> None:
    """List what is kept, empty the cache, or set its limit."""
    words, settings = words_and_settings(arguments)
    given, unknown = take(settings, "limit")
    wrong = [*unknown, *(words if words != ["clear"] else [])]
    if wrong:
        raise ConfigError(f"{wrong[0]}: no part of `{USAGE}`")
    most = None if given is None else _bytes(given)
    from chisel.envs import cache  # heavy: only once the arguments are known to be good

    if most is not None:
        cache.set_limit(most)
    if words:
        cache.clear()
    found = cache.entries()
    for one in reversed(found):
        used = datetime.fromtimestamp(one.used).strftime("%Y-%m-%d %H:%M")
        print(f"{used}  {decimal(one.size):>9}  {one.title}")
    total = decimal(sum(one.size for one in found))
    print(f"{total} of at most {decimal(cache.limit())} in {cache.folder()}")


def _bytes(text: str) -> int:
    try:
        most = int(float(text) * 1e9)
    except (ValueError, OverflowError):
        most = -1
    if most < 0:
        raise ConfigError(f"limit={text}: must be a number of GB, at least 0")
    return most
