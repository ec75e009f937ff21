"""The section `subscriptions` of a connection file: only for ledgers that have recurring charges or take invoices."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from bookkeeping.collection_schemes import Limits
from bookkeeping.postings import SALES_KINDS
from bookkeeping.sales_invoice_rules import SalesInvoicePolicy
from connector_resources.connections.load import load_connection
from connector_resources.connections.model import Connection
from connector_resources.connections.subscriptions import SubscriptionsSection
from connector_resources.connections.template import connection_template
from connector_resources.erp.registry import ERPS
from connector_resources.errors import BrokenConnectionFile


def load(directory: Path, erp: str, **subscriptions: Any) -> Connection:
    values = yaml.safe_load(connection_template(erp, "first", cut_over=date(2026, 6, 1)))
    path = directory / "first.yaml"
    path.write_text(yaml.safe_dump({**values, "subscriptions": subscriptions}), encoding="utf-8")
    return load_connection(path)


@pytest.mark.parametrize("erp", sorted(name for name, kind in ERPS.items() if not kind.traits.subscribes))
def test_a_ledger_without_recurring_charges_refuses_the_switch(tmp_path: Path, erp: str) -> None:
    with pytest.raises(BrokenConnectionFile, match="has no recurring charges to follow"):
        load(tmp_path, erp, enabled=True)

    assert not load(tmp_path, erp, enabled=False).subscriptions.enabled


@pytest.mark.parametrize("erp", sorted(name for name, kind in ERPS.items() if not kind.traits.kinds >= SALES_KINDS))
def test_a_ledger_that_takes_no_invoices_refuses_them(tmp_path: Path, erp: str) -> None:
    with pytest.raises(BrokenConnectionFile, match="takes no invoices from here"):
        load(tmp_path, erp, sales_invoices={"write": "foreign"})


def test_a_ledger_that_can_takes_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    visma = ERPS["visma"]
    traits = dataclasses.replace(visma.traits, subscribes=True, kinds=visma.traits.kinds | SALES_KINDS)
    monkeypatch.setitem(ERPS, "visma", dataclasses.replace(visma, traits=traits))  # type: ignore[arg-type]

    section = load(tmp_path, "visma", enabled=True, sales_invoices={"write": "all", "tax_code": "VAT20"}).subscriptions

    assert section.enabled
    assert section.sales_invoices.policy == SalesInvoicePolicy(write="all", tax_code="VAT20")


def test_limits_are_major_units_and_must_name_what_exists() -> None:
    section = SubscriptionsSection.model_validate(
        {"limits": {"sepa_core": {"largest": "7500.50"}, "GBP": {"smallest": 2}}}
    )
    limits = section.rules.limits
    assert limits.by_scheme == {"sepa_core": Limits(largest=750_050)}
    assert limits.by_currency == {"GBP": Limits(smallest=200)}
    with pytest.raises(ValueError, match="is neither scheme nor currency"):
        SubscriptionsSection.model_validate({"limits": {"sepa": {"largest": 1}}})
