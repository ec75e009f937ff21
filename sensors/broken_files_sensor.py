"""Makes a broken connection file visible where runs are looked at: one failed run for each state of the file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import dagster as dg

#: once a run was asked for, its key is known and no further one starts; so this is only how soon the first one does.
INTERVAL_S = 60


def broken_files_sensor(
    problems: Mapping[str, Sequence[str]], jobs: Sequence[dg.UnresolvedAssetJobDefinition | dg.JobDefinition]
) -> dg.SensorDefinition:
    """`problems` by connection; `jobs` are those that look at its file again and fail."""
    job_names = {name: f"{name}_connection_file" for name in problems}

    @dg.sensor(
        name="broken_connection_files",
        jobs=list(jobs),
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts one run that fails, with what is wrong, for each connection file that cannot be used.",
    )
    def broken_connection_files() -> dg.SensorResult:
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(run_key=_key(name, found), job_name=job_names[name]) for name, found in problems.items()
            ]
        )

    return broken_connection_files


def _key(name: str, problems: Sequence[str]) -> str:
    return f"{name}-{hashlib.sha256(chr(10).join(problems).encode()).hexdigest()[:16]}"
