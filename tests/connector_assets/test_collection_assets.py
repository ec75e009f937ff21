"""Open invoices and collections as assets: there where they are asked for, after the documents, with what they did."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connector.day_run import run_days
from connector_assets.factory import connection_definitions
from connector_assets.names import day_job_name, erp_job_name, key
from connector_resources.erp.registry import ERPS
from tests.evenings import DAY, MORNING, evening_company, evening_world
from tests.installations import visma_installation
from tests.merchant import Merchant

INVOICES = key("nordic", "erp", "open_invoices")
COLLECTIONS = key("nordic", "gocardless", "collections")
REPORT = key("nordic", "reports", "reconciliation")


@pytest.fixture
def merchant(monkeypatch: pytest.MonkeyPatch) -> Merchant:
    """With a ledger that is said to collect."""
    visma = ERPS["visma"]
    collecting = dataclasses.replace(visma, traits=dataclasses.replace(visma.traits, collects=True))
    monkeypatch.setitem(ERPS, "visma", collecting)  # type: ignore[arg-type]
    return Merchant(evening_world(MORNING))


def metadata_of(asset: dg.AssetKey, run_id: str, instance: dg.DagsterInstance) -> dict[str, Any]:
    for entry in instance.all_logs(run_id):
        if entry.is_dagster_event and entry.dagster_event.is_step_materialization:
            made = entry.dagster_event.step_materialization_data.materialization
            if made.asset_key == asset:
                return {name: value.value for name, value in made.metadata.items()}
    raise AssertionError(f"{asset} was not materialised")


def test_the_assets_are_there_only_where_they_are_asked_for(tmp_path: Path, merchant: Merchant) -> None:
    company = evening_company(1, merchant.world.clock)
    for home, section in (("on", {"enabled": True}), ("off", {})):
        with visma_installation(tmp_path / home, merchant.world, company, collections=section) as at:
            definitions = connection_definitions(at.connection).as_definitions()
            graph = definitions.resolve_asset_graph()
            assert ({INVOICES, COLLECTIONS} <= graph.get_all_asset_keys()) is (home == "on")
            for job in (day_job_name("nordic"), erp_job_name("nordic")):
                selected = definitions.resolve_job_def(job).asset_layer.selected_asset_keys
                assert ({INVOICES, COLLECTIONS} <= selected) is (home == "on")
            assert (COLLECTIONS in graph.get(REPORT).parent_keys) is (home == "on")
            if home == "on":
                assert graph.get(INVOICES).parent_keys == {key("nordic", "erp", "documents")}
                assert INVOICES in graph.get(COLLECTIONS).parent_keys


def test_a_day_run_collects_and_shows_what_it_did_and_why_it_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merchant: Merchant
) -> None:
    merchant.mandate(1)
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path))
    company = evening_company(2, merchant.world.clock)
    for number, customer in (("900001", "10001"), ("900002", "10002")):
        company.add_invoice(number, customer, 12_500, dated=DAY - timedelta(days=14), due=DAY)
    section = {"enabled": True, "mandate_setup": {"mode": "link"}}
    with (
        visma_installation(tmp_path, merchant.world, company, collections=section) as at,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        run = run_days(at.connection, DAY, DAY, instance=instance)
        assert run.success, run.failure

        read, made = (metadata_of(asset, run.run_id, instance) for asset in (INVOICES, COLLECTIONS))
        assert (read["open items"], read["open EUR"]) == (2, "250.00 EUR")
        assert (made["ordered"], made["ordered EUR"], made["not collected"]) == (1, "125.00 EUR", 1)
        (payment,) = merchant.world.payments.ordered
        assert (
            f"| 900001#1 | 10001 | 900001 (125.00 EUR) | 125.00 EUR | in_flight | [{payment.id}]("
            in made["collections"]
        )
        assert (
            "| 900002 | 10002 | 125.00 EUR | 2026-06-03 | Customer 10002 is no GoCardless customer. |"
            in (made["why not collected"])
        )
        assert "| 10002 | EUR | waiting | http" in made["mandate set-ups"]
        (report,) = at.runtime.settings.reports_dir.glob("reconciliation-*.html")
        assert "Open invoices that are not collected" in report.read_text(encoding="utf-8")

        again = run_days(at.connection, DAY, DAY, instance=instance)
        assert metadata_of(COLLECTIONS, again.run_id, instance)["ordered"] == 0
        assert merchant.world.payments.ordered == [payment]

        company.add_invoice("900009", "10001", 5_000, dated=DAY - timedelta(days=14), due=DAY)
        for_an_event = run_days(at.connection, DAY, DAY, new_only=True, instance=instance)
        assert metadata_of(INVOICES, for_an_event.run_id, instance) == {"open items": 2, "read again": False}
        assert "nothing planned because" in metadata_of(COLLECTIONS, for_an_event.run_id, instance)
        assert merchant.world.payments.ordered == [payment]
