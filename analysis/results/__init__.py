"""What every study shares: estimates, tables, figures, folders, provenance, progress."""

from chisel.analysis.results.comparison import Comparison, compare
from chisel.analysis.results.disk import write_file
from chisel.analysis.results.estimates import (
    Estimate,
    band,
    bootstrap_mean,
    mean_over_seeds,
    median,
    proportion,
    t_quantile,
)
from chisel.analysis.results.figures import save_figure
from chisel.analysis.results.films import frames_of, write_gif
from chisel.analysis.results.folders import home_of
from chisel.analysis.results.frame import Frame
from chisel.analysis.results.layouts import Layouts, change_over_layouts, mean_over_layouts, redrawn
from chisel.analysis.results.output import (
    TABLES,
    as_typed,
    check_writable,
    keep_tables,
    make_folder,
    plain_table,
    provenance,
    results_folder,
    show,
    study_command,
    study_folder,
    typed_source,
    write_json,
)
from chisel.analysis.results.progress import ProgressCallback, labelled, progress_bars
from chisel.analysis.results.request import Request
from chisel.analysis.results.settings import (
    Settings,
    as_list,
    maze_run,
    names_of,
    naming,
    numbers,
    require_spaces,
    runs_of,
    take_agent,
)
from chisel.analysis.results.tables import new_table
from chisel.analysis.results.tree import Tree, branch, leaves, over_seeds, to_plain

__all__ = [
    "TABLES",
    "Comparison",
    "Estimate",
    "Frame",
    "Layouts",
    "ProgressCallback",
    "Request",
    "Settings",
    "Tree",
    "as_list",
    "as_typed",
    "band",
    "bootstrap_mean",
    "branch",
    "change_over_layouts",
    "check_writable",
    "compare",
    "frames_of",
    "home_of",
    "keep_tables",
    "labelled",
    "leaves",
    "make_folder",
    "maze_run",
    "mean_over_layouts",
    "mean_over_seeds",
    "median",
    "names_of",
    "naming",
    "new_table",
    "numbers",
    "over_seeds",
    "plain_table",
    "progress_bars",
    "proportion",
    "provenance",
    "redrawn",
    "require_spaces",
    "results_folder",
    "runs_of",
    "save_figure",
    "show",
    "study_command",
    "study_folder",
    "t_quantile",
    "take_agent",
    "to_plain",
    "typed_source",
    "write_file",
    "write_gif",
    "write_json",
]
