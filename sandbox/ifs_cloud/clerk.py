"""The clerk: a person at the tenant who pays, cancels and changes invoices, closes periods, and approves vouchers.

What the clerk does goes past the API's checks of rights and ETags, as another user's work does; it moves ETags.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from bookkeeping.money import Money
from sandbox.ifs_cloud import companies, invoices, mixed_payments, payment_loads, periods, proposals, vouchers
from sandbox.ifs_cloud.odata.edm import Row

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant


class Clerk:
    """Each method is one piece of work; the control API calls them by name (`POST /_control/clerk`)."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def change_invoice(self, company: str, invoice_no: str, series: str = "CI", **columns: Any) -> None:
        """Change columns of an invoice, such as `PayTermId` or `DueDate`; its ledger item follows a new due date."""
        with self._tenant.transaction():
            invoices.change(self._tenant, self.invoice(company, invoice_no, series), columns)

    def touch(self, company: str, invoice_no: str, series: str = "CI") -> None:
        """Save an invoice and its ledger item without a change: only the ETags move."""
        self._tenant.table("Invoice").touch(self.invoice(company, invoice_no, series))
        self._tenant.table("LedgerItem").touch(invoices.ledger_item(self._tenant, company, series, invoice_no))

    def change_customer(self, customer_id: str, **columns: Any) -> None:
        row = self._tenant.table("CustomerInfo")[(customer_id,)]
        self._tenant.table("CustomerInfo").change(row, **columns)

    def change_address(self, customer_id: str, address_id: str = "01", **columns: Any) -> None:
        """Change columns of an address, such as `City`."""
        table = self._tenant.table("CustomerInfoAddress")
        table.change(table[(customer_id, address_id)], **columns)

    def change_email(self, customer_id: str, value: str, comm_id: int = 1) -> None:
        table = self._tenant.table("CommMethod")
        table.change(table[(customer_id, comm_id)], Value=value)

    def pay(self, company: str, invoice_no: str, amount_minor: int | None = None, series: str = "CI") -> None:
        """Settle an invoice (or a part) with money that came to the bank some other way."""
        item = invoices.ledger_item(self._tenant, company, series, invoice_no)
        amount = Money(amount_minor, item["Currency"]).major if amount_minor is not None else invoices.open_of(item)
        with self._tenant.transaction():
            in_base = invoices.clear(self._tenant, item, amount)
            self._voucher(item, amount, in_base, "1930", f"Paid by bank: {series} {invoice_no}")

    def cancel_invoice(self, company: str, invoice_no: str, series: str = "CI") -> None:
        """Cancel an unpaid invoice. Raises `ValueError` when something of it is paid."""
        invoice = self.invoice(company, invoice_no, series)
        with self._tenant.transaction():
            if invoice["Objstate"] != "Preliminary":
                item = invoices.ledger_item(self._tenant, company, series, invoice_no)
                if item["ClearedCurrAmount"]:
                    raise ValueError(f"invoice {invoice_no} is partly paid and cannot be cancelled")
                account = self._tenant.posting_control.account(company, "revenue")
                self._voucher(item, item["FullCurrAmount"], item["FullDomAmount"], account, f"Cancelled {invoice_no}")
                self._tenant.table("LedgerItem").change(
                    item,
                    Objstate="Cancelled",
                    ClearedCurrAmount=item["FullCurrAmount"],
                    ClearedDomAmount=item["FullDomAmount"],
                )
            self._tenant.table("Invoice").change(invoice, Objstate="Cancelled")

    def close_period(
        self,
        company: str,
        year: int,
        period: int,
        user_group: str = "",
        ledger: str = "",
        finally_closed: bool = False,
    ) -> None:
        """Close a period for one user group and ledger, or for all."""
        status = "FinallyClosed" if finally_closed else "Closed"
        periods.set_status(self._tenant, company, year, period, status, user_group=user_group, ledger=ledger)

    def open_period(self, company: str, year: int, period: int, user_group: str = "", ledger: str = "") -> None:
        periods.set_status(self._tenant, company, year, period, "Open", user_group=user_group, ledger=ledger)

    def approve_vouchers(self, company: str) -> int:
        """Approve every voucher of the hold table that waits; how many there were."""
        waiting = [
            row
            for row in self._tenant.table("Voucher").where("Place", vouchers.HOLD)
            if row["Company"] == company and row["VoucherStatus"] in ("AwaitingApproval", "NotApproved")
        ]
        with self._tenant.transaction():
            for row in waiting:
                vouchers.set_status(self._tenant, row, "Approved", "ReadyToUpdate")
        return len(waiting)

    def cancel_voucher(self, company: str, year: int, voucher_type: str, number: int) -> None:
        """Cancel a voucher of the hold table."""
        head = self._tenant.table("Voucher")[(company, year, voucher_type, number)]
        with self._tenant.transaction():
            vouchers.set_status(self._tenant, head, "Cancelled", "Cancel")

    def update_ledger(self) -> int:
        """Run the batch that moves approved vouchers from the hold table to the general ledger."""
        return vouchers.update_ledger(self._tenant)

    def disconnect_voucher_type(self, company: str, year: int, voucher_type: str) -> None:
        """Take a voucher type from all user groups of a year, as it is each January until somebody connects it."""
        for row in self._tenant.table("VoucherTypeUserGroup").where("Company", company):
            if (row["AccountingYear"], row["VoucherType"]) == (year, voucher_type):
                self._tenant.table("VoucherTypeUserGroup").remove(row)

    def set_authority(self, company: str, level: str, voucher_type: str = "M") -> None:
        """`EnterOnly`, `ApproveOnly` or `EnterAndApprove` for all user groups and years."""
        if level not in ("EnterOnly", "ApproveOnly", "EnterAndApprove"):
            raise ValueError(f"{level!r} is not a level of authority")
        for row in self._tenant.table("VoucherTypeUserGroup").where("Company", company):
            if row["VoucherType"] == voucher_type:
                self._tenant.table("VoucherTypeUserGroup").change(row, AuthorizeLevel=level)

    def change_account(self, company: str, account: str, **columns: Any) -> None:
        """Such as `ReqCodeB="Mandatory"`."""
        self._tenant.table("Account").change(self._tenant.table("Account")[(company, account)], **columns)

    def set_posting_control(self, company: str, purpose: str, account: str) -> None:
        """Such as `("10", "parked", "2998")`; purposes are those of `posting_control.PURPOSES`."""
        self._tenant.posting_control.set(company, purpose, account)

    def approve_payments(self, company: str) -> int:
        """Transfer payments that wait in loads, and approve every mixed payment that is not; how many were approved."""
        tenant = self._tenant
        for load in [row for row in tenant.table("ExtFileLoad") if row["FileType"] == "ExtMixedPayment"]:
            if load["Company"] == company and load["State"] in ("Unpacked", "PartlyTransferred", "TransferError"):
                state, information = payment_loads.transfer(tenant, load["LoadFileId"], approve=False)
                tenant.table("ExtFileLoad").change(load, State=state, Info=information)
        waiting = [
            row for row in tenant.table("MixedPayment").where("Company", company) if row["Objstate"] == "NotApproved"
        ]
        for head in waiting:
            with tenant.transaction():
                mixed_payments.approve(tenant, head)
        return len(waiting)

    def propose(self, company: str, way: str, items: Sequence[Sequence[str]], acknowledged: bool = True) -> int:
        """A customer payment proposal of items named by series and number; its id."""
        pairs = [(series, number) for series, number in items]
        with self._tenant.transaction():
            head = proposals.add(self._tenant, company, way, pairs, acknowledged=acknowledged)
        return int(head["ProposalId"])

    def invoice(self, company: str, invoice_no: str, series: str = "CI") -> Row:
        """Raises `KeyError` when there is none."""
        for row in self._tenant.table("Invoice").where("InvoiceNo", invoice_no):
            if (row["Company"], row["SeriesId"]) == (company, series):
                return row
        raise KeyError(f"company {company} has no invoice {series} {invoice_no}")

    def _voucher(self, item: Row, amount: Any, in_base: Any, account: str, text: str) -> None:
        """`account` against receivables, for an amount of the item that is settled."""
        dated: date = self._tenant.today()
        sides = ("Debet", "Credit") if amount > 0 else ("Credit", "Debet")
        accounts: tuple[Row, Row] = (
            {"Account": account},
            {"Account": item["Account"], "PartyType": "Customer", "PartyTypeId": item["Identity"]},
        )
        rows = [
            {
                "CurrencyCode": item["Currency"],
                f"Currency{side}Amount": abs(amount),
                f"{side}Amount": abs(in_base),
                **each,
            }
            for side, each in zip(sides, accounts, strict=True)
        ]
        draft = vouchers.Draft(item["Company"], "B", dated, companies.USER_GROUP, text, rows, group="B", system=True)
        vouchers.create(self._tenant, draft)
