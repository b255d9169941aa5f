"""`chisel eval`."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.cli.arguments import check_settings, existing, one_word, take

USAGE = "chisel eval RUN [ablate=REGION[:MODE],…] [steer=FILE:COEFF,…] [key=value …] [out=FOLDER]"

HELP = f"""\
usage: {USAGE}

Plays held-out mazes, with the cheese as in training and with the cheese anywhere, beside a policy
that acts at random. Prints a table with 95 % intervals and writes eval.json. RUN is a run's folder,
a checkpoint, a folder of shipped weights, or a published .pth file with env=EXPERIMENT.
Agents of diamond and ghost play eval.levels fresh boards, whole and without each of their regions.

  ablate=REGION[:MODE],…
                      switch regions off that gradients were routed to; MODE is zero (if left out),
                      mean, resample, or a factor; the file is then eval-ablate-REGION-MODE.json
  steer=FILE:COEFF,…  add vectors to activations, as `chisel study steering-vector` makes them; the
                      file is then eval-steer-FILE-COEFF.json. After ablating, if both are given
  eval.levels=500     levels per setting
  eval.split=test     which layouts; tune on validation, report on test, once
  env.levels.max_size=9
                      any option of the environment, as in `chisel check`

examples:
  chisel eval runs/maze/quick/NAME
  chisel eval runs/maze/routed/NAME ablate=corner,cheese:0.5
  chisel eval model_rand_region_5.pth env=maze/hard eval.levels=1000"""


def run(arguments: Sequence[str]) -> None:
    """Evaluate an agent and print its scores."""
    path, settings = one_word(arguments, "RUN", USAGE)
    out, settings = take(settings, "out")
    source = existing(path)
    _, of_config = take(settings, "env")
    _, of_config = take(of_config, "ablate")
    _, of_config = take(of_config, "steer")
    check_settings(source, of_config)
    # Heavy: only once the arguments are known to be good.
    from chisel import models
    from chisel.analysis.evaluation import (
        evaluate,
        evaluate_halves,
        evaluate_oversight,
        plays_oversight,
    )
    from chisel.analysis.results import progress_bars, runs_of, show

    first = runs_of(source)[0]
    published = first.suffix == ".pth"  # agents, always
    if not published and isinstance(models.load(first).model, models.HalvesAutoencoder):
        split = evaluate_halves(source, overrides=settings, out=out)
        show(split.table())
        print(split.data)
        print(split.figure)
        return
    play = evaluate_oversight if plays_oversight(source) else evaluate
    with progress_bars() as progress:
        evaluation = play(source, overrides=settings, out=out, progress=progress)
    show(evaluation.table())
    print(evaluation.data)
