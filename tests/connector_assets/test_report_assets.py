"""Reports as Dagster materialises them: each morning with the day, a whole month in its partition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connector_assets import report_assets as module
from connector_assets.factory import connection_definitions
from connector_resources.reports.catalogue import REPORTS
from tests.evenings import DAY

MONTHLY = {name for name, kind in REPORTS.items() if kind.monthly}


def _month(house: Any, partition: str) -> dict[str, Any]:
    """The metadata of `reports/month_end` after a run of the month's job."""
    made = connection_definitions(house.installation.connection).as_definitions()
    ran = made.resolve_job_def("nordic_month").execute_in_process(instance=house.instance, partition_key=partition)
    (event,) = ran.get_asset_materialization_events()
    return {key: value.value for key, value in event.materialization.metadata.items()}


def test_the_day_leaves_the_morning_reports_with_their_headlines(house: Any) -> None:
    outcome = house.run(DAY)
    shown = house.materialised(outcome)["reports/morning"]

    for name in ("work-list", "clearing"):
        assert Path(shown[name]).name.startswith(f"{name}-nordic")
        assert Path(shown[f"{name} workbook"]).exists()
    assert shown["work-list: held postings"] == 0
    balance = next(value for key, value in shown.items() if key.startswith("clearing: balance in the books"))
    assert balance == "200.10 EUR"


def test_a_month_is_a_partition_with_every_monthly_report(house: Any) -> None:
    house.run(DAY)
    shown = _month(house, "2026-06-01")

    assert set(shown) >= MONTHLY
    for name in MONTHLY:
        assert Path(shown[name]).name == f"{name}-nordic-2026-06.html"
    assert shown["reconciliation: payouts proven to the penny"] == "1 / 1"
    month_end = dg.AssetKey(["nordic", "reports", "month_end"])
    assert house.instance.get_materialized_partitions(month_end) == {"2026-06-01"}


def test_a_large_store_leaves_the_reports_to_the_night(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAYMENTS_AT_ONCE", 3)
    whole = house.materialised(house.run(DAY))
    assert Path(whole["reports/reconciliation"]["report"]).exists()

    quick = house.materialised(house.run(DAY, new_only=True))
    for name in ("morning", "reconciliation"):
        assert "nightly sweep" in quick[f"reports/{name}"]["report"]
