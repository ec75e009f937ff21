"""Names that assets, jobs, sensors and tests share: keys, groups, tags."""

from __future__ import annotations

import dagster as dg

#: on every run of a connection; the UI filters by it and the run queue limits by it.
CONNECTION_TAG = "connector/connection"
LEDGER_TAG = "connector/ledger"
#: the code location's name, as `workspace.yaml` and `pyproject.toml` give it: the UI's addresses hold it.
LOCATION = "ml-connector"
#: jobs in which a person decides about held postings, whichever connection they are of.
RELEASE_JOB = "release_held"
WITHDRAW_JOB = "withdraw_held"


def day_job_name(connection: str) -> str:
    """The job that takes a connection's activity days from events to ERP documents and reports."""
    return f"{connection}_day"


def erp_job_name(connection: str) -> str:
    """The job that reads the ERP's customers again and posts what waited for them."""
    return f"{connection}_erp"


def month_job_name(connection: str) -> str:
    """The job that writes the reports of a month."""
    return f"{connection}_month"


def key(connection: str, room: str, name: str) -> dg.AssetKey:
    """`<connection>/<room>/<name>`: rooms are gocardless, postings, erp, reports."""
    return dg.AssetKey([connection, room, name])
