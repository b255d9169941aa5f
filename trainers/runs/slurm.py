"""Train the runs of a grid in jobs of SLURM, which submitit submits and queues again.

The folder `slurm/` in the grid's folder holds the jobs' scripts and logs, `jobs.json` with the runs
of each job, and for each job a file with the runs that have ended in it.
"""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chisel import configs, models
from chisel.configs import ConfigError, SlurmConfig, Stopped
from chisel.trainers.runs import rundir
from chisel.trainers.runs.members import Member, Outcome, outcome_of
from chisel.trainers.runs.slurm_job import Share, codes_of, queue

FOLDER = "slurm"
"""Folder of a grid's jobs, in the grid's folder."""
JOBS_FILE = "jobs.json"
POLL_SECONDS = 5.0
"""Seconds between questions to SLURM, and reads of the jobs' files."""
GONE_AFTER = 2
"""Number of answers of SLURM without a job after which it is gone; its file may appear later."""
_AT_WORK = ("RUNNING", "COMPLETING")
"""States of a job whose runs have started."""

Jobs = Mapping[str, Collection[str]]
"""Names of the runs of each job, by its number, such as `12_0` and `seed-3`."""


class SlurmLauncher:
    """Trains runs in jobs of SLURM, and watches them.

    The jobs go on when the watching process ends.

    Args:
        options: Options of each job.

    Raises:
        ConfigError: If submitit is not installed, or jobs can't be submitted from here.
    """

    def __init__(self, options: SlurmConfig) -> None:
        _submitit()
        if shutil.which("sbatch") is None or shutil.which("srun") is None:
            raise ConfigError(
                "launcher=slurm: sbatch and srun are not on the PATH; type the command on a "
                "machine that submits jobs to SLURM"
            )
        self.options = options

    def __call__(self, members: Sequence[Member]) -> Iterator[tuple[Member, Outcome | None]]:
        """Submit runs that are not queued yet, then watch all; see `Launcher`.

        Raises:
            ConfigError: If SLURM refuses a job; then none is submitted.
            KeyboardInterrupt: On Ctrl-C; the message says how to see the jobs again, and how to end
                them.
        """
        if not members:
            return
        folder = members[0].folder.parents[members[0].name.count("/")]
        names = {one.name for one in members}
        queued = {job: names.intersection(runs) for job, runs in queued_in(folder).items()}
        new = [one for one in members if one.name not in set().union(*queued.values())]
        jobs = {**queued, **(self._submit(folder / FOLDER, new) if new else {})}
        try:
            again = f"{_watch_command(folder)}{_typed(self.options)}"
            yield from _watched(folder / FOLDER, jobs, members, again)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"the jobs go on; see them again with `{_watch_command(folder)}`, end them with "
                f"`scancel {_ids(jobs)}`"
            ) from None

    def _submit(self, folder: Path, members: Sequence[Member]) -> Jobs:
        size = self.options.runs_per_job
        for one in members:
            if one.config.trainer.accelerator == "gpu" and self.options.gpus is None:
                raise ConfigError("trainer.accelerator = gpu: add slurm.gpus=1, or jobs get no GPU")
        parts = [members[first : first + size] for first in range(0, len(members), size)]
        shares = [Share(folder, tuple(part), self.options) for part in parts]
        found = set(folder.iterdir()) if folder.is_dir() else set()
        submitit = _submitit()
        try:
            executor = submitit.SlurmExecutor(folder, self.options.max_num_timeout)
            executor.update_parameters(**_parameters(self.options, folder.parent.name))
            with _as_from_a_shell(submitit):
                submitted = executor.submit_array(shares)
        except submitit.core.utils.UncompletedJobError as error:
            for path in set(folder.iterdir()) - found:
                path.unlink()
            if not found:
                folder.rmdir()
            raise ConfigError(f"SLURM refuses the jobs: {_reason(error)}") from error
        pairs = zip(submitted, parts, strict=True)
        jobs = {str(job.job_id): [one.name for one in part] for job, part in pairs}
        every = json.dumps({**_read_jobs(folder), **jobs}, indent=1)
        models.write_file(folder / JOBS_FILE, every.encode())
        print(
            f"submitted {_counted(members, 'run')} in {_counted(jobs, 'job')}, {_ids(jobs)}; after "
            f"Ctrl-C they go on, and `{_watch_command(folder.parent)}` shows them again",
            file=sys.stderr,
        )
        return jobs


def queued_in(folder: Path) -> dict[str, list[str]]:
    """Return the jobs of a grid that SLURM still has, with their runs that have not ended.

    Args:
        folder: The grid's folder.

    Raises:
        ConfigError: If SLURM does not answer.
    """
    home = folder / FOLDER
    open_jobs = {}
    for job, names in _read_jobs(home).items():
        ended = codes_of(home, job)
        open_jobs[job] = [name for name in names if name not in ended]
    open_jobs = {job: names for job, names in open_jobs.items() if names}
    if open_jobs and shutil.which("squeue") is None:
        print(
            f"note: no squeue here to ask whether {_ids(open_jobs)} still train in {folder}",
            file=sys.stderr,
        )
        return {}
    states = queue() if open_jobs else {}
    return {job: names for job, names in open_jobs.items() if job in states}


def refuse_queued(folder: Path) -> None:
    """Refuse to train a grid while jobs of SLURM have runs of it.

    Raises:
        ConfigError: If there are such runs; the message says how to see them.
    """
    queued = queued_in(folder)
    if queued:
        raise ConfigError(
            f"{sum(map(len, queued.values()))} runs of {folder} are in SLURM's jobs "
            f"{_ids(queued)}: see them with `{_watch_command(folder)}`, or end them with "
            f"`scancel {_ids(queued)}` first"
        )


def _watched(
    home: Path, jobs: Jobs, members: Sequence[Member], again: str
) -> Iterator[tuple[Member, Outcome | None]]:
    """Yield the starts and ends of runs, as SLURM and the jobs' files show them.

    Args:
        home: Folder of the jobs.
        jobs: The jobs to watch, with their runs.
        members: The runs.
        again: Command, for messages, that goes on with runs whose job is gone.
    """
    left = {name: job for job, names in jobs.items() for name in names}
    by_name = {one.name: one for one in members}
    started, missing = set[str](), Counter[str]()
    while left:
        states = _answer(jobs)
        missing.update(job for job in set(left.values()) if job not in states)
        for name, job in list(left.items()):
            member, code = by_name[name], codes_of(home, job).get(name)
            if name not in started and (code is not None or states.get(job) in _AT_WORK):
                started.add(name)
                yield member, None
            if code is None and missing[job] < GONE_AFTER:
                continue
            del left[name]
            if code is not None:
                yield member, outcome_of(member, code)
                continue
            log = next(home.glob(f"{job}_*_log.out"), None)
            said = f"; the job's output is in {log}" if log else ""
            message = f"SLURM ended job {job}{said}; go on with `{again}`"
            yield member, Outcome(Stopped.exit_code, message, member.log)
        if left:
            time.sleep(POLL_SECONDS)


def _answer(jobs: Jobs) -> dict[str, str]:
    """Return the jobs' states; if SLURM doesn't answer, an empty state for each."""
    try:
        return queue()
    except ConfigError:
        return dict.fromkeys(jobs, "")


def _read_jobs(home: Path) -> dict[str, list[str]]:
    path = home / JOBS_FILE
    jobs: dict[str, list[str]] = json.loads(path.read_text()) if path.is_file() else {}
    return jobs


def _parameters(options: SlurmConfig, name: str) -> dict[str, Any]:
    """Return the options by submitit's names."""
    cpus = options.cpus or options.runs_per_job
    asked = {
        "partition": options.partition,
        "account": options.account,
        "qos": options.qos,
        "constraint": options.constraint,
        "gpus_per_node": options.gpus,
        "mem": options.mem,
    }
    return {
        "job_name": name,
        "time": options.time,
        "cpus_per_task": cpus,
        "srun_args": [f"--cpus-per-task={cpus}"],  # srun does not inherit it from sbatch
        "signal_delay_s": options.signal_delay_s,
        "stderr_to_stdout": True,
        "additional_parameters": {"requeue": True},
        **{key: value for key, value in asked.items() if value is not None},
    }


@contextmanager
def _as_from_a_shell(submitit: Any) -> Iterator[None]:
    """Hide the variables of a job that this command runs in, from which sbatch would take options.

    What submitit prints is hidden too, because its error says the same.
    """
    inside = "SLURM_JOB_ID" in os.environ
    conf = {key: value for key, value in os.environ.items() if key == "SLURM_CONF"}
    with (
        redirect_stderr(io.StringIO()),
        submitit.helpers.clean_env() if inside else nullcontext(),
    ):
        os.environ.update(conf)
        yield


def _submitit() -> Any:
    try:
        import submitit
    except ImportError as error:
        how = configs.how_to_install("slurm")
        raise ConfigError(f"launcher=slurm needs the package submitit: {how}") from error
    return submitit


def _reason(error: BaseException) -> str:
    """Return the last line of an error, without the program's name before it."""
    text = str(getattr(error, "stderr", None) or error).strip()
    return text.splitlines()[-1].removeprefix("sbatch: error: ") if text else type(error).__name__


def _counted(things: Collection[object], word: str) -> str:
    return f"{len(things)} {word}{'s' * (len(things) != 1)}"


def _typed(options: SlurmConfig) -> str:
    """Return the options that are not defaults as text for the command line."""
    found, usual = asdict(options), asdict(SlurmConfig())
    given = [f"slurm.{key}={value}" for key, value in found.items() if value != usual[key]]
    return "".join(f" {shlex.quote(one)}" for one in given)


def _ids(jobs: Jobs) -> str:
    """Return the numbers of jobs for scancel, with one number for all jobs of an array."""
    return " ".join(dict.fromkeys(job.partition("_")[0] for job in jobs))


def _watch_command(folder: Path) -> str:
    return f"{rundir.resume_command(folder / FOLDER)} launcher=slurm"
