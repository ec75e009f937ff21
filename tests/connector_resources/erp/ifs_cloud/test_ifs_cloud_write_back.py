"""What IFS is told besides bookings: how a collection stands, and who a customer is in GoCardless. Only members of ours move."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.ifs_cloud import proposals
from sandbox.ifs_cloud.invoices import ledger_item

BROKEN = ("drop_before", "drop_after", "error_before", "error_after", "html", "html_after", "truncate")
FIELDS = {"state": "Cf_Gc_Status", "reason": "Cf_Gc_Reason", "payment": "Cf_Gc_Payment"}
SETS = {
    "open_items": ("LedgerItemEntity", "LedgerItemSet"),
    "invoices": ("InstantInvoiceHandling", "InstantInvoiceSet"),
}


def tell(site: Any, target: str) -> dict[str, Any]:
    """Custom fields on the set; gives the setting that names them."""
    for name in FIELDS.values():
        site.tenant.catalogue.add_field(*SETS[target], "S50 U", name)
    return {"invoice_status": {"target": target, **FIELDS}}


def shown(site: Any, target: str, number: str = "10001") -> tuple[Any, ...]:
    row = (
        ledger_item(site.tenant, "10", "CI", number)
        if target == "open_items"
        else site.tenant.clerk.invoice("10", number)
    )
    return tuple(row.get(name) or "" for name in FIELDS.values())


@pytest.mark.parametrize("target", ["open_items", "invoices"])
def test_success_and_failure_are_written_with_the_reason_and_the_invoice_stays_open(
    site: Any, given: SimpleNamespace, target: str
) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    changes = tell(site, target)
    site.post(given.invoice_status("10:CI-10001", "in_flight"), **changes)
    assert shown(site, target) == ("in_flight", "", "PM000123"), site.reasons()
    site.post(given.invoice_status("10:CI-10001", "failed", cause="insufficient_funds", event="S2"), **changes)
    assert shown(site, target) == ("failed", "insufficient_funds", "PM000123")
    assert site.owed("10", "10001").minor == 12_100
    site.post(given.invoice_status("10:CI-10001", "collected", event="S3", payment="PM2"), **changes)
    assert shown(site, target) == ("collected", "", "PM2")
    assert site.states() == {"posted": 3}


def test_a_failure_and_the_next_attempt_are_told_one_after_the_other_in_one_run(
    site: Any, given: SimpleNamespace
) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    changes = tell(site, "open_items")
    site.post(given.invoice_status("10:CI-10001", "in_flight"), **changes)

    site.post(
        given.invoice_status("10:CI-10001", "failed", cause="insufficient_funds", event="S2"),
        given.invoice_status("10:CI-10001", "in_flight", event="S3", payment="PM2"),
        **changes,
    )

    assert site.states() == {"posted": 3}, site.reasons()
    assert shown(site, "open_items") == ("in_flight", "", "PM2")


def test_items_of_a_payment_proposal_are_told(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    head = proposals.add(site.tenant, "10", "GOCARDLESS", [("CI", "10001")])
    status = {
        "target": "proposal_items", "state": "Objstate", "reason": "ReasonCode", "payment": "Note",
        "values": {"in_flight": "", "failed": "Failed", "collected": "Collected", "charged_back": "Failed"},
    }  # fmt: skip
    started, failed = (
        given.invoice_status("10:CI-10001", "in_flight"),
        given.invoice_status("10:CI-10001", "failed", cause="refer_to_payer", event="S2"),
    )
    site.post(started, failed, invoice_status=status)
    (item,) = proposals.items_of(site.tenant, head)
    assert (item["Objstate"], item["ReasonCode"], item["Note"]) == ("Failed", "refer_to_payer", "PM000123"), (
        site.reasons()
    )


@pytest.mark.parametrize("kind", BROKEN)
def test_a_status_is_written_whatever_breaks(site: Any, given: SimpleNamespace, kind: str) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    changes = tell(site, "open_items")
    site.break_next(kind, "LedgerItemSet", method="PATCH")
    told = given.invoice_status("10:CI-10001", "failed", cause="refer_to_payer")
    site.post(told, **changes)
    assert site.state(told) == "posted", site.reasons()
    assert shown(site, "open_items") == ("failed", "refer_to_payer", "PM000123")


def test_a_foreign_change_of_another_member_survives(site: Any, given: SimpleNamespace) -> None:
    """The version moved between reading and writing: it is read again, and only our members are written."""
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    changes = tell(site, "invoices")
    connector = given.with_meddling(
        site, "InstantInvoiceSet", lambda: site.tenant.clerk.change_invoice("10", "10001", PayTermId="0"), **changes
    )
    site.reuse(connector)
    told = given.invoice_status("10:CI-10001", "failed")
    site.post(told)
    assert site.state(told) == "posted", site.reasons()
    assert site.tenant.clerk.invoice("10", "10001")["PayTermId"] == "0"
    assert shown(site, "invoices")[0] == "failed"


def test_a_foreign_change_of_our_member_is_not_overwritten(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    changes = tell(site, "invoices")

    def by_hand() -> None:
        site.tenant.clerk.change_invoice("10", "10001", Cf_Gc_Status="disputed")

    site.reuse(given.with_meddling(site, "InstantInvoiceSet", by_hand, **changes))
    site.post(given.invoice_status("10:CI-10001", "failed"))
    assert site.held() == {"PM000123": "changed_meanwhile"}
    assert "somebody else changed Cf_Gc_Status" in site.reasons()
    assert shown(site, "invoices")[0] == "disputed"


def test_the_version_is_checked_where_a_write_without_one_would_be_an_upsert(site: Any, given: SimpleNamespace) -> None:
    """The first PATCH meets a version that moved and is refused; without If-Match it would have gone through unchecked."""
    site.tenant.switches.change({"missing_if_match": "upsert"})
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    changes = tell(site, "open_items")
    site.reuse(given.with_meddling(site, "LedgerItemSet", lambda: site.tenant.clerk.touch("10", "10001"), **changes))
    site.post(given.invoice_status("10:CI-10001", "failed"))
    assert shown(site, "open_items")[0] == "failed", site.reasons()
    assert [method for method, _ in site.sandbox.faults.requests].count("PATCH") == 2


def test_nothing_is_written_where_the_map_names_no_place(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    told, linked = given.invoice_status("10:CI-10001", "failed"), given.mandate("active")
    site.post(told, linked)
    assert site.states() == {"posted": 2}
    assert [m for m, _ in site.sandbox.faults.requests if m == "PATCH"] == []


def test_a_customer_gets_its_link_and_mandate_and_loses_the_mandate_when_it_ends(
    site: Any, given: SimpleNamespace
) -> None:
    for name in ("Cf_Gc_Customer", "Cf_Gc_Mandate"):
        site.tenant.catalogue.add_field("CustomerHandling", "CustomerInfoSet", "S50 U", name)
    changes = {
        "write_customer_link": True,
        "map": {"customers": {"fields": {"gocardless_customer": "Cf_Gc_Customer", "mandate": "Cf_Gc_Mandate"}}},
    }
    customer = given.posting(given.kinds.CUSTOMER, "CU000123", event="customer:CU000123:1")
    site.post(customer, given.mandate("active"), **changes)
    row = site.tenant.table("CustomerInfo")[("C1",)]
    assert (row["Cf_Gc_Customer"], row["Cf_Gc_Mandate"]) == ("CU000123", "MD000123"), site.reasons()
    found = {each.number: each for each in site.connector(**changes).customers()}
    assert (found["10:C1"].gocardless_customer, found["10:C1"].mandate) == ("CU000123", "MD000123")
    site.post(given.mandate("cancelled", event="EV8"), **changes)
    assert not site.tenant.table("CustomerInfo")[("C1",)]["Cf_Gc_Mandate"]


def test_without_customer_details_a_name_is_taken_over_and_an_address_is_not(site: Any, given: SimpleNamespace) -> None:
    facts = {"changed": "city name", "name": "Acme Group AB", "city": "Lund", "revision": "1"}
    changed = given.posting(given.kinds.CUSTOMER, "CU000123", event="customer:CU000123:2", facts=facts)
    site.post(changed, customer_details="off")
    assert site.state(changed) == "posted", site.reasons()
    assert site.tenant.table("CustomerInfo")[("C1",)]["Name"] == "Acme Group AB"
    assert site.tenant.table("CustomerInfoAddress")[("C1", "01")]["City"] == "Stockholm"
