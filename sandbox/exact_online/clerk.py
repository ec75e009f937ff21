"""A bookkeeper at the screen: processes, settles, undoes and deletes while a connector is at work."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bookkeeping.money import Money
from sandbox.exact_online import bank_entries, entries, filling, general_journals, matching, sales_entries
from sandbox.exact_online.calls import Call
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

_SCREEN = Call("POST", {}, {}, b"", "", "")
_DELETERS = {
    "BankEntries": bank_entries.delete,
    "GeneralJournalEntries": general_journals.delete,
    "SalesEntries": sales_entries.delete,
}


class Clerk:
    """Screen work. Raises `KeyError` for an unknown document and a `Refusal` where the screen would refuse, too."""

    def __init__(self, division: Division) -> None:
        self._division = division

    def pay_invoice(
        self, number: int, amount_minor: int, *, journal: str = "20", on: date | None = None, match: bool = True
    ) -> Row:
        """Book a receipt that came in another way, and settle the invoice with it; returns the bank entry."""
        division = self._division
        with division.lock:
            item = self._open_item(number)
            line = {
                "GLAccount": item["GLAccount"],
                "Account": item["Account"],
                "AmountFC": Money(amount_minor, item["Currency"]).major,
                "Date": division.at_midnight(on or division.today()),
                "Description": "by hand",
            }
            entry = bank_entries.create(
                division, _SCREEN, {"JournalCode": journal, "Currency": item["Currency"], "BankEntryLines": [line]}
            )
            if match:
                receipt = division.tables["Terms"].where("TransactionEntryID", entry["EntryID"])[0]
                matching.settle(division, item, receipt)
            return entry

    def match(self, invoice_item: str, receipt_item: str) -> None:
        """Settle two open items by the IDs of Receivables."""
        division = self._division
        with division.lock:
            terms = division.tables["Terms"]
            if terms[invoice_item]["minor"] * terms[receipt_item]["minor"] >= 0:
                raise ValueError("items of one sign cannot be settled")
            matching.settle(division, terms[invoice_item], terms[receipt_item])

    def unmatch(self, number: int) -> None:
        """Undo what settled an invoice: it is open again, and so is the receipt."""
        with self._division.lock:
            for item in self._division.tables["Terms"].where("InvoiceNumber", number):
                if item["ID"] in self._division.settlements:
                    matching.undo(self._division, item["ID"])
                    return
            raise KeyError(f"invoice {number} is not settled")

    def select_for_collection(self, number: int) -> None:
        """Put an open item into Exact Online's own collection run (status 30)."""
        with self._division.lock:
            self._division.tables["Terms"].change(self._open_item(number)["ID"], Status=30)

    def process_entry(self, entry_id: str) -> None:
        """Process an open entry: from now on it can neither be changed nor deleted."""
        with self._division.lock:
            table, _ = self._entry(entry_id)
            table_of = self._division.tables[table]
            table_of.change(entry_id, Status=50, StatusDescription=entries.STATUS_TEXTS[50])
            for line in self._division.tables["TransactionLines"].where("EntryID", entry_id):
                self._division.tables["TransactionLines"].change(line["ID"], Status=50)

    def delete_entry(self, entry_id: str) -> None:
        with self._division.lock:
            table, row = self._entry(entry_id)
            _DELETERS[table](self._division, row)

    def edit_account(self, code: str, **values: Any) -> Row:
        """Change fields of a customer, such as `Name`, `Email` or `Blocked`."""
        with self._division.lock:
            return self._division.tables["Accounts"].change(self._division.account(code)["ID"], **values)

    def add_payable(self, supplier: str, amount_minor: int, *, on: date = date(2026, 1, 5)) -> str:
        """Book a supplier's invoice; the EntryID."""
        with self._division.lock:
            return filling.add_payable(self._division, supplier, amount_minor, on)

    def set_rate(self, currency: str, rate: str) -> None:
        self._division.add_rate(currency, Decimal(rate), self._division.today())

    def select_division(self, code: int) -> None:
        """The user switches to another division: `CurrentDivision` follows, tokens stay as they are."""
        self._division.current_division = code

    def move_division(self) -> None:
        self._division.move()

    def close_period(self, year: int, period: int, journals: tuple[str, ...] = ()) -> None:
        self._division.close_period(year, period, journals)

    def reopen_period(self, year: int, period: int) -> None:
        self._division.reopen_period(year, period)

    def _open_item(self, number: int) -> Row:
        for item in self._division.tables["Terms"].where("InvoiceNumber", number):
            if not item["IsFullyPaid"] and item["minor"] > 0:
                return item
        raise KeyError(f"invoice {number} has no open item")

    def _entry(self, entry_id: str) -> tuple[str, Row]:
        for table in _DELETERS:
            row = self._division.tables[table].get(entry_id)
            if row is not None:
                return table, row
        raise KeyError(f"no entry {entry_id}")
