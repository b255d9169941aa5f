"""Pages of results: the numbers in their tables, the results behind them, and what is missing."""

from chisel.analysis.ledger.report import (
    Difference,
    check_page,
    differences,
    measured_rows,
    plan_table,
    write_beside,
    write_page,
)
from chisel.analysis.ledger.rows import read_rows
from chisel.analysis.ledger.states import (
    AGENTS,
    STAMP,
    agents_of,
    chosen,
    digests,
    folder_of,
    is_recorded,
    plain_entry,
    run_of,
    runs_folder,
    state_of,
    weights_of,
)

__all__ = [
    "AGENTS",
    "STAMP",
    "Difference",
    "agents_of",
    "check_page",
    "chosen",
    "differences",
    "digests",
    "folder_of",
    "is_recorded",
    "measured_rows",
    "plain_entry",
    "plan_table",
    "read_rows",
    "run_of",
    "runs_folder",
    "state_of",
    "weights_of",
    "write_beside",
    "write_page",
]
