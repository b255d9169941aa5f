"""`chisel eval`."""

from __future__ import annotations

from collections.abc import Sequence

from chisel.cli.arguments import check_settings, existing, one_word, take
from chisel.configs import ConfigError

USAGE = "chisel eval RUN [ablate=…] [steer=…] [key=value …] [out=FOLDER]"

HELP = f"""\
usage: {USAGE}

Lets an agent play in its world, beside a policy that acts at random, and prints
the world's metrics with 95 % intervals. Mazes are held out, with the cheese
placed as in training and anywhere. Diamond and ghost has fresh boards, and is
also played without each region. Gridworlds and any other environment give
return, length and success; for autoencoders the metrics say what each half
restores. Writes eval.json, and a row for every episode to eval.csv. RUN is a
run's folder, a folder of several seeds (with intervals over seeds), the folder
of a grid (whose runs are evaluated one after the other), a checkpoint, a
shipped agent such as agents:maze-quick, or a published .pth file with
env=EXPERIMENT.

  ablate=REGION[:MODE],…
                      ablate regions that gradients were routed to. MODE is zero
                      (if left out), mean, resample, or a factor. The file is
                      then eval-ablate-REGION-MODE.json
  steer=FILE:COEFF,…  add vectors that `chisel study steering-vector` made to
                      activations, after ablating. The file is then
                      eval-steer-FILE-COEFF.json
  eval.levels=500     number of levels or games
  eval.greedy=true    take the likeliest actions, instead of sampling them
  eval.split=test     split of levels or examples, in worlds that have splits;
                      tune on validation, report on test, once
  env.levels.max_size=9
                      any option of the environment; `chisel check` prints them
  threads=2           torch's CPU threads; left out, one for each core that
                      nothing else keeps busy
  style=slides        a figure for slides, or style=dark, in worlds that have a
                      figure; paper if left out. width=85 is its width in mm

examples:
  chisel eval agents:maze-quick
  chisel eval runs/maze/quick/NAME
  chisel eval runs/maze/routed/NAME ablate=corner,cheese:0.5
  chisel eval model_rand_region_5.pth env=maze/hard eval.levels=1000"""


def run(arguments: Sequence[str]) -> None:
    """Evaluate an agent and print its scores."""
    path, settings = one_word(arguments, "RUN", USAGE)
    out, settings = take(settings, "out")
    source = existing(path)
    of_config = settings
    for key in ("env", "ablate", "steer", "threads", "style", "width"):
        _, of_config = take(of_config, key)
    check_settings(source, of_config)
    # Heavy: only once the arguments are known to be good.
    from chisel.analysis.evaluation import evaluate
    from chisel.analysis.results import points_of, progress_bars, show

    points = points_of(source)
    if out is not None and len(points) > 1:
        raise ConfigError(f"out={out}: {source} has {len(points)} runs; name one of them")
    for point in points:
        with progress_bars() as progress:
            evaluation = evaluate(point, overrides=settings, out=out, progress=progress)
        show(evaluation.table())
        print(evaluation.data)
        if evaluation.figure is not None:
            print(evaluation.figure)
