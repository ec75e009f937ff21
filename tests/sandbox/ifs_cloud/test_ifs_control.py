"""The control API and the clerk, and what breaks on demand."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime

import pytest
import requests

from sandbox.clock import SandboxClock
from sandbox.faults import Fault
from sandbox.ifs_cloud import invoices
from sandbox.ifs_cloud.app import create_app
from sandbox.ifs_cloud.tenant import Tenant
from sandbox.serve import running

PING = "UserRelatedData/CompanyFinances"


def test_a_tenant_is_filled_and_judged_over_http_alone():
    tenant = Tenant(SandboxClock(datetime(2026, 3, 4, 10, tzinfo=UTC)))
    seed = {
        "companies": [{"code": "10", "currency": "EUR", "currencies": ["SEK"]}, {"code": "20", "currency": "SEK"}],
        "rates": [{"company": "10", "currency": "SEK", "rate": "0.09", "valid_from": "2026-01-01"}],
        "accounts": [{"company": "10", "account": "6999"}],
        "code_values": [{"company": "10", "part": "B", "value": "300"}],
        "customers": [{"customer_id": "C1", "name": "A", "companies": ["10"]}],
        "invoices": [
            {
                "company": "10", "customer_id": "C1", "amount_minor": 1000, "dated": "2026-02-01", "invoice_no": "7",
                "installments": [["2026-03-01", 400], ["2026-04-01", 600]],
            }
        ],
    }  # fmt: skip
    with running(create_app(tenant)) as base:
        told = requests.post(f"{base}/_control/seed", json=seed, timeout=10).json()
        assert told == {"invoices": [{"Company": "10", "InvoiceId": 1001, "SeriesId": "CI", "InvoiceNo": "7"}]}
        books = requests.get(f"{base}/_control/books", timeout=10).json()["companies"]
    assert books["10"]["receivable"] == {"EUR": {"C1": 1000}}
    assert books["10"]["open_items"] == [
        {"customer": "C1", "series": "CI", "number": "7", "currency": "EUR", "open_minor": 1000, "due": "2026-03-01"}
    ]
    assert books["20"]["balances"] == {}
    assert len(tenant.table("PaymentPlan")) == 2


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("switches", {"nonsense": 1}),
        ("switches", {"next_link": "sideways"}),
        ("switches", {"page_cap": "many"}),
        ("clerk", {"do": "_voucher"}),
        ("clerk", {"do": "pay", "company": "10", "invoice_no": "none"}),
        ("catalogue", {"do": "build"}),
        ("catalogue", {"do": "move", "name": "CustomerHandling", "layer": "attic"}),
        ("clock", {"now": "2020-01-01T00:00:00+00:00"}),
        ("faults", {"kind": "explode"}),
    ],
)
def test_mistakes_of_the_caller_are_told(api, name, body):
    answer = requests.post(f"{api.host}/_control/{name}", json=body, timeout=10)
    assert (answer.status_code, "message" in answer.json()) == (400, True)


def test_an_unknown_control_is_404(api):
    assert requests.get(f"{api.host}/_control/nothing", timeout=10).status_code == 404


def test_switches_catalogue_and_clock_answer_to_the_control(api):
    assert api.control("switches", {"page_cap": 7})["page_cap"] == 7
    renamed = api.control("catalogue", {"do": "rename_service", "old": "AccountsHandling", "new": "Acme"})
    assert "Acme" in renamed["services"]
    assert api.control("clock", {"advance_s": 60})["now"] == "2026-03-04T10:01:00+00:00"


def test_requests_are_counted(api):
    api.get(PING)
    api.get(PING)
    told = api.control("requests")
    assert (told["total"], told["by_method"], told["tokens_issued"]) == (2, {"GET": 2}, 1)
    assert api.control("requests", method="DELETE")["total"] == 0


class _Listener:
    """An application that keeps what it is sent."""

    def __init__(self):
        self.calls = []

    async def __call__(self, scope, receive, send):
        secret = dict(scope["headers"]).get(b"x-ifs-hook-secret", b"").decode()
        self.calls.append((secret, json.loads((await receive())["body"])))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def _until(happened, timeout_s=5.0):
    deadline = time.monotonic() + timeout_s
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert happened()


def test_an_event_action_calls_with_its_secret_and_only_for_its_units(api, tenant):
    listener = _Listener()
    with running(listener) as url:
        api.control("event_actions", {"url": f"{url}/hooks/ifs/main", "secret": "s3", "units": ["Invoice"]})
        api.control("clerk", {"do": "change_invoice", "company": "10", "invoice_no": "10001", "PayTermId": "DD"})
        _until(lambda: tenant.event_actions.outcomes == [204])
    key = "Company=10^InvoiceId=1001"
    assert listener.calls == [("s3", {"lu": "Invoice", "company": "10", "key": key, "event": "update"})]


def test_a_change_that_is_undone_calls_nobody(api, tenant):
    tenant.event_actions.add("http://127.0.0.1:9/nobody", "s3", "MixedPaymentLumpSum")
    head = {"Company": "10", "MixedPaymentDate": "2026-03-04", "ShortName": "GCEUR"}
    api.created("MixedPaymentHandling/MixedPaymentSet", head)
    array = "MixedPaymentHandling/MixedPaymentSet(Company='10',MixedPaymentId=1)/MixedPaymentLumpSumArray"
    body = {
        "Identity": "C1",
        "PartyType": "Customer",
        "CurrAmount": 1,
        "LedgerItemSeriesId": "CI",
        "LedgerItemId": "none",
    }
    assert api.post(array, body).status_code == 400
    assert (len(tenant.event_actions.waiting), tenant.event_actions.outcomes) == (0, [])
    assert len(tenant.table("MixedPaymentLumpSum")) == 0


def test_a_refusal_can_be_ordered_for_the_next_write(api):
    order = {
        "ora": 20113,
        "tag": "CustomerInfo.FND_RECORD_LOCKED",
        "text": "Locked by ALAIN.",
        "path": "CustomerInfoSet",
    }
    assert api.control("refuse", order) == {"ordered": 1}
    path = "CustomerHandling/CustomerInfoSet(CustomerId='C1')"
    assert api.get(path).status_code == 200
    locked = api.problem(api.send("PATCH", path, {"Name": "A"}, if_match="*"), 400)
    assert locked == "ORA-20113: CustomerInfo.FND_RECORD_LOCKED: Locked by ALAIN."
    assert api.send("PATCH", path, {"Name": "A"}, if_match="*").status_code == 200


def test_after_a_deployment_the_metadata_is_outdated_for_a_while(api, tenant):
    api.control("deploy", {"times": 2})
    refused = api.get(PING)
    assert (api.problem(refused, 503), refused.headers["Retry-After"]) == ("MI_MODIFIED_ERROR", "1")
    tenant.switches.change({"mi_modified_status": 500})
    assert api.problem(api.get(PING), 500) == "MI_MODIFIED_ERROR"
    assert api.get(PING).status_code == 200


def test_a_dropped_answer_leaves_a_payment_that_can_be_found(api):
    body = {"Company": "10", "MixedPaymentDate": "2026-03-04", "ShortName": "GCEUR", "VoucherText": "GC-1"}
    api.app.faults.add(Fault("drop_after", "POST", "MixedPaymentSet"))
    with pytest.raises(requests.ConnectionError):
        api.post("MixedPaymentHandling/MixedPaymentSet", body)
    assert len(api.rows("MixedPaymentHandling/MixedPaymentSet", "contains(VoucherText,'GC-1')")) == 1


def test_the_clerk_pays_and_cancels_invoices(api, tenant):
    api.control("clerk", {"do": "pay", "company": "10", "invoice_no": "10001", "amount_minor": 2100})
    assert tenant.open_amount("10", "CI", "10001").minor == 10000
    api.control("clerk", {"do": "cancel_invoice", "company": "10", "invoice_no": "10002"})
    books = tenant.books["10"]
    assert (books.receivable("C1", "EUR"), books.receivable("C2", "EUR"), books.balance("1930", "EUR")) == (
        10000,
        0,
        2100,
    )
    (invoice,) = api.rows("InstantInvoiceHandling/InstantInvoiceSet", "Company eq '10' and InvoiceNo eq '10002'")
    assert invoice["Objstate"] == "Cancelled"
    partly = requests.post(
        f"{api.host}/_control/clerk", json={"do": "cancel_invoice", "company": "10", "invoice_no": "10001"}, timeout=10
    )
    assert partly.status_code == 400


def test_a_new_due_date_reaches_ledger_item_and_payment_plan(api):
    api.control("clerk", {"do": "change_invoice", "company": "10", "invoice_no": "10001", "DueDate": "2026-05-01"})
    (item,) = api.rows("LedgerItemEntity/LedgerItemSet", "Company eq '10' and LedgerItemId eq '10001'")
    (part,) = api.rows("PaymentPlanEntity/PaymentPlanSet", "Company eq '10' and InvoiceNo eq '10001'")
    assert item["DueDate"] == part["DueDate"] == "2026-05-01"


def test_installments_are_paid_in_the_order_of_their_dates(api, tenant):
    tenant.add_invoice(
        "10",
        "C1",
        900,
        invoice_no="9",
        installments=[(date(2026, 3, 1), 300), (date(2026, 4, 1), 600)],
        way="GOCARDLESS",
    )
    tenant.clerk.pay("10", "9", 500)
    parts = api.rows("PaymentPlanEntity/PaymentPlanSet", "Company eq '10' and InvoiceNo eq '9'")
    assert [(row["InstallmentId"], row["PaidCurrAmount"], row["WayId"]) for row in parts] == [
        (1, 3, "GOCARDLESS"),
        (2, 2, "GOCARDLESS"),
    ]


def test_suppliers_share_identities_and_items_with_customers(api, tenant):

    invoices.add_supplier_item(tenant, "10", "C1", 7700, "S1")
    assert len(api.rows("LedgerItemEntity/LedgerItemSet", "Company eq '10' and Identity eq 'C1'")) == 2
    kind = "PartyType eq IfsApp.LedgerItemEntity.PartyType'Customer'"
    assert len(api.rows("LedgerItemEntity/LedgerItemSet", f"Company eq '10' and Identity eq 'C1' and {kind}")) == 1


def test_currencies_with_none_and_three_decimals_keep_their_amounts(api, tenant):
    tenant.add_company("30", "KWD", currencies=["JPY"])
    tenant.add_rate("30", "JPY", "0.2", date(2026, 1, 1))
    tenant.add_customer("C3", "Three", companies=("30",))
    tenant.add_invoice("30", "C3", 1001, invoice_no="K1")
    tenant.add_invoice("30", "C3", 1500, currency="JPY", invoice_no="J1")
    rows = api.rows("LedgerItemEntity/LedgerItemSet", "Company eq '30'")
    assert [(row["LedgerItemId"], str(row["FullCurrAmount"]), str(row["FullDomAmount"])) for row in rows] == [
        ("J1", "1500", "3"),
        ("K1", "1.001", "1.001"),
    ]
