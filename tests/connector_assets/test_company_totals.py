"""What is open and what is ordered, by company, where one connection serves several companies of an ERP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from connector.day_run import run_days
from connector_assets.names import key
from sandbox.clock import SandboxClock
from sandbox.gocardless.world import World
from sandbox.ifs_cloud.switches import Switches
from sandbox.ifs_cloud.tenant import Tenant
from tests.erp_sections import ifs_cloud_section
from tests.evenings import DAY, MORNING
from tests.installations import ifs_cloud_installation

INVOICES = key("enterprise", "erp", "open_invoices")
COLLECTIONS = key("enterprise", "gocardless", "collections")


def shown(asset: dg.AssetKey, run_id: str, instance: dg.DagsterInstance) -> dict[str, Any]:
    made = [
        entry.dagster_event.step_materialization_data.materialization
        for entry in instance.all_logs(run_id)
        if entry.is_dagster_event and entry.dagster_event.is_step_materialization
    ]
    (own,) = [each for each in made if each.asset_key == asset]
    return {name: value.value for name, value in own.metadata.items()}


@pytest.mark.parametrize("companies", [("10", "20"), ("10",)])
def test_open_and_ordered_are_told_apart_by_company_where_there_are_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, companies: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path))
    world = World(SandboxClock(MORNING), seed=1, default_creditor=False)
    tenant = Tenant(world.clock, Switches(calls_per_minute=1_000_000))
    sections = {}
    for place, code in enumerate(companies):
        creditor = world.builder.creditor(f"Acme {code}", "DE", accounts=("EUR",)).id
        sections[code] = ifs_cloud_section("https://x", creditor)["companies"]["10"]
        tenant.add_company(code, "EUR", currencies=["GBP"])
        tenant.add_customer(f"C{code}", f"Customer {code}", companies=(code,), country="DE")
        payer = world.builder.customer(
            {"company_name": f"Customer {code}", "country_code": "DE"}, {"erp_customer": f"{code}:C{code}"}
        )
        account = world.builder.bank_account(
            payer.id, "Payer", f"DE{place}", country_code="DE", currency="EUR", ending="11"
        )
        world.builder.mandate(account, creditor, status="active")
        for number in range(place + 1):
            tenant.add_invoice(code, f"C{code}", 10_000, invoice_no=f"{code}00{number}", due=DAY)
    settings = {"companies": sections, "marker": {"strategy": "all"}}
    with (
        ifs_cloud_installation(tmp_path, world, tenant, erp_settings=settings, collections={"enabled": True}) as at,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        run = run_days(at.connection, DAY, DAY, instance=instance)
        assert run.success, run.failure
        read, made = (shown(asset, run.run_id, instance) for asset in (INVOICES, COLLECTIONS))
    assert (read["open items"], made["ordered"]) == ((3, 3) if len(companies) == 2 else (1, 1))
    for found, title in ((read, "open by company"), (made, "ordered by company")):
        if len(companies) == 1:
            assert title not in found
        else:
            assert "| 10 | 1 | 100.00 EUR |\n| 20 | 2 | 200.00 EUR |" in found[title]
