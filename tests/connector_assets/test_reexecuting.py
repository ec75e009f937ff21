"""Replay of a failed partition from the UI: Dagster's re-execution does what `connector replay` does, and books nothing twice."""

from __future__ import annotations

from typing import Any

import dagster as dg

from sandbox.faults import Fault
from tests.day_jobs import nordic_day
from tests.evenings import DAY

POSTED = {"customer posted": 4, "payout posted": 1, "receipt posted": 8}
#: eight receipts with a ledger batch each, and the payout's journal.
DOCUMENTS = 8 + 8 + 1
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def test_a_failed_day_is_re_executed_from_its_failure_and_posts_each_document_once(kept_house: Any) -> None:
    """A credential was missing; then, in the run that the button "Re-execute from failure" starts, an answer is lost.

    One test alone: Dagster keeps the first job that it loads by that name for as long as the process lives.
    """
    house, vault, job = kept_house, kept_house.installation.runtime.store.vault, dg.reconstructable(nordic_day)
    token = vault.read("nordic", "gocardless_access_token")
    vault.remove("nordic", "gocardless_access_token")
    tags = {"dagster/partition": DAY.isoformat()}
    with dg.execute_job(job, instance=house.instance, tags=tags, run_config=QUIET) as failed:
        assert not failed.success
        assert house.installation.states() == {}
    vault.write("nordic", "gocardless_access_token", token)
    house.installation.erp.faults.add(Fault("drop_after", method="POST", path=r"/customerPayment$"))
    options = dg.ReexecutionOptions.from_failure(failed.run_id, house.instance)

    # The UI copies the tags of the run, with its partition, into the new one.
    with dg.execute_job(
        job, instance=house.instance, tags=tags, run_config=QUIET, reexecution_options=options
    ) as mended:
        assert mended.success, [e.step_failure_data.error for e in mended.all_events if e.is_step_failure]

    assert (house.installation.states(), house.documents()) == (POSTED, DOCUMENTS)
    (again,) = [run for run in house.instance.get_runs() if run.parent_run_id]
    assert (again.parent_run_id, again.tags["dagster/partition"]) == (failed.run_id, DAY.isoformat())
    assert house.installation.runtime.store.trail.verify("nordic").ok
