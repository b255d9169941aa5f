"""`chisel reproduce`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from chisel.cli.arguments import one_word, take
from chisel.configs import ConfigError, Page, hint, read_page

_OPTIONS = ("hours", "only", "out", "plan", "write")
USAGE = "chisel reproduce PAGE [hours=4] [only=ID,…] [plan=true] [write=true]"

HELP = f"""\
usage: {USAGE}

Runs the trainings and studies behind a page of results. PAGE is the name of a
page in docs/reproductions, or a YAML file that lists trainings, studies and
tables. Prints a table that says what is shipped in agents/, done or missing.
Then runs what is missing, in order, and compares each number with the page.
Runs and results are written to runs/reproduce/PAGE. Stop it whenever you like;
the same command goes on.

  hours=4          end after this many hours; training is saved first, and a
                   study begins only if its planned time is left
  only=ID,…        run only these entries and the trainings that they need
  out=FOLDER       folder for runs and results, instead of the usual one
  plan=true        print the table, and run nothing
  write=true       write the measured numbers into the page's tables,
                   docs/results.csv and docs/figures; without it, a copy of the
                   page with new tables is written into the folder

examples:
  chisel reproduce aup plan=true
  chisel reproduce maze-routed hours=4 only=quarter"""

_BOOLS = {"true": True, "false": False}


def run(arguments: Sequence[str]) -> None:
    """Run what is missing of a page."""
    name, settings = one_word(arguments, "PAGE", USAGE)
    given: dict[str, str | None] = {}
    for key in _OPTIONS:
        given[key], settings = take(settings, key)
    if settings:
        key = settings[0].partition("=")[0]
        raise ConfigError(f"reproduce: no option {key!r}; {hint(key, _OPTIONS)}")
    hours, plan, write = _hours(given["hours"]), _switch(given, "plan"), _switch(given, "write")
    if plan and write:
        raise ConfigError("plan=true runs and writes nothing; leave it or write=true out")
    page = read_page(name)
    only = (given["only"] or "").split(",") if given["only"] else []
    out = Path(given["out"] or Path("runs") / "reproduce" / page.name)
    # Heavy: only once the arguments are known to be good.
    from chisel.analysis import ledger
    from chisel.analysis.results import show

    ledger.check_page(page)
    names = ledger.chosen(page, only)
    show(ledger.plan_table(page, names, out))
    if plan:
        return
    from chisel import trainers

    notes = trainers.reproduce(page, out, hours=hours, names=names)
    _report(page, out, write=write)
    for note in notes:
        print(f"left: {note}")
    if notes:
        print("the same command goes on")


def _report(page: Page, out: Path, *, write: bool) -> None:
    from chisel.analysis import ledger

    measured, recorded = ledger.measured_rows(page, out), ledger.read_rows(page.results)
    found = ledger.differences(page, measured, recorded)
    for one in found:
        print(f"differs: {one.address}: {one.on_page} on the page, {one.here} here")
    both = len(measured.keys() & recorded.keys())
    print(
        f"{len(measured)} numbers measured; {both - len(found)} of {both} as the page prints them"
    )
    files = (ledger.write_page if write else ledger.write_beside)(page, measured, out)
    for file in files:
        print(file)


def _hours(text: str | None) -> float:
    try:
        hours = math.inf if text is None else float(text)
    except ValueError:
        hours = math.nan
    if not hours > 0:
        raise ConfigError(f"hours={text}: must be a number above 0, like hours=4")
    return hours


def _switch(given: dict[str, str | None], key: str) -> bool:
    text = given[key] or "false"
    if text.lower() not in _BOOLS:
        raise ConfigError(f"{key}={text}: must be true or false")
    return _BOOLS[text.lower()]
