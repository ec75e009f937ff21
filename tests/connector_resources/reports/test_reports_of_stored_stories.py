"""Stories that stand-ins do not play: mandates that are replaced, bank-side cancellations, payments of subscriptions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from connector_resources.reports.catalogue import REPORTS
from connector_resources.reports.collecting import collecting_report
from connector_resources.reports.failures import failure_report, failures_of_month
from connector_resources.reports.mandates import mandate_report
from connector_resources.reports.model import Amount, Ref, Report, State
from connector_resources.reports.sources import Month

JUNE = Month(date(2026, 6, 1))
NOW = datetime(2026, 7, 1, 5, tzinfo=UTC)


@pytest.fixture
def told(story: Any, request: pytest.FixtureRequest) -> Callable[..., tuple[Any, Any]]:
    """Keeps resources and events of a connection of this test's own; gives the store and the connection."""
    there = story.installation
    store, name = there.runtime.store, request.node.name

    def keep(events: list[tuple[str, str, str, dict[str, Any]]], **resources: list[dict[str, Any]]) -> tuple[Any, Any]:
        for kind, bodies in resources.items():
            dated = [{"created_at": "2026-06-01T08:00:00.000Z", **body} for body in bodies]
            store.entities.put(name, kind, dated, day_of=lambda moment: moment.date())
        shown = [
            {"id": f"EV{name}{n}", "created_at": f"{day}T09:{n:02}:00.000Z", "resource_type": f"{what}s", "action": action,
             "links": {what: key}, "details": details}
            for n, (day, key, action, details) in enumerate(events)
            for what in [{"PM": "payment", "MD": "mandate"}[key[:2]]]
        ]  # fmt: skip
        store.inbox.drop_polled(name, shown, day_of=lambda moment: moment.date())
        return store, there.connection.model_copy(update={"name": name})

    return keep


def plain(report: Report, sheet: str) -> list[dict[str, str]]:
    """The rows of all tables of a sheet, by column, as words."""

    def word(cell: Any) -> str:
        match cell:
            case Ref():
                return cell.text
            case State():
                return cell.word
            case Amount():
                return f"{cell.major} {cell.currency}"
        return "" if cell is None else str(cell)

    tables = [table for section in report.sections for table in section.tables if table.sheet == sheet]
    return [
        {column.title: word(cell) for column, cell in zip(table.columns, row, strict=True)}
        for table in tables
        for row in table.rows
    ]


def payment(key: str, status: str, amount: int = 1_000, currency: str = "EUR", **links: str) -> dict[str, Any]:
    scheme = {"EUR": "sepa_core", "GBP": "bacs"}[currency]
    return {"id": key, "amount": amount, "currency": currency, "status": status, "scheme": scheme, "links": links}


def test_a_replaced_mandate_names_the_new_one_with_customer_and_erp_number(told: Any) -> None:
    store, connection = told(
        [("2026-06-02", "MD1", "created", {}), ("2026-06-09", "MD1", "replaced", {"cause": "scheme_identifier_changed"}),
         ("2026-06-10", "MD3", "expired", {"cause": "mandate_expired"}), ("2026-07-01", "MD3", "reinstated", {})],
        customers=[{"id": "CU1", "company_name": "=Acme & Söhne"}],
        mandates=[
            {"id": "MD1", "status": "cancelled", "scheme": "bacs", "links": {"customer": "CU1", "new_mandate": "MD2"}},
            {"id": "MD3", "status": "expired", "links": {"customer": "CU9"}},
        ],
    )  # fmt: skip
    store.customers.put(connection.name, "CU1", "10042", "number")
    rows = plain(mandate_report(store, connection, JUNE, NOW), "Changes")

    assert [(row["Mandate"], row["Change"], row["Day"]) for row in rows] == [
        ("MD3", "Expired", "2026-06-10"), ("MD1", "Created", "2026-06-02"), ("MD1", "Replaced", "2026-06-09"),
    ]  # fmt: skip
    replaced, expired = rows[2], rows[0]
    assert (replaced["Customer"], replaced["ERP customer"], replaced["New mandate"]) == (
        "=Acme & Söhne",
        "10042",
        "MD2",
    )
    assert (expired["Customer"], expired["ERP customer"], expired["Cause"]) == ("CU9", "", "mandate expired")
    assert rows[1]["New mandate"] == ""


def test_each_way_to_bring_no_money_is_told_apart(told: Any) -> None:
    store, connection = told(
        [
            ("2026-05-30", "PM1", "confirmed", {}),
            ("2026-06-02", "PM1", "failed", {"cause": "refer_to_payer", "reason_code": "ARUDD-0"}),
            ("2026-06-03", "PM2", "failed", {"cause": "insufficient_funds"}),
            ("2026-06-08", "PM2", "confirmed", {}),
            ("2026-06-09", "PM2", "failed", {"cause": "insufficient_funds", "will_attempt_retry": True}),
            ("2026-06-04", "PM3", "cancelled", {"cause": "bank_account_closed"}),
            ("2026-06-04", "PM4", "cancelled", {"cause": "payment_cancelled"}),
            ("2026-07-02", "PM5", "failed", {"cause": "insufficient_funds"}),
            ("2026-06-05", "PM5", "confirmed", {}),
        ],
        payments=[payment("PM1", "failed", currency="GBP"), payment("PM2", "pending_submission"),
                  payment("PM3", "cancelled"), payment("PM4", "cancelled"), payment("PM5", "failed")],
    )  # fmt: skip
    found = failures_of_month(store, connection, JUNE)

    assert [(f.payment.id, f.how, f.advice.title) for f in found.failures] == [
        ("PM1", "failed late", "Try again"), ("PM2", "failed", "Wait"), ("PM3", "cancelled", "New mandate"),
        ("PM2", "failed late", "Wait"),
    ]  # fmt: skip
    assert {scheme: count.answered for scheme, count in found.schemes.items()} == {"bacs": 1, "sepa_core": 3}
    report = failure_report(store, connection, JUNE, NOW)
    causes = {(row["Cause"], row["How"]): row for row in plain(report, "Causes")}
    assert causes["refer to payer", "failed late"]["Banks' codes"] == "ARUDD-0"
    assert causes["bank account closed", "cancelled"]["Amount"] == "10.00 EUR"


def test_payments_of_subscriptions_stand_by_how_they_stand(told: Any) -> None:
    store, connection = told(
        [("2026-06-02", key, "created", {}) for key in ("PM1", "PM2", "PM3", "PM4", "PM5")],
        subscriptions=[
            {"id": "SB1", "name": "Rent <b>June</b>", "amount": 1_000, "currency": "EUR", "status": "active", "links": {}}
        ],
        payments=[
            payment("PM1", "confirmed", subscription="SB1"), payment("PM2", "paid_out", 2_500, subscription="SB1"),
            payment("PM3", "failed", currency="GBP", subscription="SB2"), payment("PM4", "submitted", subscription="SB1"),
            payment("PM5", "confirmed"),
        ],
    )  # fmt: skip
    report = collecting_report(store, connection, JUNE, NOW)

    by_state = plain(report, "Payments by state")
    assert [(row["How it stands"], row["Count"], row["Amount"]) for row in by_state] == [
        ("open", "1", "10.00 EUR"), ("collected", "1", "10.00 EUR"), ("paid out", "1", "25.00 EUR"),
        ("failed", "1", "10.00 GBP"),
    ]  # fmt: skip
    payments = plain(report, "Subscription payments")
    assert [(row["Payment"], row["Subscription"], row["Name"]) for row in payments] == [
        ("PM1", "SB1", "Rent <b>June</b>"), ("PM2", "SB1", "Rent <b>June</b>"), ("PM4", "SB1", "Rent <b>June</b>"),
        ("PM3", "SB2", ""),
    ]  # fmt: skip


#: what the words of the design are sometimes called elsewhere.
OTHER_WORDS = (
    "transaction", "integration", "tenant", "journal entry", "quarantin", "parked", "on hold", "business day", "audit log",
    "audit trail", "work queue", "in-transit account", "sync", "upload job",
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_reports_use_the_words_of_the_project(story: Any, name: str, text_of: Any) -> None:
    text = text_of(story.write(name).files.html).lower()
    assert [word for word in OTHER_WORDS if word in text] == []
