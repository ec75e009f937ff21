"""External payments: transactions of an imported bank file, matched with ledger items and handed to a mixed payment.

An entry whose invoice or customer is not found waits for the clerk; the others go on (fact sheet 7.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from sandbox.ifs_cloud import camt, mixed_payments, payment_postings
from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.refusals import Business

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

_NOT_WORD = re.compile(r"[\W_]")


def read(tenant: Tenant, load: Row) -> tuple[str, str]:
    """The state of the load and what there is to say about it; how far it goes is a switch."""
    try:
        transactions = camt.read(load["content"], tenant.switches.camt_version)
    except camt.Unreadable as problem:
        return "Aborted", str(problem)
    for number, each in enumerate(transactions, 1):
        tenant.table("ExternalPayment").add(
            {
                "LoadFileId": load["LoadFileId"], "EntryNo": number, "Company": load["Company"], "State": "Loaded",
                "Account": each.account, "StatementNo": each.statement, "BookedOn": each.booked_on,
                "Currency": each.currency,
                "CurrAmount": each.amount, "Text": _text_of(each), "CustomerNo": each.customer, "Shares": each.shares,
                "Ustrd": " ".join(each.texts), "Info": None,
            }
        )  # fmt: skip
    if tenant.switches.external_payments == "loaded":
        return "Unpacked", f"{len(transactions)} transactions wait to be transferred."
    return transfer(tenant, load["LoadFileId"], approve=tenant.switches.external_payments == "approved")


def transfer(tenant: Tenant, load_id: int, *, approve: bool) -> tuple[str, str]:
    """Match what is loaded and make mixed payments of it, one per cash account and day."""
    waiting = [row for row in tenant.table("ExternalPayment").where("LoadFileId", load_id) if row["State"] == "Loaded"]
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in waiting:
        groups.setdefault((row["Account"], row["BookedOn"], row["StatementNo"]), []).append(row)
    for group in groups.values():
        _transfer_group(tenant, load_id, group, approve)
    failed = [row for row in waiting if row["State"] != "Transferred"]
    if not failed:
        return "Transferred", f"{len(waiting)} transactions transferred."
    told = "; ".join(sorted({row["Info"] for row in failed}))
    return ("TransferError" if len(failed) == len(waiting) else "PartlyTransferred"), told


def _transfer_group(tenant: Tenant, load_id: int, group: list[Row], approve: bool) -> None:
    account = _cash_account(tenant, group[0]["Company"], group[0]["Account"])
    if account is None:
        _fail(tenant, group, f"Account {group[0]['Account']} is not that of a cash account.")
        return
    try:
        with tenant.transaction():
            head = mixed_payments.add(
                tenant,
                {
                    "Company": group[0]["Company"],
                    "MixedPaymentDate": group[0]["BookedOn"],
                    "ShortName": account["ShortName"],
                    "StatementNo": group[0]["StatementNo"],
                    "VoucherText": group[0]["StatementNo"],
                    "LoadFileId": load_id,
                },
            )
            known = _items_by_number(tenant, group[0]["Company"])
            for row in group:
                _transfer_one(tenant, head, row, known)
            if not mixed_payments.lump_sums(tenant, head):
                mixed_payments.cancel(tenant, head)
                return
    except Business as refusal:
        _fail(tenant, group, f"{refusal.tag}: {refusal}")
        return
    if approve:
        _approve(tenant, head, group)


def _transfer_one(tenant: Tenant, head: Row, row: Row, known: dict[str, Row]) -> None:
    items = list(_items(row, known))
    customer = items[0][0]["Identity"] if items else row["CustomerNo"]
    if (customer,) not in tenant.table("CustomerInfo"):
        _fail(tenant, [row], f"Neither invoice nor customer of {row['Text']} is known.")
        return
    try:
        with tenant.transaction():
            body = {
                "Identity": customer,
                "PartyType": "Customer",
                "CurrAmount": row["CurrAmount"],
                "Currency": row["Currency"],
            }
            lump_sum = mixed_payments.add_lump_sum(tenant, {**body, "Text": row["Text"]}, head)
            for item, amount in items:
                part = payment_postings.takes(tenant, item, amount)
                if part:
                    ids = {name: item[name] for name in ("LedgerItemSeriesId", "LedgerItemId")}
                    mixed_payments.match(tenant, lump_sum, {**ids, "CurrAmount": part})
    except Business as refusal:
        _fail(tenant, [row], f"{refusal.tag}: {refusal}")
    else:
        tenant.table("ExternalPayment").change(row, State="Transferred")


def _approve(tenant: Tenant, head: Row, group: list[Row]) -> None:
    """Approve the mixed payment; when it is refused (a closed period), it stays not approved for the clerk."""
    try:
        with tenant.transaction():
            mixed_payments.approve(tenant, head)
    except Business as refusal:
        for row in group:
            tenant.table("ExternalPayment").change(row, Info=f"{refusal.tag}: {refusal}")


def _items(row: Row, known: dict[str, Row]) -> Iterable[tuple[Row, Decimal]]:
    """Ledger items the transaction names, with the signed amount for each."""
    sign = 1 if row["CurrAmount"] > 0 else -1
    for share in row["Shares"]:
        item = known.get(_plain(share.document))
        if item is not None:
            yield item, row["CurrAmount"] if share.amount is None else share.amount * sign
    if not row["Shares"]:
        words = row["Ustrd"].split()
        joined = [*words, *(first + second for first, second in pairwise(words))]
        found = {id(item): item for word in joined if (item := known.get(_plain(word))) is not None}
        if len(found) == 1:
            yield next(iter(found.values())), row["CurrAmount"]


def _items_by_number(tenant: Tenant, company: str) -> dict[str, Row]:
    """Customer items by series and number without separators, as the payer may have written them."""
    return {
        _plain(f"{row['LedgerItemSeriesId']}{row['LedgerItemId']}"): row
        for row in tenant.table("LedgerItem").where("Company", company)
        if row["PartyType"] == "Customer" and row["Objstate"] != "Cancelled"
    }


def _cash_account(tenant: Tenant, company: str, account: str) -> Row | None:
    rows = tenant.table("CashAccount").where("Company", company)
    return next((row for row in rows if account in (row["ShortName"], row["BankAccount"])), None)


def _fail(tenant: Tenant, rows: Iterable[Row], information: str) -> None:
    for row in rows:
        tenant.table("ExternalPayment").change(row, State="Loaded", Info=information)


def _text_of(transaction: camt.Transaction) -> str:
    reference = transaction.end_to_end or transaction.servicer_reference
    return " ".join(filter(None, (reference, *transaction.texts)))[:200]


def _plain(text: str) -> str:
    return _NOT_WORD.sub("", text).upper()
