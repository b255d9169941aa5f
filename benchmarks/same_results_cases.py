"""The cases of `benchmarks.same_results`: every algorithm, world and study, as small as possible.

A command is what one types after `chisel`, in the words of the old tree. The commands of a case
run in a folder of their own, in which `agents` is the tree's folder of shipped weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatch


@dataclass(frozen=True)
class Case:
    """Commands that run one after the other, and whose results are compared."""

    name: str
    commands: tuple[str, ...]


CPU = (
    "name=run tracking.mode=disabled trainer.progress=false trainer.threads=1 "
    "trainer.accelerator=cpu"
)
STEPS = "env.num_envs=8 algo.num_steps=32"
PPO = f"{STEPS} algo.num_minibatches=2 algo.update_epochs=2"
LEVELS = "env.levels.set_size=64 env.timeout=20"
MAZE = f"{CPU} {PPO} {LEVELS}"
KEPT = "trainer.checkpoint_every=1 trainer.keep_every=1"
AUP = "algo.aux.num=3 algo.aux.steps=512 algo.aux.updates=2 algo.aux.hidden=32"
_TRACES = "agents/../tests/analysis/safelife/traces"
DIGITS = f"{CPU} trainer.checkpoint_every=1"
_SHORT = "frames=60 algo.iteration_size=20 corpus.stories=80 corpus.validation=10"
_SLIM = "algo.batch_size=10 model.layers=2 model.width=32"
STORIES = f"{CPU} trainer.checkpoint_every=1 {_SHORT} {_SLIM}"

TRAININGS = {
    "ppo-maze": f"maze/smoke {MAZE} frames=1024",
    "ppo-maze-two-seeds": f"maze/smoke {MAZE} frames=512 seed=0,1",
    "ppo-maze-pixels": f"maze/pixels-small {MAZE} frames=512",
    "ppo-maze-backgrounds": f"maze/easy {CPU} {PPO} env.timeout=20 frames=256",
    "ppo-maze-routed": f"maze/routed-quick {MAZE} frames=1024",
    "ppo-maze-routed-context": f"maze/routed-context {MAZE} frames=1024",
    "ppo-maze-routed-fc": f"maze/routed-fc {MAZE} frames=1024",
    "ppo-maze-routed-dropping": f"maze/routed-dropping {MAZE} frames=1024 routing.drop_start=512",
    "ppo-maze-routed-pixels": f"maze/routed-pixels {MAZE} frames=512 routing.drop_start=256",
    "ppo-maze-routed-shuffled": f"maze/routed-shuffled {MAZE} frames=1024",
    "ppo-maze-unmasked": f"maze/unmasked-dropping {MAZE} frames=1024 routing.drop_start=512",
    "ppo-maze-filtered": f"maze/filtered {MAZE} frames=1024",
    "ppo-oversight": f"oversight/ppo {CPU} {PPO} frames=1024",
    "ppo-gridworld": f"gridworld/ppo {CPU} {PPO} frames=1024",
    "ppo-safelife": (
        f"gridworld/ppo {CPU} {PPO} frames=1024 env.name=safelife env.levels={_TRACES} "
        "env.time_limit=20 env.movement_bonus=0.1 env.exit_bonus=0.5"
    ),
    "ppo-safelife-cnn": (
        f"safelife/quick {CPU} frames=640 env.levels={_TRACES} env.time_limit=20 model.hidden=16"
    ),
    "ppo-safelife-experts": (
        f"safelife/impact-routed {CPU} frames=1280 env.num_envs=8 env.time_limit=20 "
        "algo.num_steps=32 algo.num_minibatches=2 algo.update_epochs=2 model.channels=[2,3,3] "
        "model.hidden=8"
    ),
    "deep-aup-safelife": (
        f"safelife/aup {CPU} frames=1600 env.time_limit=10 model.channels=[2,3,3] model.hidden=8 "
        "algo.aux.frames=320 algo.aux.epochs=1 algo.aux.steps=320 algo.aux.replay=640 "
        "algo.aux.updates=2 algo.aux.batch_size=8"
    ),
    "aup-gridworld": f"gridworld/aup-ppo {CPU} {PPO} {AUP} frames=1536",
    "reinforce-routed": f"oversight/routed {CPU} env.num_envs=16 frames=2048 env.oversight=0.5",
    "reinforce-naive": f"oversight/naive {CPU} env.num_envs=16 frames=2048",
    "reinforce-filtered": f"oversight/filtered {CPU} env.num_envs=16 frames=2048",
    "reinforce-faithful": f"oversight/paper {CPU} env.num_envs=16 frames=2048",
    "autoencoder": f"digits/halves {DIGITS} frames=3591",
    "language": f"language/stories {STORIES}",
    "language-routed": f"language/stories-routed {STORIES} routing.l1=1e-4",
    "language-sgtm": f"language/stories-sgtm {STORIES}",
    "language-gram": f"language/stories-gram {STORIES}",
    "autoencoder-shuffled": f"digits/shuffled {DIGITS} frames=2394",
    "autoencoder-unrouted": f"digits/unrouted {DIGITS} frames=2394",
}
"""Short runs, by name."""

RESUMED = {
    "ppo": ("maze/smoke/run", f"maze/smoke {MAZE} frames=512", 1024),
    "ppo-routed": ("maze/routed-quick/run", f"maze/routed-quick {MAZE} frames=512", 1024),
    "aup": ("gridworld/aup-ppo/run", f"gridworld/aup-ppo {CPU} {PPO} {AUP} frames=1024", 2048),
    "reinforce": (
        "oversight/routed/run",
        f"oversight/routed {CPU} env.num_envs=16 frames=1024",
        2048,
    ),
    "autoencoder": ("digits/halves/run", f"digits/halves {DIGITS} frames=2394", 4788),
    "language": ("language/stories-gram/run", f"language/stories-gram {STORIES}", 120),
}
"""For each algorithm, the run's folder in runs/, the options of its beginning, and the frame up to
which it is then resumed."""

EVALUATIONS = {
    "maze": "agents/maze-quick/seed-0 eval.levels=12",
    "maze-easy": "agents/maze-easy/seed-0 eval.levels=4",
    "maze-pixels": "agents/maze-pixels-small/seed-0 eval.levels=8",
    "maze-plain": "agents/maze-plain/seed-10 eval.levels=12 eval.split=validation",
    "maze-routed": "agents/maze-routed-dropping/seed-10 eval.levels=12 ablate=corner",
}
"""Five shipped agents."""

_OVERSIGHT = f"oversight/routed {CPU} {KEPT} env.num_envs=16 env.oversight=0.5 frames=1536"
_OWN_EVALUATIONS = {
    "oversight": (f"train {_OVERSIGHT}", "eval runs/oversight/routed/run eval.levels=64 out=out"),
    "autoencoder": (f"train {TRAININGS['autoencoder']}", "eval runs/digits/halves/run out=out"),
    "compare": (
        f"train maze/smoke {MAZE} frames=512",
        f"train maze/routed-quick {MAZE} frames=512",
        "compare runs/maze/smoke/run runs/maze/routed-quick/run out=out",
    ),
}
"""Evaluations in worlds without a shipped agent, and a comparison of runs."""

_QUICK = "checkpoint=agents/maze-quick/seed-0"
_PIXELS = "checkpoint=agents/maze-pixels-small/seed-0"
_ONE_LAYER = "module=embedder.block1.conv"
_SMOKE = f"train maze/smoke {MAZE} {KEPT} frames=768 env.levels.max_size=9"
_SMOKE_RUN = "checkpoint=runs/maze/smoke/run"
_LIFE = f"safelife/quick {CPU} frames=640 env.num_levels=2 env.time_limit=20 model.hidden=16"
_SMALL_GRID = "frames=1536 env.num_envs=4 model.hidden=16 trainer.progress=false"
_SMALL_BOARDS = (
    "frames=1024 env.num_envs=16 trainer.checkpoint_every=1 trainer.progress=false "
    "trainer.accelerator=cpu"
)

STUDIES: dict[str, tuple[str, ...]] = {
    "vector-field": (f"{_QUICK} levels=2",),
    "channels": (f"{_QUICK} {_ONE_LAYER} hits=0 top=1 levels=2 cells=4 controls=1",),
    "retarget": (f"{_QUICK} {_ONE_LAYER} hits=0 top=1 levels=2",),
    "behaviour": (f"{_QUICK} levels=100",),
    "region-sweep": (
        "checkpoint=agents/maze-pixels-small/seed-0,agents/maze-pixels-anywhere/seed-0 levels=12",
    ),
    "steering-vector": (f"{_QUICK} {_ONE_LAYER} levels=4 coeffs=1",),
    "cheese-vector": (f"{_PIXELS} {_ONE_LAYER} layers=none coeffs=-1,1 levels=4",),
    "probes": (f"{_QUICK} levels=24 validation=20 test=20 layers=input,embedder.fc,fc_policy",),
    "integrated-gradients": (f"{_QUICK} {_ONE_LAYER} levels=4 steps=16 top=1",),
    "over-training": (_SMOKE, f"{_SMOKE_RUN} levels=12 points=2"),
    "report": (_SMOKE, f"{_SMOKE_RUN} only=vector-field"),
    "ablation": ("checkpoint=agents/maze-routed-quick/seed-0 levels=12 controls=1",),
    "selective-ablation": (
        "checkpoint=agents/maze-unrouted/seed-10 module=embedder levels=12 controls=1",
    ),
    "power-map": ("world=options draws=50",),
    "power-orbits": ("gammas=0.1,0.9 draws=1",),
    "delayed-specification": ("worlds=damage draws=10 seeds=2 auxiliary=3",),
    "aup-ablation": ("worlds=damage seeds=1 rr_seeds=1 preset=exact",),
    "aup-sweep": ("over=gamma worlds=damage trials=1",),
    "aup-phase": ("worlds=damage draws=1 lambdas=0.5,2",),
    "engine-parity": ("seeds=0:64 games=2 steps=20",),
    "safelife-levels": ("levels=4 episodes=4",),
    "safelife-replay": (f"traces={_TRACES}",),
    "side-effects": (f"train {_LIFE}", "checkpoint=runs/safelife/quick/run levels=4"),
    "safelife-compare": (
        f"train {_LIFE}",
        f"train {_LIFE.replace('quick', 'naive')} env.level_seed=1",
        "checkpoint=runs/safelife/quick/run,runs/safelife/naive/run levels=4",
    ),
    "safelife-videos": (f"train {_LIFE}", "checkpoint=runs/safelife/quick/run levels=1 steps=20"),
    "aup-learned": (f"worlds=vase seeds=0 experiments=aup-ppo settings='{_SMALL_GRID} {AUP}'",),
    "lm-routing": (
        f"seeds=0 arms=control,gram stories=10 attack_steps=4 settings='{_SHORT} {_SLIM} "
        "trainer.progress=false trainer.accelerator=cpu'",
    ),
    "lm-scalar": (
        f"seeds=0 nearest_words=3 strengths=0.5 prompts=4 settings='{_SHORT} algo.batch_size=10 "
        "trainer.progress=false trainer.accelerator=cpu'",
    ),
    "steering-benchmark": (
        f"train language/stories {STORIES}",
        "checkpoint=runs/language/stories/run concepts=sea prompts=3 pairs=4 layers=0 steps=1 "
        "continuations=1 carries=-1000",
    ),
    "steering-reliability": (
        f"train language/stories {STORIES}",
        "checkpoint=runs/language/stories/run pairs=1,4 agreements=0.8 noises=0.2 draws=1 "
        "prompts=3 many=8 carries=-1000",
    ),
    "lm-depth": (
        f"train language/stories {STORIES}",
        "checkpoint=runs/language/stories/run count=2 length=16",
    ),
    "routing-impact": (f"seeds=0 experiments=routed settings='{_SMALL_GRID}'",),
    "layer-horizon": ("model=agents/maze-quick/seed-0 count=8",),
    "residual-norms": ("model=agents/maze-quick/seed-0 count=8",),
    "leaks": (f"experiment=maze/routed-quick steps=2 settings='{PPO} {LEVELS} model.hidden=16'",),
    "localization": (
        f"train {_OVERSIGHT}",
        "checkpoint=runs/oversight/routed/run frames=512 batch=128 points=2 controls=1 levels=32",
    ),
    "relearning": (
        f"train {_OVERSIGHT}",
        "checkpoint=runs/oversight/routed/run region=diamond frames=512 points=1 levels=32",
    ),
    "oversight": (
        f"seeds=0 experiments=routed,naive boards=16 final_boards=32 settings='{_SMALL_BOARDS}'",
    ),
}
"""Commands of each registered study: the options that are typed after its name, and before them
whole commands that begin with `train`."""


def _study(name: str, commands: tuple[str, ...]) -> Case:
    *before, options = commands
    return Case(f"study/{name}", (*before, f"study {name} {options} out=out"))


def cases(*patterns: str) -> list[Case]:
    """Return the cases whose name matches a pattern such as `study/*`, in the order of running.

    Without a pattern, return all cases.
    """
    found = [Case(f"train/{name}", (f"train {line}",)) for name, line in TRAININGS.items()]
    found += [
        Case(f"resume/{name}", (f"train {line}", f"resume runs/{run} frames={frames}"))
        for name, (run, line, frames) in RESUMED.items()
    ]
    found += [Case(f"eval/{name}", (f"eval {line} out=out",)) for name, line in EVALUATIONS.items()]
    found += [Case(f"eval/{name}", commands) for name, commands in _OWN_EVALUATIONS.items()]
    found += [_study(name, commands) for name, commands in STUDIES.items()]
    if not patterns:
        return found
    return [case for case in found if any(fnmatch(case.name, one) for one in patterns)]
