"""Asks payers without a mandate to set one up on GoCardless's hosted pages, and learns from GoCardless that they did.

The payer's browser is never believed: what counts is the billing request (gocardless.md section 2.4). Where the connection says
so, a mandate is made directly from the account that the ERP holds; its IBAN lies sealed in the vault until that has ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from bookkeeping.direct_mandate_rules import BankDetails, DirectMandate, direct_scheme
from bookkeeping.eligibility import NotEligible
from bookkeeping.mandate_setup_rules import CURED_BY_A_MANDATE, SetupOrder, plan_mandate_setup, wanted_setups
from bookkeeping.master_data_rules import plan_customer
from bookkeeping.postings import Party
from bookkeeping.settings import activity_day
from connector_resources.connections.model import Connection
from connector_resources.erp.contract import ErpConnector, ErpCustomer, KnowsBankDetails
from connector_resources.gocardless.client import GoCardlessClient
from connector_resources.gocardless.wire import customer_of
from connector_resources.store.ledger_reading import LedgerRow
from connector_resources.store.mandate_setups import SetupRow, SetupState
from connector_resources.store.states import PostingState
from connector_resources.store.store import Store

LINKED_BY = "mandate_setup"


class MandateSetups:
    """One connection's set-ups."""

    def __init__(self, store: Store, connection: Connection, erp: ErpConnector) -> None:
        self._store = store
        self._erp = erp
        self._name = connection.name
        self._books = connection.book_settings
        self._policy = connection.collections.setup_policy(connection.gocardless.creditor)
        self._creditor_of = connection.creditor_of

    def link(self, client: GoCardlessClient, now: datetime) -> list[SetupRow]:
        """Take what the ledger's set-ups have got from GoCardless: links, mandates; gives the set-ups that changed."""
        rows = self._store.mandate_setups.all(self._name, {SetupState.PLANNED})
        postings = self._store.ledger.by_key(self._name, [row.posting_key for row in rows])
        linked = [_linked(row, postings[row.posting_key]) for row in rows]
        changed = [row for row, before in zip(linked, rows, strict=True) if row != before]
        for row in changed:
            if row.state is SetupState.FULFILLED:
                self._link_customer(row, client.get("customers", row.gocardless_customer), now)
        self._store.mandate_setups.change(self._name, changed)
        for row in changed:
            self._forget_bank_details(row.reference)
        return changed

    def refresh(self, client: GoCardlessClient, now: datetime) -> list[SetupRow]:
        """Ask GoCardless how each waiting set-up stands; a new payer is linked to its ERP customer."""
        changed: list[SetupRow] = []
        for row in self._store.mandate_setups.all(self._name, {SetupState.WAITING}):
            after = self._asked(row, client.get("billing_requests", row.billing_request), now)
            if after.state is SetupState.FULFILLED and after.gocardless_customer:
                self._link_customer(after, client.get("customers", after.gocardless_customer), now)
            if after != row:
                changed.append(after)
        self._store.mandate_setups.change(self._name, changed)
        return changed

    def plan(self, refused: Sequence[NotEligible], now: datetime) -> list[SetupRow]:
        """Order a set-up for each payer that lacks a mandate for an invoice, unless one waits already."""
        if self._policy.mode == "off":
            return []
        wanted = wanted_setups(refused, self._asked_before())
        numbers = sorted({customer for customer, _, _ in wanted})
        customers = self._erp_customers(numbers)
        links = self._store.customers.by_erp(self._name, numbers)
        details = self._bank_details(wanted)
        reasons = _reasons(refused)
        planned: list[SetupRow] = []
        with self._store.begin() as transaction:
            for customer, currency, number in wanted:
                known = sorted(link.gocardless_customer for link in links.get(customer, ()))
                reference = f"{customer}/{currency}#{number}"
                # GoCardless makes no customer without an e-mail address.
                can_be_made = len(known) == 1 or (
                    not known and customer in customers and bool(customers[customer].email)
                )
                found = details.get(customer) if number == 1 and can_be_made else None
                direct = self._direct(reference, found, currency, reasons[customer, currency])
                if found is not None and direct is not None:
                    self._store.vault.write(self._name, direct.bank_details, found.iban, within=transaction)
                order = SetupOrder(
                    reference=reference,
                    customer=customer,
                    currency=currency,
                    gocardless_customer=known[0] if len(known) == 1 else "",
                    prefilled=_prefilled(customers.get(customer)),
                    direct=direct,
                )
                creditor = self._creditor_of(customer) or self._policy.creditor
                posting = plan_mandate_setup(order, replace(self._policy, creditor=creditor), self._books, now)
                self._store.ledger.plan(self._name, [posting], within=transaction)
                row = SetupRow(
                    order.reference, posting.key, customer, currency, SetupState.PLANNED, order.gocardless_customer
                )
                planned.append(row)
            self._store.mandate_setups.add(self._name, planned, within=transaction)
        return planned

    def _bank_details(self, wanted: Sequence[tuple[str, str, int]]) -> Mapping[str, BankDetails]:
        """The accounts of those who were never asked. Raises `NotSent`, `BadAnswer`, `Refused`."""
        first = sorted({customer for customer, _, number in wanted if number == 1})
        if self._policy.mode != "direct" or not first:
            return {}
        assert self._erp.traits.knows_bank_details, self._name
        return cast(KnowsBankDetails, self._erp).bank_details(first)

    def _direct(
        self, reference: str, details: BankDetails | None, currency: str, reasons: Collection[str]
    ) -> DirectMandate | None:
        """None where the payer must be asked."""
        if details is None:
            return None
        scheme = direct_scheme(details, currency, reasons, needs_signature=self._policy.needs_signature)
        if not scheme:
            return None
        return DirectMandate(scheme, details.holder, _sealed_under(reference), details.signed_mandate)

    def _forget_bank_details(self, reference: str) -> None:
        """Once a set-up has ended its account number is of no use here any more."""
        if self._store.vault.has(self._name, _sealed_under(reference)):
            self._store.vault.remove(self._name, _sealed_under(reference))

    def _asked_before(self) -> dict[tuple[str, str], tuple[int, bool]]:
        found: dict[tuple[str, str], tuple[int, bool]] = {}
        for row in self._store.mandate_setups.all(self._name):
            times, waits = found.get((row.customer, row.currency), (0, False))
            is_open = row.state in (SetupState.PLANNED, SetupState.WAITING)
            found[row.customer, row.currency] = (times + 1, waits or is_open)
        return found

    def _asked(self, row: SetupRow, body: dict[str, Any], now: datetime) -> SetupRow:
        status, links = body.get("status"), body.get("links") or {}
        made = (body.get("mandate_request") or {}).get("links") or {}
        if status == "fulfilled":
            return replace(
                row,
                state=SetupState.FULFILLED,
                gocardless_customer=str(links.get("customer") or row.gocardless_customer),
                mandate=str(links.get("mandate_request_mandate") or made.get("mandate") or ""),
            )
        if status == "cancelled":
            return replace(row, state=SetupState.CANCELLED)
        if status == "pending" and row.expires_at is not None and row.expires_at <= now:
            return replace(row, state=SetupState.EXPIRED)
        return row

    def _link_customer(self, row: SetupRow, body: dict[str, Any], now: datetime) -> None:
        """Link the payer to the ERP customer that was asked, unless a person or a match has linked it meanwhile."""
        self._store.entities.put(
            self._name, "customers", [body], day_of=lambda moment: activity_day(moment, self._books)
        )
        if self._store.customers.get(self._name, [row.gocardless_customer]):
            return
        customer = customer_of(body)
        posting = plan_customer(customer, Party(customer.id, row.customer, customer.name), self._books, now)
        with self._store.begin() as transaction:
            self._store.customers.put(self._name, customer.id, row.customer, LINKED_BY, within=transaction)
            self._store.ledger.plan(self._name, [posting], within=transaction)

    def _erp_customers(self, numbers: Sequence[str]) -> dict[str, ErpCustomer]:
        wanted = set(numbers)
        return {row.number: row for row in self._store.customers.erp_all(self._name) if row.number in wanted}


def _linked(row: SetupRow, posting: LedgerRow) -> SetupRow:
    documents = {done.document.kind: done.document for done in posting.documents}
    request, flow = documents.get("billing_request"), documents.get("billing_request_flow")
    mandate, customer = documents.get("mandate"), documents.get("customer")
    if mandate is not None:
        made = customer.number if customer else row.gocardless_customer
        return replace(row, state=SetupState.FULFILLED, mandate=mandate.number, gocardless_customer=made)
    if flow is None and posting.state == PostingState.WITHDRAWN.value:
        return replace(row, state=SetupState.CANCELLED)
    if request is None or flow is None:
        return row
    expires = flow.details.get("expires_at")
    return replace(
        row,
        state=SetupState.WAITING,
        billing_request=request.number,
        url=flow.url,
        expires_at=datetime.fromisoformat(expires) if expires else None,
    )


def _reasons(refused: Sequence[NotEligible]) -> dict[tuple[str, str], set[str]]:
    """Why the invoices of each customer and currency are not collected, as far as a mandate would cure it."""
    found: dict[tuple[str, str], set[str]] = {}
    for each in refused:
        if each.code in CURED_BY_A_MANDATE:
            found.setdefault((each.invoice.customer, each.invoice.open_amount.currency), set()).add(each.code)
    return found


def _sealed_under(reference: str) -> str:
    """The vault's name of a set-up's account number; it tells nothing of it."""
    return f"bank_details_{hashlib.sha256(reference.encode()).hexdigest()[:24]}"


def _prefilled(customer: ErpCustomer | None) -> dict[str, str]:
    if customer is None:
        return {}
    values = {
        "company_name": customer.name,
        "email": customer.email,
        "address_line1": customer.address_line1,
        "address_line2": customer.address_line2,
        "city": customer.city,
        "postal_code": customer.postal_code,
        "country_code": customer.country_code,
    }
    return {name: value for name, value in values.items() if value}
