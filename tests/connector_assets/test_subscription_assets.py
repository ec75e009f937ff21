"""Recurring charges and subscriptions as assets: there where they are asked for, before collections, with what they did."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from connector.day_run import run_days
from connector_assets.factory import connection_definitions
from connector_assets.names import day_job_name, erp_job_name, key
from sandbox.sage300.clerk import Clerk
from tests.connector_assets.test_collection_assets import metadata_of
from tests.evenings import DAY, MORNING, evening_sage300, evening_world
from tests.installations import sage300_installation
from tests.merchant import Merchant

CHARGES = key("harbour", "erp", "recurring_charges")
ORDERS = key("harbour", "gocardless", "subscription_orders")
COLLECTIONS = key("harbour", "gocardless", "collections")
SETTINGS = {"schedules": {"MONTHLY": {"unit": "monthly"}}}


def test_the_assets_are_there_only_where_they_are_asked_for(tmp_path: Path) -> None:
    merchant = Merchant(evening_world(MORNING))
    company = evening_sage300(1, merchant.world.clock)
    for home, section in (("on", {"enabled": True}), ("off", {})):
        with sage300_installation(
            tmp_path / home, merchant.world, company, subscriptions=section, collections={"enabled": True}
        ) as at:
            definitions = connection_definitions(at.connection).as_definitions()
            graph = definitions.resolve_asset_graph()
            is_on = home == "on"
            assert ({CHARGES, ORDERS} <= graph.get_all_asset_keys()) is is_on
            for job in (day_job_name("harbour"), erp_job_name("harbour")):
                selected = definitions.resolve_job_def(job).asset_layer.selected_asset_keys
                assert ({CHARGES, ORDERS} <= selected) is is_on
            # A charge is followed before any invoice is judged.
            assert (ORDERS in graph.get(COLLECTIONS).parent_keys) is is_on
            if is_on:
                assert CHARGES in graph.get(ORDERS).parent_keys


def test_a_day_run_follows_charges_and_shows_what_it_did_and_why_it_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant = Merchant(evening_world(MORNING))
    merchant.mandate(1)
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path))
    company = evening_sage300(2, merchant.world.clock)
    for customer in ("10001", "10002"):
        Clerk(company).add_recurring_charge("RENT", customer, 2_000, "MONTHLY", EffectiveDate="2040-07-01")
    with (
        sage300_installation(
            tmp_path, merchant.world, company, erp_settings=SETTINGS, subscriptions={"enabled": True}
        ) as at,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        run = run_days(at.connection, DAY, DAY, instance=instance)
        assert run.success, run.failure

        read, made = (metadata_of(asset, run.run_id, instance) for asset in (CHARGES, ORDERS))
        assert (read["recurring charges"], read["new"]) == (2, 2)
        assert "| RENT/10001 | 10001 | 20.00 EUR | every 1 monthly | 2040-07-01 | True |" in read["charges"]
        (subscription,) = merchant.world.subscriptions.ordered
        assert (made["ordered"], made["requests sent"]) == (1, 1)
        assert "| create | RENT/10001 | RENT/10001#1 | 20.00 EUR | 2040-07-01 |" in made["asked of GoCardless"]
        assert f"| RENT/10001#1 | 10001 | 20.00 EUR | active | [{subscription.id}](" in made["subscriptions"]
        assert "| RENT/10002 | Customer 10002 is no GoCardless customer. |" in made["why not followed"]

        again = run_days(at.connection, DAY, DAY, instance=instance)
        assert metadata_of(ORDERS, again.run_id, instance)["requests sent"] == 0
        for_an_event = run_days(at.connection, DAY, DAY, new_only=True, instance=instance)
        assert metadata_of(CHARGES, for_an_event.run_id, instance) == {"recurring charges": 2, "read again": False}
        assert "nothing planned because" in metadata_of(ORDERS, for_an_event.run_id, instance)
        assert merchant.world.subscriptions.ordered == [subscription]
