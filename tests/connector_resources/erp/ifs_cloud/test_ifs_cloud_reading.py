"""Reading: pages by every kind of link, company by company, whatever a tenant refuses or formats differently."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector_resources.erp.ifs_cloud.customers import reach_back
from connector_resources.errors import BadAnswer, NotSent, WrongCompany
from sandbox.ifs_cloud import invoices, proposals
from sandbox.ifs_cloud.invoices import ORDER, ledger_item


def numbers(site: Any, **changes: Any) -> list[str]:
    return [each.number for each in site.connector(**changes).open_invoices()]


def ready(site: Any, **changes: Any) -> set[str]:
    return {each.number for each in site.connector(**changes).open_invoices() if not each.on_hold}


def test_open_items_carry_company_in_their_numbers_and_credit_is_negative(site: Any) -> None:
    due = date(2026, 4, 1)
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001", due=due, dated=date(2026, 3, 1))
    site.tenant.add_invoice("20", "C1", -5_000, invoice_no="20001")
    site.tenant.clerk.pay("10", "10001", 2_100)
    first, second = site.connector().open_invoices()
    assert (first.number, first.customer, str(first.open_amount), str(first.total_amount)) == (
        "10:CI-10001", "10:C1", "100.00 EUR", "121.00 EUR",
    )  # fmt: skip
    assert (first.due_on, first.issued_on, first.document_type, first.on_hold) == (
        due,
        date(2026, 3, 1),
        "invoice",
        False,
    )
    assert "CI10001" in first.references
    assert (second.number, str(second.open_amount), second.document_type) == ("20:CI-20001", "-50.00 SEK", "credit")


def test_settled_and_supplier_items_are_not_read(site: Any) -> None:
    site.tenant.add_invoice("10", "C1", 12_100, invoice_no="10001")
    site.tenant.clerk.pay("10", "10001")
    invoices.add_supplier_item(site.tenant, "10", "C1", 7_700, "S-1")
    assert numbers(site) == []


@pytest.mark.parametrize("form", ["absolute", "host", "service", "mixed", "none"])
@pytest.mark.parametrize("cap", [7, 1000])
def test_no_invoice_is_lost_or_read_twice_by_any_form_of_paging(site: Any, form: str, cap: int) -> None:
    site.tenant.switches.change({"next_link": form, "page_cap": cap})
    for number in range(40):
        site.tenant.add_invoice("10", "C1", 100 + number, invoice_no=f"{10_000 + number}")
    found = numbers(site, page_size=10)
    assert sorted(found) == [f"10:CI-{10_000 + number}" for number in range(40)]


def test_an_empty_page_with_a_link_is_not_the_end(site: Any) -> None:
    site.tenant.switches.change({"empty_first_page": True})
    site.tenant.add_invoice("10", "C1", 100, invoice_no="10001")
    assert numbers(site) == ["10:CI-10001"]


def test_a_row_of_another_company_stops_everything(site: Any, given: SimpleNamespace) -> None:
    site.tenant.add_company("30", "EUR")
    site.tenant.add_customer("C9", "Stranger", companies=("30",))
    site.tenant.add_invoice("30", "C9", 100, invoice_no="30001")
    site.tenant.add_invoice("10", "C1", 100, invoice_no="10001")
    site.tenant.switches.change({"leaked_rows": 1})
    with pytest.raises(WrongCompany, match="asked for company 10 and answered with a row of company"):
        numbers(site)


def test_a_company_that_the_user_does_not_see_stops_the_run(site: Any, given: SimpleNamespace) -> None:
    site.tenant.members["gc_connector"] = frozenset({"10"})
    with pytest.raises(WrongCompany, match="shows no company 20 to this user; it shows 10"):
        site.connector().prepare([given.receipt()])


def test_a_tenant_that_refuses_conditions_on_the_state_is_asked_by_amount(site: Any) -> None:
    site.tenant.switches.change({"objstate_filter": "refused"})
    site.tenant.add_invoice("10", "C1", 100, invoice_no="10001")
    site.tenant.add_invoice("10", "C1", 200, invoice_no="10002")
    site.tenant.clerk.pay("10", "10001")
    assert numbers(site) == ["10:CI-10002"]


@pytest.mark.parametrize(
    "switches",
    [
        {"decimals_as_strings": True},
        {"ieee754_honoured": False},
        {"encoded_dollar": "mangle"},
        {"counts": False},
    ],
)
def test_amounts_are_exact_however_they_come(site: Any, switches: dict[str, Any]) -> None:
    site.tenant.switches.change(switches)
    site.tenant.add_invoice("10", "C1", 10_010, invoice_no="10001")
    (found,) = site.connector().open_invoices()
    assert found.open_amount.minor == 10_010


def test_a_projection_that_refuses_select_is_read_without(site: Any, given: SimpleNamespace) -> None:
    site.tenant.switches.change({"select_fails": ["LedgerItemEntity/LedgerItemSet"]})
    site.tenant.add_invoice("10", "C1", 100, invoice_no="10001")
    with pytest.raises(NotSent):
        site.connector().prepare([given.receipt()])
    assert numbers(site, use_select=False) == ["10:CI-10001"]


# --- ready for collection ----------------------------------------------------------------------------------------------


def test_without_a_marker_nothing_is_collected(site: Any) -> None:
    site.tenant.add_invoice("10", "C1", 100, invoice_no="10001")
    site.tenant.add_invoice("10", "C1", -50, invoice_no="10002")
    found = {each.number: each.on_hold for each in site.connector(marker=None).open_invoices()}
    assert found == {"10:CI-10001": True, "10:CI-10002": False}


def test_invoices_are_marked_by_payment_term_unless_the_term_is_blocked(site: Any) -> None:
    site.tenant.add_invoice("10", "C1", 100, invoice_no="10001", pay_term="DD")
    site.tenant.add_invoice("10", "C1", 100, invoice_no="10002", pay_term="30")
    site.tenant.add_invoice("10", "C1", 100, invoice_no="10003", pay_term="CASH")
    marker = {"strategy": "pay_term", "values": ["DD", "CASH"]}
    assert ready(site, marker=marker) == {"10:CI-10001"}
    assert len(numbers(site, marker=marker)) == 3


def test_invoices_of_customer_orders_are_marked_as_well(site: Any) -> None:
    site.tenant.add_invoice("10", "C1", 100, invoice_no="10001", pay_term="DD", creator=ORDER)
    assert ready(site, marker={"strategy": "pay_term", "values": ["DD"]}) == {"10:CI-10001"}


def test_invoices_are_marked_by_the_customers_payment_method(site: Any) -> None:
    site.tenant.add_customer("C3", "Gizmo", way="GOCARDLESS")
    site.tenant.add_invoice("10", "C3", 100, invoice_no="10001")
    site.tenant.add_invoice("10", "C1", 100, invoice_no="10002")
    assert ready(site, marker={"strategy": "payment_way", "values": ["GOCARDLESS"]}) == {"10:CI-10001"}


@pytest.mark.parametrize(
    ("where", "service", "entities"),
    [("invoices", "InstantInvoiceHandling", "InstantInvoiceSet"), ("open_items", "LedgerItemEntity", "LedgerItemSet")],
)
def test_invoices_are_marked_by_a_custom_field(site: Any, where: str, service: str, entities: str) -> None:
    site.tenant.catalogue.add_field(service, entities, "B U", "Cf_Gc_Collect")
    if where == "invoices":
        site.tenant.catalogue.add_field(
            "CustomerOrderInvoiceHandling", "CustomerOrderInvHeadSet", "B U", "Cf_Gc_Collect"
        )
    row = site.tenant.add_invoice("10", "C1", 100, invoice_no="10001", Cf_Gc_Collect=True)
    site.tenant.add_invoice("10", "C1", 100, invoice_no="10002")
    if where == "open_items":
        item = ledger_item(site.tenant, "10", "CI", row["InvoiceNo"])
        site.tenant.table("LedgerItem").change(item, Cf_Gc_Collect=True)
    marker = {"strategy": "field", "member": "Cf_Gc_Collect", "on": where}
    assert ready(site, marker=marker) == {"10:CI-10001"}


def test_invoices_are_marked_by_an_acknowledged_proposal(site: Any) -> None:
    for number in ("10001", "10002", "10003"):
        site.tenant.add_invoice("10", "C1", 100, invoice_no=number)
    proposals.add(site.tenant, "10", "GOCARDLESS", [("CI", "10001")])
    proposals.add(site.tenant, "10", "GOCARDLESS", [("CI", "10002")], acknowledged=False)
    proposals.add(site.tenant, "10", "BANK", [("CI", "10003")])
    assert ready(site, marker={"strategy": "proposal", "values": ["GOCARDLESS"]}) == {"10:CI-10001"}


def test_settled_invoices_are_not_read_for_ever_to_find_the_marked_ones(site: Any) -> None:
    old = date(2025, 6, 1)
    for number in range(30):
        site.tenant.add_invoice("10", "C1", 100, invoice_no=f"{9_000 + number}", pay_term="DD", dated=old, due=old)
        site.tenant.clerk.pay("10", f"{9_000 + number}")
    site.tenant.add_invoice("10", "C1", 100, invoice_no="10001", pay_term="DD")
    seen = len(site.sandbox.faults.requests)
    assert ready(site, page_size=10, marker={"strategy": "pay_term", "values": ["DD"]}) == {"10:CI-10001"}
    reads = [path for _, path in site.sandbox.faults.requests[seen:] if "InstantInvoiceSet" in path]
    assert len(reads) <= 2


# --- customers -----------------------------------------------------------------------------------------------------------


def test_customers_come_once_per_company(site: Any) -> None:
    found = list(site.connector().customers())
    assert [(each.number, each.name, each.country_code) for each in found] == [
        ("10:C1", "Acme AB", "SE"), ("20:C1", "Acme AB", "SE"), ("10:C2", "Bolt GmbH", "DE"),
    ]  # fmt: skip


def test_a_tenant_with_one_company_needs_no_payment_records(site: Any, given: SimpleNamespace) -> None:
    site.tenant.catalogue.activate("IdentityPayInfoEntity", False)
    only = {"10": given.section()["companies"]["10"]}
    assert [each.number for each in site.connector(companies=only).customers()] == ["10:C1", "10:C2"]


def test_the_history_log_tells_which_customers_changed(site: Any) -> None:
    site.tenant.clock.advance(timedelta(hours=2))
    connector = site.connector(customer_changes="history_log")
    assert len(list(connector.customers())) == 3
    mark = connector.customers_mark()
    site.tenant.clock.advance(timedelta(hours=2))
    site.tenant.clerk.change_customer("C2", Name="Bolt AG")
    later = site.connector(customer_changes="history_log")
    assert [(each.number, each.name) for each in later.customers(mark)] == [("10:C2", "Bolt AG")]
    site.tenant.clock.advance(timedelta(hours=2))
    again = site.connector(customer_changes="history_log")
    assert len(list(again.customers(later.customers_mark()))) == 1, (
        "a change in the minute of the reading is read again"
    )
    last = again.customers_mark()
    assert list(site.connector(customer_changes="history_log").customers(last)) == []


@pytest.mark.parametrize("aware", [True, False])
@pytest.mark.parametrize("way", ["history_log", "modified_field"])
def test_no_change_is_missed_over_a_change_of_the_clock(
    tmp_path: Path, given: SimpleNamespace, aware: bool, way: str
) -> None:
    """Hours around the end of summer time (01:00 UTC), a poll every 25 minutes, a change between any two polls."""
    with given.open_site(tmp_path) as site:
        site.tenant.catalogue.add_field("CustomerHandling", "CustomerInfoSet", "T", "Cf_Changed_At", "_version")
        site.changes = {
            "customer_changes": way,
            "tz_aware": aware,
            "timestamp_zone": "Europe/Stockholm",
            "map": {"customers": {"modified_field": "Cf_Changed_At"}},
        }
        site.tenant.clock.advance(datetime(2026, 10, 24, 23, 30, tzinfo=UTC) - site.tenant.clock.now())
        connector = site.connector()
        list(connector.customers())
        mark = connector.customers_mark()
        for turn in range(9):
            site.tenant.clock.advance(timedelta(minutes=12))
            site.tenant.clerk.change_customer("C2", Name=f"Bolt {turn}")
            site.tenant.clock.advance(timedelta(minutes=13))
            poll = site.connector()
            names = [each.name for each in poll.customers(mark)]
            assert names == [f"Bolt {turn}"], (turn, site.tenant.clock.now())
            mark = poll.customers_mark()
        site.tenant.clock.advance(timedelta(hours=4))
        quiet = site.connector()
        list(quiet.customers(mark))
        site.tenant.clock.advance(timedelta(minutes=25))
        assert list(site.connector().customers(quiet.customers_mark())) == [], "a change is read again for ever"


def test_an_hour_more_is_read_again_only_around_a_change_of_the_clock(given: SimpleNamespace) -> None:
    local = given.settings(tz_aware=False, timestamp_zone="Europe/Stockholm")
    autumn, summer = datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 7, 1, 1, tzinfo=UTC)
    assert autumn - reach_back(autumn, local) == timedelta(minutes=75)
    assert summer - reach_back(summer, local) == timedelta(minutes=15)
    assert autumn - reach_back(autumn, given.settings()) == timedelta(minutes=15)


def test_a_list_that_does_not_end_is_no_answer(site: Any) -> None:
    link = {"value": [], "@odata.nextLink": "/main/ifsapplications/projection/v1/UserRelatedData.svc/CompanyFinances"}
    site.break_next("html", "CompanyFinances", method="GET", status=200, times=50, body=json.dumps(link))
    with pytest.raises(BadAnswer):
        site.connector().prepare([])
