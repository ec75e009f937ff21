"""The asset that tells GoCardless of customers: there where it is asked for, after linking, with what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connector.day_run import run_days
from connector_assets.factory import connection_definitions
from connector_assets.names import day_job_name, erp_job_name, key
from tests.evenings import DAY, MORNING, evening_company, evening_world
from tests.installations import visma_installation
from tests.merchant import Merchant

SECTION = {"metadata_keys": ["erp_customer"], "to_gocardless": "number"}
ASSET = key("nordic", "gocardless", "customer_updates")


@pytest.fixture
def merchant() -> Merchant:
    return Merchant(evening_world(MORNING))


def metadata_of(run_id: str, instance: dg.DagsterInstance) -> dict[str, Any]:
    for entry in instance.all_logs(run_id):
        if entry.is_dagster_event and entry.dagster_event.is_step_materialization:
            made = entry.dagster_event.step_materialization_data.materialization
            if made.asset_key == ASSET:
                return {name: value.value for name, value in made.metadata.items()}
    raise AssertionError("the asset was not materialised")


def test_the_asset_is_there_only_where_it_is_asked_for(tmp_path: Path, merchant: Merchant) -> None:
    company = evening_company(1, merchant.world.clock)
    for home, section in (("on", SECTION), ("off", {})):
        with visma_installation(tmp_path / home, merchant.world, company, customers=section) as at:
            definitions = connection_definitions(at.connection).as_definitions()
            graph = definitions.resolve_asset_graph()
            assert (ASSET in graph.get_all_asset_keys()) is (home == "on")
            for job in (day_job_name("nordic"), erp_job_name("nordic")):
                selected = definitions.resolve_job_def(job).asset_layer.selected_asset_keys
                assert (ASSET in selected) is (home == "on")
            if home == "on":
                assert graph.get(ASSET).parent_keys == {key("nordic", "erp", "customers")}


def test_a_day_run_writes_the_numbers_and_says_what_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, merchant: Merchant
) -> None:
    merchant.collected()
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path))
    company = evening_company(1, merchant.world.clock)
    with (
        visma_installation(tmp_path, merchant.world, company, customers=SECTION) as at,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        run = run_days(at.connection, DAY, DAY, instance=instance)
        assert run.success, run.failure
        (customer,) = merchant.world.customers.ordered
        assert customer.body["metadata"] == {"customer_number": "10001", "erp_customer": "10001"}
        shown = metadata_of(run.run_id, instance)
        assert (shown["settled in this run"], shown["requests sent"], shown["held in this run"]) == (1, 1, 0)

        again = run_days(at.connection, DAY, DAY, instance=instance)
        assert metadata_of(again.run_id, instance)["requests sent"] == 0
