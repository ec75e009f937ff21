"""What each ERP's stand-in says of its own books, in words that can be compared: the judge of exactly-once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.datev.books import Books
from sandbox.datev.datacentre import DataCentre
from sandbox.exact_online.division import Division
from sandbox.ifs_cloud.tenant import Tenant
from sandbox.sage300.company import Company as Sage300Company
from sandbox.visma.company import Company

Documents = Counter[tuple[Any, ...]]


class LedgerBooks(Protocol):
    """The books of one company."""

    def documents(self) -> Documents:
        """Every document with what it says; two that say the same are counted, drafts too."""
        ...

    def clearing(self, currency: str = "EUR") -> int:
        """The balance of the clearing account, minor units."""
        ...

    def balances(self) -> dict[str, int]:
        """What is not zero, minor units by account or customer, and currency."""
        ...


@dataclass(frozen=True, slots=True)
class VismaBooks:
    company: Company

    def documents(self) -> Documents:
        with self.company.lock:
            found: Counter[tuple[Any, ...]] = Counter(
                (p.type, p.reference, p.status, p.customer, p.amount_minor, p.currency)
                for p in self.company.payments.values()
            )
            found.update(
                (d.kind, d.external_reference, d.status, d.customer, d.total_minor, d.balance_minor)
                for d in self.company.documents.values()
            )
            found.update(
                ("Journal", b.description, b.status, b.debit_minor, b.credit_minor)
                for b in self.company.batches.values()
                if b.module == "GL"
            )
            found.update(("Customer", c.number, *sorted(c.attributes.items())) for c in self.company.customers.values())
            return found

    def clearing(self, currency: str = "EUR") -> int:
        return self.company.books.balance({"EUR": "1985", "GBP": "1986"}[currency], currency)

    def balances(self) -> dict[str, int]:
        return _flat(self.company.books.balances(), self.company.books.receivables())


@dataclass(frozen=True, slots=True)
class DatevBooks:
    centre: DataCentre

    @property
    def books(self) -> Books:
        return self.centre.books("455148-1")

    def documents(self) -> Documents:
        rejected = [record for record in self.books.files if record.state == "rejected"]
        assert not rejected, rejected
        found: Counter[tuple[Any, ...]] = Counter(row.meaning for row in self.books.rows)
        found.update(("Debtor", number, columns.get(244, "")) for number, columns in self.books.parties.items())
        return found

    def clearing(self, currency: str = "EUR") -> int:
        return self.books.balance("1360")

    def balances(self) -> dict[str, int]:
        return _without_zeros({f"account {account}": self.books.balance(account) for account in self.books.turnovers})


@dataclass(frozen=True, slots=True)
class ExactOnlineBooks:
    division: Division

    def documents(self) -> Documents:
        """Line by line, because after a refusal other postings may share an entry than at first."""
        with self.division.lock:
            found: Counter[tuple[Any, ...]] = Counter(
                (row["JournalCode"], row["Description"], row["GLAccountCode"], row["AccountCode"], row["AmountFC"])
                for row in self.division.tables["TransactionLines"]
                if row["LineNumber"]
            )
            found.update(
                ("Mandate", row["Reference"], row["Account"], row.get("CancellationDate") is not None)
                for row in self.division.tables["DirectDebitMandates"]
            )
            found.update(
                ("Customer", row["Code"].strip(), row.get("SearchCode"), row.get("Email"))
                for row in self.division.tables["Accounts"]
            )
            found.update(
                ("Receivable", row["InvoiceNumber"], row["PaymentReference"])
                for row in self.division.tables["Terms"]
                if row.get("PaymentReference")
            )
            return found

    def clearing(self, currency: str = "EUR") -> int:
        return self.division.books.balance({"EUR": "1230", "GBP": "1231"}[currency], currency)

    def balances(self) -> dict[str, int]:
        return _flat(self.division.books.balances(), self.division.books.receivables())


@dataclass(frozen=True, slots=True)
class Sage300Books:
    company: Sage300Company

    def documents(self) -> Documents:
        """Entry by entry, because after a refusal other postings may share a batch than at first. Batches that Sage made are left
        out, those that a refusal emptied, and entries in error, which stand in a batch of errors once more."""
        with self.company.lock:
            tables = self.company.tables
            found: Counter[tuple[Any, ...]] = Counter(
                ("Receipt", x["CheckReceiptNumber"], x["EntryReference"], x["CustomerNumber"], x["BankReceiptAmount"])
                for row in tables["ARReceiptAndAdjustmentBatches"]
                if row["BatchStatus"] != "Deleted"
                for x in row["ReceiptsAdjustments"]
                if not x["ErrorBatch"]
            )
            found.update(
                (x["DocumentType"], x["DocumentNumber"], x["CustomerNumber"], x["DocumentTotalIncludingTax"])
                for row in tables["ARInvoiceBatches"]
                if row["BatchStatus"] != "Deleted" and row["Description"].startswith("GC ")
                for x in row["Invoices"]
                if not x["ErrorBatch"]
            )
            found.update(
                ("Refund", x["DocumentNumber"], x["CustomerNumber"], x["CashAmountPayment"])
                for row in tables["ARRefundBatches"]
                if row["BatchStatus"] != "Deleted"
                for x in row["RefundEntries"]
                if not x["ErrorBatch"]
            )
            found.update(
                (
                    "Journal",
                    x["Description"],
                    line["AccountNumber"],
                    line["Reference"],
                    line["Description"],
                    line["Amount"],
                )
                for row in tables["GLJournalBatches"]
                if row["Status"] != "Deleted" and row["Description"].startswith("GC ")
                for x in row["JournalHeaders"]
                if not x["ErrorBatch"]
                for line in x["JournalDetails"]
            )
            found.update(
                ("Customer", row["CustomerNumber"], row["Email"],
                 *sorted((x["OptionalField"], x["Value"]) for x in row["CustomerOptionalFieldValues"]))
                for row in tables["ARCustomers"]
            )  # fmt: skip
            return found

    def clearing(self, currency: str = "EUR") -> int:
        return int(self.company.books.balance({"EUR": "1099", "GBP": "1098"}[currency]))

    def balances(self) -> dict[str, int]:
        """Accounts in the functional currency, and customers in their own."""
        books = self.company.books
        found = {f"account {account}": minor for account, minor in books.balances().items()}
        return _without_zeros(found | _named("customer", books.receivables()))


@dataclass(frozen=True, slots=True)
class IfsCloudBooks:
    tenant: Tenant

    def documents(self) -> Documents:
        """Line by line, because after a refusal other postings may share a payment than at first. Cancelled ones are left out."""
        with self.tenant.lock:
            dead = {
                (row["Company"], row["MixedPaymentId"])
                for row in self.tenant.table("MixedPayment")
                if row["Objstate"] == "Cancelled"
            }
            found: Counter[tuple[Any, ...]] = Counter(
                ("Transaction", row["Text"], row["Identity"], row["CurrAmount"], row["LedgerItemId"])
                for row in self.tenant.table("MixedPaymentLumpSum")
                if (row["Company"], row["MixedPaymentId"]) not in dead
            )
            found.update(
                ("Row", row["ReferenceNumber"], row["Account"], row["CurrencyCode"], row["Text"],
                 row["CurrencyDebetAmount"], row["CurrencyCreditAmount"])
                for row in self.tenant.table("VoucherRow")
                if row["FunctionGroup"] == "M"
            )  # fmt: skip
            found.update(("Customer", row["CustomerId"], row["Name"]) for row in self.tenant.table("CustomerInfo"))
            found.update(("Draft", row["Objkey"]) for row in self.tenant.table("VoucherEntry"))
            return found

    def clearing(self, currency: str = "EUR") -> int:
        return int(self.tenant.books["10"].balance({"EUR": "1940", "GBP": "1941"}[currency], currency))

    def balances(self) -> dict[str, int]:
        told = self.tenant.books["10"].told()
        return _flat(told["balances"], told["receivable"])


def _flat(accounts: Mapping[str, Mapping[str, int]], customers: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return _without_zeros(_named("account", accounts) | _named("customer", customers))


def _named(what: str, by_currency: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {
        f"{what} {name} {currency}": minor
        for currency, balances in by_currency.items()
        for name, minor in balances.items()
    }


def _without_zeros(balances: Mapping[str, int]) -> dict[str, int]:
    return {name: minor for name, minor in balances.items() if minor}
