"""What is played where GoCardless is written to: each ledger that starts something there, one run, and GoCardless's books.

The judge is GoCardless's stand-in: what was created there, once each, and the same amounts.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bookkeeping.postings import ERP_KINDS
from connector_resources.collections.reading import read_open_invoices
from connector_resources.collections.run import collect
from connector_resources.customers.directory import CustomerDirectory
from connector_resources.customers.registration import update_customers
from connector_resources.posting.planning import Scope
from connector_resources.subscriptions.reading import read_recurring_charges
from connector_resources.subscriptions.run import subscribe
from sandbox.gocardless.records import Record
from tests.evenings import DAY, MORNING, evening_company, evening_world
from tests.faults.business import CUSTOMERS
from tests.faults.gocardless_business import (
    DatevCustomers,
    ExactOnlineInvoices,
    IfsCloudInvoices,
    RecurringCharges,
    Sage300Invoices,
    VismaCustomers,
)
from tests.faults.ledgers import Books, Documents, Line
from tests.installations import visma_installation
from tests.ledger_books import DatevBooks, VismaBooks
from tests.merchant import Merchant
from tests.sites import LAST, Site, datev_site, exact_online_site, ifs_cloud_site, sage300_site

COLLECTS = {"collections": {"enabled": True}}
SUBSCRIBES = {"subscriptions": {"enabled": True}}
#: the field of a debtor in which the connector writes down whose it is.
GOCARDLESS_ID = 244
#: a payment with such a status takes no money.
_ENDED = frozenset({"cancelled", "customer_approval_denied"})


def _run(site: Site, delivery: str) -> str:
    """Everything that the day job does, ledger first."""
    if delivery == "polled":
        site.poll()
    runtime, connection = site.at.runtime, site.at.connection
    scope = Scope(DAY, LAST, delivery != "whole_day")
    site.at.read(scope)
    with runtime.erp(connection) as connector:
        CustomerDirectory(runtime.store, connection, connector).link_all(runtime.clock())
        site.at.plan(scope)
        left = runtime.protocol(connection, connector).run(ERP_KINDS).stopped
        if connection.collections.enabled:
            read_open_invoices(runtime.store, connection.name, connector)
        if connection.subscriptions.enabled:
            read_recurring_charges(runtime.store, connection.name, connector)
    if connection.subscriptions.enabled:
        left = subscribe(runtime, connection).stopped_because or left
    if connection.collections.enabled:
        left = collect(runtime, connection).stopped_because or left
    if connection.customers.to_gocardless != "off":
        left = update_customers(runtime, connection).stopped or left
    return left


def _books(site: Site) -> Books:
    """What GoCardless has that the connector writes, in its ledger's words; ids are GoCardless's own."""
    world = site.merchant.world
    with world.lock:
        names = {customer.id: customer.body["company_name"] for customer in world.customers.ordered}
        documents: Documents = Counter(
            ("Payment", _reference(each), each.body["amount"], each.body["currency"], each.status, _payer(site, each))
            for each in world.payments.ordered
        )
        documents.update(
            (
                "Subscription",
                # A charge that changed before anything was asked for it has used up a number: which one does not matter, that
                # there is one of each does.
                *sorted((name, value.partition("#")[0]) for name, value in each.body["metadata"].items()),
                each.body["amount"],
                each.body["name"],
                each.status,
            )
            for each in world.subscriptions.ordered
        )
        documents.update(
            ("Customer", names[each.id], each.body["email"], each.body["city"], *_metadata(site, each))
            for each in world.customers.ordered
        )
        balances = Counter[str]()
        for each in world.payments.ordered:
            invoice = _reference(each).partition("#")[0]
            if each.status not in _ENDED:
                balances[f"{invoice} collected"] += each.body["amount"]
                balances[f"{invoice} open payments"] += 1
    documents.update(_references_written(site))
    return Books(documents, dict(balances))


def _references_written(site: Site) -> Documents:
    """Which collection each invoice names in the ledger; the payment's id depends on which was made first."""
    world = site.merchant.world
    with world.lock:
        ours = {payment.id: _reference(payment) for payment in world.payments.ordered}
    return Counter(
        {
            (kind, number, ours.get(payment, payment)): count
            for (kind, number, payment), count in (
                (document, count) for document, count in site.documents().items() if document[0] == "Receivable"
            )
        }
    )


def _metadata(site: Site, customer: Record) -> list[tuple[str, str]]:
    """A debtor's number depends on who became known first: what counts is that DATEV has this customer under it."""
    debtors = site.ledger.books.parties if isinstance(site.ledger, DatevBooks) else {}
    owners = {number: columns[GOCARDLESS_ID] for number, columns in debtors.items()}
    return sorted(
        (key, owners.get(value, value) if key == "debtor" else value)
        for key, value in customer.body["metadata"].items()
    )


def _reference(record: Record) -> str:
    return str(record.body["metadata"].get("mlc_ref", record.id))


def _payer(site: Site, payment: Record) -> str:
    mandate = site.merchant.world.mandates.get(payment.links["mandate"])
    assert mandate is not None
    account = site.merchant.world.customer_bank_accounts.get(mandate.links["customer_bank_account"])
    assert account is not None
    return str(account.links["customer"])


@contextlib.contextmanager
def _aligned_visma_site(home: Path, **how: Any) -> Iterator[Site]:
    """Visma.net tells GoCardless of every change, and of customers that are new."""
    merchant = Merchant(evening_world(MORNING))
    company = evening_company(CUSTOMERS, merchant.world.clock)
    section = {"metadata_keys": ["customer_number"], "to_gocardless": "details", "register_new": True}
    with visma_installation(home, merchant.world, company, customers=section, **how) as at:
        yield Site(at, merchant, VismaBooks(company))


def _line(name: str, open_site: Any, business: Any, **how: Any) -> Line:
    return Line(f"gocardless ({name})", lambda home, **more: open_site(home, **how, **more), business, _run, _books)


GOCARDLESS: tuple[Line, ...] = (
    _line(
        "Exact Online invoices", exact_online_site, ExactOnlineInvoices,
        customers=CUSTOMERS, erp_settings={"write_payment_reference": True}, **COLLECTS,
    ),
    _line("Sage 300 invoices", sage300_site, Sage300Invoices, customers=CUSTOMERS, **COLLECTS),
    _line(
        "IFS Cloud invoices", ifs_cloud_site, IfsCloudInvoices,
        customers=CUSTOMERS, erp_settings={"marker": {"strategy": "pay_term", "values": ["DD"]}}, **COLLECTS,
    ),
    _line(
        "Sage 300 recurring charges", sage300_site, RecurringCharges,
        customers=CUSTOMERS, erp_settings={"schedules": {"MONTHLY": {"unit": "monthly"}}}, **SUBSCRIBES,
    ),
    _line("Visma.net customers", _aligned_visma_site, VismaCustomers),
    _line(
        "DATEV customers", datev_site, DatevCustomers,
        customers={"metadata_keys": ["debtor"], "to_gocardless": "number", "to_erp": "details"},
    ),
)  # fmt: skip
