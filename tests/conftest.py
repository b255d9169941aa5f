"""What every test may rely on: no network, no display, repeatable property tests."""

import os

from hypothesis import settings

# Before torch, matplotlib or W&B are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["MPLBACKEND"] = "Agg"
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"

# Examples are the same on every run and machine, however slow it is.
settings.register_profile("chisel", deadline=None, derandomize=True, database=None)
settings.load_profile("chisel")
