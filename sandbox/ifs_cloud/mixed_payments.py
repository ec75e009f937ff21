"""Mixed payments: receipts and repayments of a cash account, matched with ledger items and posted on approval (section
7.7).

The names of the service are nowhere public; what approval and cancelled matching do to items and vouchers is documented.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.ifs_cloud import invoices, payment_postings, rates
from sandbox.ifs_cloud.customers import must_exist
from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.odata.service import Call
from sandbox.ifs_cloud.refusals import no_such_record, record_rule, wrong_state
from sandbox.ifs_cloud.voucher_entry import company_of

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant


def create(tenant: Tenant, call: Call, body: Row) -> Row:
    """`POST MixedPaymentSet`. Raises `Business` for an unknown company or cash account."""
    company_of(tenant, call, body["Company"])
    return add(tenant, body)


def add(tenant: Tenant, body: Row) -> Row:
    """A payment without transactions, not approved. Raises `Business` for an unknown cash account."""
    account = tenant.table("CashAccount").get(body["Company"], body["ShortName"])
    if account is None:
        raise no_such_record("CashAccount", f"Cash account {body['ShortName']} does not exist in {body['Company']}.")
    if body.get("Currency") not in (None, account["Currency"]):
        raise record_rule(
            "MixedPayment.WRONGCURRENCY", f"Cash account {body['ShortName']} is in {account['Currency']}."
        )
    return tenant.table("MixedPayment").add(
        {
            "Company": body["Company"], "MixedPaymentId": tenant.next_number(f"mixed payment {body['Company']}"),
            "MixedPaymentDate": body["MixedPaymentDate"], "StatementNo": body.get("StatementNo"),
            "ShortName": body["ShortName"],
            "Currency": account["Currency"], "VoucherText": body.get("VoucherText"), "Objstate": "NotApproved",
            "UserGroup": body.get("UserGroup") or account["UserGroup"], "VoucherTypeRef": None, "VoucherNoRef": None,
            "VoucherDateRef": None, "AccountingYearRef": None, "LoadFileId": body.get("LoadFileId"),
        }
    )  # fmt: skip


def add_lump_sum(tenant: Tenant, body: Row, parent: Row | None) -> Row:
    """`POST MixedPaymentLumpSumArray`: a transaction, matched with an item when one is named. Raises `Business`."""
    head = _changeable(parent)
    name = must_exist(tenant, body["Identity"])["Name"]
    if body["PartyType"] != "Customer":
        raise record_rule("MixedPaymentLumpSum.PARTYTYPE", "Only customer payments are supported here.")
    if body.get("Currency") not in (None, head["Currency"]):
        raise record_rule("MixedPaymentLumpSum.WRONGCURRENCY", f"The payment is in {head['Currency']}.")
    amount = rates.exact(tenant, head["Company"], body["CurrAmount"], head["Currency"], "MixedPaymentLumpSum")
    if not amount:
        raise record_rule("MixedPaymentLumpSum.NOAMOUNT", "The amount cannot be zero.")
    key = {name_: head[name_] for name_ in ("Company", "MixedPaymentId")}
    taken = tenant.table("MixedPaymentLumpSum").where("MixedPaymentId", head["MixedPaymentId"])
    number = sum(1 for row in taken if row["Company"] == head["Company"]) + 1
    series, item_id = body.get("LedgerItemSeriesId"), body.get("LedgerItemId")
    row = tenant.table("MixedPaymentLumpSum").add(
        {
            **key, "LumpSumTransId": number, "LumpSumTransNo": number, "Identity": body["Identity"],
            "PartyType": "Customer",
            "LumpSumTransDate": body.get("LumpSumTransDate") or head["MixedPaymentDate"], "IdentityName": name,
            "PayerIdentity": body.get("PayerIdentity") or body["Identity"], "Currency": head["Currency"],
            "CurrAmount": amount.major, "CashAccAmount": amount.major, "DomAmount": None, "Text": body.get("Text"),
            "LedgerItemSeriesId": series, "LedgerItemId": item_id, "Objstate": "Entered",
        }
    )  # fmt: skip
    if series or item_id:
        match(tenant, row, {"LedgerItemSeriesId": series, "LedgerItemId": item_id, "CurrAmount": None})
    return row


def match(tenant: Tenant, lump_sum: Row, given: Row) -> Row:
    """`MixedPaymentLumpSum_MatchItem`: intend the transaction (or a part) for a ledger item. Raises `Business`."""
    _changeable(head_of(tenant, lump_sum))
    item = _item(tenant, lump_sum, given["LedgerItemSeriesId"], given["LedgerItemId"])
    amount = given["CurrAmount"] if given["CurrAmount"] is not None else lump_sum["CurrAmount"]
    matched = sum((row["CurrAmount"] for row in matches(tenant, lump_sum)), Decimal(0))
    if amount * lump_sum["CurrAmount"] <= 0 or abs(matched + amount) > abs(lump_sum["CurrAmount"]):
        raise record_rule("MixedPaymentLumpSum.MATCHAMOUNT", "More is matched than the transaction has.")
    if given["CurrAmount"] is not None and abs(amount) > abs(payment_postings.takes(tenant, item, amount)):
        raise record_rule("MixedPaymentLumpSum.ITEMAMOUNT", f"Item {item['LedgerItemId']} has less than {amount} open.")
    key = {name: lump_sum[name] for name in ("Company", "MixedPaymentId", "LumpSumTransId")}
    tenant.table("MixedPaymentMatch").add(
        {
            **key, "MatchId": len(matches(tenant, lump_sum)) + 1, "LedgerItemSeriesId": item["LedgerItemSeriesId"],
            "LedgerItemId": item["LedgerItemId"], "CurrAmount": amount,
        }
    )  # fmt: skip
    return tenant.table("MixedPaymentLumpSum").change(lump_sum, Objstate="Matched")


def add_posting(tenant: Tenant, body: Row, parent: Row | None) -> Row:
    """`POST MixedPaymentManPostingArray`: money in (positive) or out against an account, with code string and tax."""
    head = _changeable(parent)
    rates.exact(tenant, head["Company"], body["CurrAmount"], head["Currency"], "MixedPaymentManPosting")
    key = {name: head[name] for name in ("Company", "MixedPaymentId")}
    number = len(payment_postings.manual_postings(tenant, head)) + 1
    return tenant.table("MixedPaymentManPosting").add({**body, **key, "ManPostingId": number})


def approve(tenant: Tenant, head: Row) -> Row:
    """`MixedPayment_Approve`: clear the items, make the voucher in the hold table. Raises `Business`, changing nothing."""
    if head["Objstate"] != "NotApproved":
        raise wrong_state("MixedPayment", "Approve", head["Objstate"])
    lumps, manual = lump_sums(tenant, head), payment_postings.manual_postings(tenant, head)
    if not lumps and not manual:
        raise record_rule("MixedPayment.NOTRANSACTIONS", "The mixed payment has no transactions.")
    rows: list[Row] = []
    for each in lumps:
        rows += payment_postings.settle(tenant, head, each, matches(tenant, each))
    for posting in manual:
        rows += payment_postings.manual(tenant, head, posting)
    voucher = payment_postings.voucher(
        tenant, head, rows, head["VoucherText"] or f"Mixed payment {head['MixedPaymentId']}"
    )
    for each in lumps:
        tenant.table("MixedPaymentLumpSum").change(each, Objstate="Approved")
    return tenant.table("MixedPayment").change(
        head,
        Objstate="Approved",
        VoucherTypeRef=voucher["VoucherType"],
        VoucherNoRef=voucher["VoucherNo"],
        VoucherDateRef=voucher["VoucherDate"],
        AccountingYearRef=voucher["AccountingYear"],
    )


def change(tenant: Tenant, head: Row, values: Row) -> None:
    """Change the head of a payment that is not approved. Raises `Business`."""
    tenant.table("MixedPayment").change(_changeable(head), **values)


def cancel(tenant: Tenant, head: Row) -> Row:
    """`MixedPayment_Cancel`: only before approval."""
    return tenant.table("MixedPayment").change(_changeable(head), Objstate="Cancelled")


def cancel_matching(tenant: Tenant, lump_sum: Row) -> Row:
    """`MixedPaymentLumpSum_CancelMatching`: items open again, a reversal voucher, and a parked payment. Raises
    `Business`.
    """
    head = head_of(tenant, lump_sum)
    if lump_sum["Objstate"] != "Approved":
        raise wrong_state("MixedPaymentLumpSum", "CancelMatching", lump_sum["Objstate"])
    rows: list[Row] = []
    for each in matches(tenant, lump_sum):
        rows += payment_postings.unsettle(tenant, head, lump_sum, each)
    if rows:
        payment_postings.voucher(tenant, head, rows, f"REV {lump_sum['Text'] or ''}".strip(), of=head)
    return tenant.table("MixedPaymentLumpSum").change(lump_sum, Objstate="MatchingCancelled")


def lump_sums(tenant: Tenant, head: Row) -> list[Row]:
    rows = tenant.table("MixedPaymentLumpSum").where("MixedPaymentId", head["MixedPaymentId"])
    return [row for row in rows if row["Company"] == head["Company"]]


def matches(tenant: Tenant, lump_sum: Row) -> list[Row]:
    columns = ("Company", "LumpSumTransId")
    rows = tenant.table("MixedPaymentMatch").where("MixedPaymentId", lump_sum["MixedPaymentId"])
    return [row for row in rows if all(row[column] == lump_sum[column] for column in columns)]


def head_of(tenant: Tenant, lump_sum: Row) -> Row:
    return tenant.table("MixedPayment")[(lump_sum["Company"], lump_sum["MixedPaymentId"])]


def _changeable(head: Row | None) -> Row:
    assert head is not None
    if head["Objstate"] != "NotApproved":
        raise wrong_state("MixedPayment", "Modify", head["Objstate"])
    return head


def _item(tenant: Tenant, lump_sum: Row, series: str | None, number: str | None) -> Row:
    try:
        item = invoices.ledger_item(tenant, lump_sum["Company"], series or "", number or "")
    except KeyError as problem:
        raise no_such_record("LedgerItem", f"Ledger item {series} {number} does not exist.") from problem
    if item["Identity"] != lump_sum["Identity"]:
        raise record_rule("MixedPaymentLumpSum.OTHERIDENTITY", f"Item {series} {number} is not that of the customer.")
    if item["Currency"] != lump_sum["Currency"]:
        raise record_rule("MixedPaymentLumpSum.ITEMCURRENCY", f"Item {series} {number} is in {item['Currency']}.")
    if item["Objstate"] == "Cancelled":
        raise record_rule("MixedPaymentLumpSum.ITEMCANCELLED", f"Item {series} {number} is cancelled.")
    return item
