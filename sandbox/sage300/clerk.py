"""A bookkeeper at the Sage 300 desktop: makes ready, posts, edits, applies and locks while a connector is at work."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bookkeeping.money import Money
from sandbox.sage300 import (
    bank_entries,
    batches,
    inserting,
    post_documents,
    post_journals,
    post_receipts,
    post_refunds,
    posting,
    recurring,
    returns,
)
from sandbox.sage300.schema import Row
from sandbox.sage300.tables import Key, clone

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

_POSTERS = {
    each.resource: each
    for each in (post_documents.POSTER, post_receipts.POSTER, post_refunds.POSTER, post_journals.POSTER)
}


class Clerk:
    """Screen work. Raises `KeyError` for what does not exist and a `Refusal` where the screen would refuse, too.

    `resource` is a batch resource such as `ARInvoiceBatches`, `number` its batch number; receipts take `record_type`.
    """

    def __init__(self, company: Company) -> None:
        self._company = company

    # -- batches ------------------------------------------------------------------------------------------------------

    def make_ready(self, resource: str, number: int | str, record_type: str = "CA") -> None:
        self._set_state(resource, number, record_type, "ReadyToPost")

    def reopen(self, resource: str, number: int | str, record_type: str = "CA") -> None:
        """Take Ready To Post back."""
        self._set_state(resource, number, record_type, "Open")

    def post(self, resource: str, number: int | str, record_type: str = "CA") -> Row:
        """Make a batch ready and post it; the batch as it then is."""
        with self._company.lock:
            batch = self._batch(resource, number, record_type)
            state = batches.STATES[resource][0]
            if batch[state] == "Open":
                self._set_state(resource, number, record_type, "ReadyToPost")
            batch["_listed"] = True
            posting.run(self._company, _POSTERS[resource], [batch])
            return batch

    def post_all(self, resource: str) -> int:
        """Post every open or ready batch of a kind; how many."""
        with self._company.lock:
            state = batches.STATES[resource][0]
            chosen = [each for each in self._company.tables[resource] if each[state] in ("Open", "ReadyToPost")]
            for batch in chosen:
                batch[state], batch["_listed"] = "ReadyToPost", True
            posting.run(self._company, _POSTERS[resource], chosen)
            return len(chosen)

    def print_listing(self, resource: str, number: int | str, record_type: str = "CA") -> None:
        with self._company.lock:
            batch = self._batch(resource, number, record_type)
            batch["_listed"], batch["BatchPrintedFlag"] = True, "Yes"

    def print_deposit_slip(self, number: int) -> None:
        """From now on the receipt batch cannot be modified."""
        with self._company.lock:
            self._batch("ARReceiptAndAdjustmentBatches", number, "CA")["DepositSlipPrinted"] = "Yes"

    def restart_posting(self, resource: str, number: int | str, record_type: str = "CA") -> None:
        """Restart a posting that stopped half-way (PostInProgress)."""
        with self._company.lock:
            batch = self._batch(resource, number, record_type)
            batch[batches.STATES[resource][0]] = "ReadyToPost"
            batch["_listed"] = True
            posting.run(self._company, _POSTERS[resource], [batch])

    def delete_batch(self, resource: str, number: int | str, record_type: str = "CA") -> None:
        """A deleted batch keeps its number and its header; its entries are gone."""
        with self._company.lock:
            batch = self._batch(resource, number, record_type)
            state, entries = batches.STATES[resource]
            if batch[state] == "Posted":
                raise ValueError(f"batch {number} has been posted")
            batch[entries], batch[state] = [], "Deleted"
            self._company.totals[resource](self._company, batch)

    def edit_batch(self, resource: str, number: int | str, record_type: str = "CA", **values: Any) -> None:
        """Change header properties, such as `Description`, of a batch that is not posted."""
        with self._company.lock:
            batch = self._batch(resource, number, record_type)
            batches.check_editable(self._company, resource, self._key(resource, number, record_type), batch)
            batch.update(values)

    def delete_entry(self, resource: str, number: int | str, entry: int | str, record_type: str = "CA") -> None:
        """Delete one entry of an open batch."""
        with self._company.lock:
            batch = self._batch(resource, number, record_type)
            name = batches.STATES[resource][1]
            left = [each for each in batch[name] if each["EntryNumber"] != entry]
            if len(left) == len(batch[name]):
                raise KeyError(f"batch {number} has no entry {entry}")
            batch[name] = left
            self._company.totals[resource](self._company, batch)

    def copy_batch(self, resource: str, number: int | str, record_type: str = "CA") -> Row:
        """Enter the same batch a second time, as happens by mistake."""
        with self._company.lock:
            batch = clone(self._batch(resource, number, record_type))
            state = batches.STATES[resource][0]
            batch["BatchNumber"] = self._company.new_batch_number(resource, batch)
            batch[state] = "Open"
            return self._company.tables[resource].add(batch)

    def open_batch(self, resource: str, number: int | str, record_type: str = "CA", times: int = -1) -> None:
        """Hold a batch open on the screen: changes by others are refused so many times, or until it is closed."""
        self._company.locks[resource, self._key(resource, number, record_type)] = times

    def close_batch(self, resource: str, number: int | str, record_type: str = "CA") -> None:
        self._company.locks.pop((resource, self._key(resource, number, record_type)), None)

    # -- documents ----------------------------------------------------------------------------------------------------

    def add_invoice(self, customer: str, number: str, amount_minor: int, **details: Any) -> Row:
        """Enter and post an invoice; see `Company.add_invoice`."""
        return self._company.add_invoice(customer, number, amount_minor, **details)

    def enter_invoice(self, customer: str, number: str, amount_minor: int) -> Row:
        """Enter an invoice into an open batch, without posting; the batch."""
        currency = self._company.tables["ARCustomers"][customer]["CurrencyCode"]
        entry = {
            "CustomerNumber": customer,
            "DocumentType": "Invoice",
            "DocumentNumber": number,
            "TaxGroup": "NOTAX",
            "InvoiceDetails": [
                {"RevenueAccount": "4000", "ExtendedAmountWithTIP": Money(amount_minor, currency).major}
            ],
        }
        with self._company.lock:
            return inserting.insert(self._company, "ARInvoiceBatches", {"Description": "By hand", "Invoices": [entry]})

    def receive(
        self,
        customer: str,
        document: str,
        amount_minor: int,
        *,
        bank: str = "MAIN",
        check: str = "BYHAND",
        on: date | None = None,
        post: bool = True,
        payment: int = 1,
    ) -> Row:
        """Enter a receipt that came in another way, applied to a document (or to none when blank); the batch."""
        company = self._company
        with company.lock:
            currency = company.tables["ARCustomers"][customer]["CurrencyCode"]
            amount = Money(amount_minor, currency).major
            day = (on or company.today()).isoformat()
            entry: dict[str, Any] = {
                "CustomerNumber": customer,
                "ReceiptTransactionType": "Receipt",
                "ReceiptDateAdjustmentDate": day,
                "PostingDate": day,
                "CheckReceiptNumber": check,
                "BankReceiptAmount": amount,
            }
            if document:
                entry["AppliedReceiptsAdjustments"] = [
                    {"DocumentNumber": document, "PaymentNumber": payment, "CustomerReceiptAmount": amount}
                ]
            body = {
                "BatchRecordType": "CA",
                "BatchDate": day,
                "BankCode": bank,
                "Description": "By hand",
                "ReceiptsAdjustments": [entry],
            }
            batch = inserting.insert(company, "ARReceiptAndAdjustmentBatches", body)
            if post:
                self.post("ARReceiptAndAdjustmentBatches", batch["BatchNumber"])
            return batch

    def apply(self, customer: str, source: str, document: str, amount_minor: int, payment: int = 1) -> Row:
        """Apply an open receipt, prepayment or credit note to a document, and post that."""
        company = self._company
        with company.lock:
            currency = company.tables["ARCustomers"][customer]["CurrencyCode"]
            entry = {
                "CustomerNumber": customer,
                "ReceiptTransactionType": "ApplyDocument",
                "DocumentNumber": source,
                "AppliedReceiptsAdjustments": [
                    {
                        "DocumentNumber": document,
                        "PaymentNumber": payment,
                        "CustomerReceiptAmount": Money(amount_minor, currency).major,
                    }
                ],
            }
            body = {
                "BatchRecordType": "CA",
                "BankCode": "MAIN",
                "Description": "By hand",
                "ReceiptsAdjustments": [entry],
            }
            batch = inserting.insert(company, "ARReceiptAndAdjustmentBatches", body)
            return self.post("ARReceiptAndAdjustmentBatches", batch["BatchNumber"])

    def return_receipt(
        self, customer: str, check: str, reason: str = "Returned by bank", on: date | None = None
    ) -> None:
        """Bank Services, Reverse Transactions: the receipt is marked, what it was applied to is open again."""
        with self._company.lock:
            returns.return_receipt(self._company, customer, check, reason, on or self._company.today())

    def post_bank_entry(self, number: int) -> None:
        with self._company.lock:
            bank_entries.post(self._company, self._company.tables["BKBankEntries"][number])

    def run_recurring(self, on: date | None = None, *, post: bool = True) -> list[str]:
        """Create the batch of recurring charges that are due, and post it; the numbers of the invoices."""
        company = self._company
        with company.lock:
            charges = recurring.due(company, on or company.today())
            if not charges:
                return []
            entries = [recurring.invoice_of(company, charge) for charge in charges]
            body = {"Description": "Recurring charges", "Invoices": entries}
            batch = inserting.insert(company, "ARInvoiceBatches", body)
            batch["BatchType"] = "Recurring"
            if post:
                self.post("ARInvoiceBatches", batch["BatchNumber"])
            return [entry["DocumentNumber"] for entry in batch["Invoices"]]

    # -- masters ------------------------------------------------------------------------------------------------------

    def edit_customer(self, number: str, **values: Any) -> None:
        """Change properties of a customer, such as `OnHold`, `Status`, `Email` or `CustomerName`."""
        with self._company.lock:
            inserting.update(self._company, "ARCustomers", (number,), values, replace=False)

    def hold_customer(self, number: str, *, held: bool = True) -> None:
        self.edit_customer(number, OnHold="Yes" if held else "No")

    def renumber_customer(self, number: str, fresh: str) -> None:
        """The customer number change utility: documents go along."""
        company = self._company
        with company.lock:
            for name in ("ARCustomers", "ARPostedDocuments", "ARPostedReceipts", "ARRecurringCharges"):
                table = company.tables[name]
                for row in [each for each in table if each["CustomerNumber"] == number]:
                    table.remove(*table.kind.key_of(row))
                    row["CustomerNumber"] = fresh
                    table.add(row)

    def add_recurring_charge(self, code: str, customer: str, amount_minor: int, schedule: str, **values: Any) -> Row:
        """A recurring charge of one line; `values` are properties such as `EffectiveDate` (ISO)."""
        with self._company.lock:
            currency = self._company.tables["ARCustomers"][customer]["CurrencyCode"]
            body = {
                "RecurringChargeCode": code,
                "CustomerNumber": customer,
                "Description": code,
                "Schedule": schedule,
                **values,
                "RecurringChargeDetails": [
                    {"RevenueAccount": "4000", "ExtendedAmountWithTIP": Money(amount_minor, currency).major}
                ],
            }
            return inserting.insert(self._company, "ARRecurringCharges", body)

    def edit_recurring_charge(self, code: str, customer: str, **values: Any) -> None:
        """Change a recurring charge, such as `Status` to `Inactive`; `amount_minor` replaces the amount of its line."""
        with self._company.lock:
            currency = self._company.tables["ARCustomers"][customer]["CurrencyCode"]
            if "amount_minor" in values:
                major = Money(int(values.pop("amount_minor")), currency).major
                values["RecurringChargeDetails"] = [{"LineNumber": 20, "ExtendedAmountWithTIP": major}]
            inserting.update(self._company, "ARRecurringCharges", (code, customer), values, replace=False)

    def delete_recurring_charge(self, code: str, customer: str) -> None:
        with self._company.lock:
            self._company.tables["ARRecurringCharges"].remove(code, customer)

    def lock_period(self, year: int, period: int, modules: tuple[str, ...] = ()) -> None:
        self._company.lock_period(year, period, *modules)

    def unlock_period(self, year: int, period: int) -> None:
        self._company.unlock_period(year, period)

    def set_rate(self, currency: str, rate: str, on: date | None = None) -> None:
        self._company.add_rate(currency, Decimal(rate), on or self._company.today())

    def restrict_account(self, number: str, subledgers: tuple[str, ...]) -> None:
        """Make a ledger account a control account that only these applications may post to."""
        with self._company.lock:
            row = self._company.tables["GLAccounts"][number]
            row["ControlAccount"] = "Yes"
            row["ControlAccountSubledgers"] = [
                {"UnformattedAccount": number, "SubledgerApplication": name} for name in subledgers
            ]

    def change_user(self, user_id: str, **values: Any) -> None:
        """Change a user, such as `password`, `password_expired`, `web_api` (modules) or `denied` (resources)."""
        user = self._company.gate.users[user_id]
        for name, value in values.items():
            if not hasattr(user, name):
                raise ValueError(f"a user has no {name}")
            setattr(user, name, set(value) if isinstance(getattr(user, name), set) else value)

    def unlock_user(self, user_id: str) -> None:
        user = self._company.gate.users[user_id]
        user.locked, user.failures = False, 0

    # -- -------------------------------------------------------------------------------------------------------------

    def _set_state(self, resource: str, number: int | str, record_type: str, state: str) -> None:
        with self._company.lock:
            batch = self._batch(resource, number, record_type)
            name = batches.STATES[resource][0]
            if batch[name] not in ("Open", "ReadyToPost"):
                raise ValueError(f"batch {number} is {batch[name]}")
            batch[name] = state
            if "ReadyToPost" in batch:
                batch["ReadyToPost"] = "Yes" if state == "ReadyToPost" else "No"

    def _key(self, resource: str, number: int | str, record_type: str) -> Key:
        return (record_type, number) if resource == "ARReceiptAndAdjustmentBatches" else (number,)

    def _batch(self, resource: str, number: int | str, record_type: str) -> Row:
        if resource not in batches.STATES:
            raise KeyError(f"{resource} are no batches; known: {', '.join(batches.STATES)}")
        return self._company.tables[resource][self._key(resource, number, record_type)]
