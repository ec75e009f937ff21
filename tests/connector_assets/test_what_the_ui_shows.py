"""What a person finds in the UI: each day with its own figures, held postings with what to do, runs that can be filtered."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import dagster as dg

from connector_assets.factory import connection_definitions
from connector_assets.metadata import RELEASE_PAGE, held_table, summary
from connector_assets.names import CONNECTION_TAG, LEDGER_TAG
from connector_resources.store.ledger_reading import LedgerCount
from tests.evenings import DAY

DAY_BEFORE = DAY - timedelta(days=1)


def of_days(house: Any, run: Any, name: str) -> dict[str, dict[str, Any]]:
    """Metadata by activity day, of one asset of a run."""
    found = {}
    for entry in house.events(run):
        if entry.dagster_event.is_step_materialization:
            made = entry.dagster_event.step_materialization_data.materialization
            if "/".join(made.asset_key.path[1:]) == name:
                found[made.partition] = {key: value.value for key, value in made.metadata.items()}
    return found


def test_each_day_of_a_range_shows_and_plots_its_own_figures(house: Any) -> None:
    outcome = house.run(DAY_BEFORE, DAY)

    receipts = of_days(house, outcome, "erp/documents")
    first, second = receipts[DAY_BEFORE.isoformat()], receipts[DAY.isoformat()]
    assert (first["summary"], second["summary"]) == (
        "4 in Visma.net ERP (493.90 EUR)",
        "4 in Visma.net ERP (200.10 EUR)",
    )
    assert (first["amount settled, whole EUR"], second["amount settled, whole EUR"]) == (493, 200)
    assert (first["postings settled"], second["postings settled"]) == (4, 4)
    assert first["requests sent"] == second["requests sent"] > 0
    assert next(iter(first)) == "summary"
    assert first["postings"] != second["postings"]
    journals = of_days(house, outcome, "erp/payout_journals")
    assert "payout posted" not in journals[DAY_BEFORE.isoformat()]
    assert journals[DAY.isoformat()]["payout posted"] == 1


def test_a_held_posting_stands_in_the_table_with_what_to_do_and_where_to_release_it(house: Any) -> None:
    company = house.installation.erp.company
    with company.lock:
        company.customers.pop("10002")

    shown = of_days(house, house.run(DAY), "erp/documents")[DAY.isoformat()]

    assert shown["postings held"] == 2
    assert "2 held until a person acts (100.04 EUR)" in shown["summary"]
    assert "| held posting | why | next step |" in shown["held"]
    assert "(customer_unmapped)" in shown["held"]
    assert shown["held"].endswith(f"[Release them]({RELEASE_PAGE}).")


def test_a_reason_cannot_break_the_table(house: Any) -> None:
    house.installation.run(DAY)
    rows = house.installation.runtime.store.ledger.of_day("nordic", DAY, DAY)
    row = dataclasses.replace(next(iter(rows)), held_reason="a | b\nc", held_next_step="d")
    line = held_table([row], house.installation.connection).splitlines()[2]
    assert "a \\| b c" in line
    assert line.replace("\\|", "").count("|") == 4


def test_the_sentence_tells_apart_what_is_settled_held_waiting_and_withdrawn() -> None:
    counts = [
        LedgerCount("receipt", "posted", 2, 1050, "EUR"),
        LedgerCount("receipt", "posted", 1, 300, "GBP"),
        LedgerCount("payout", "delivered", 1, 950, "EUR"),
        LedgerCount("receipt", "held", 1, 100, "EUR"),
        LedgerCount("refund", "claimed", 3, 700, "EUR"),
        LedgerCount("customer", "withdrawn", 1, 0, ""),
    ]
    assert summary(counts, "DATEV") == (
        "4 in DATEV (20.00 EUR, 3.00 GBP); 1 held until a person acts (1.00 EUR); 3 on their way (7.00 EUR); 1 withdrawn"
    )
    assert summary([], "DATEV") == "Nothing to post on these days."


def test_a_run_from_an_assets_page_can_be_filtered_by_connection_and_ledger(house: Any) -> None:
    definitions = connection_definitions(house.installation.connection).as_definitions()
    events = dg.AssetKey(["nordic", "gocardless", "events"])
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(partition_key=DAY.isoformat(), asset_selection=[events], instance=house.instance)

    run = house.instance.get_run_by_id(result.run_id)
    assert (run.tags[CONNECTION_TAG], run.tags[LEDGER_TAG]) == ("nordic", "visma")
