"""Bank entries: deposits and withdrawals with their distributions. They cannot be changed again (section 2.10)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from bookkeeping.money import Money
from sandbox.sage300 import batches, periods
from sandbox.sage300.books import Line, Posting
from sandbox.sage300.refusals import FieldInvalid, RecordInvalid, no_such
from sandbox.sage300.schema import Row
from sandbox.sage300.writing import Rules, Work

if TYPE_CHECKING:
    from sandbox.sage300.company import Company


def begin(work: Work, row: Row) -> None:
    row["SequenceNumber"] = batches.next_number(work.company, "bank entries")
    row["BankEntryNumber"] = f"BE{row['SequenceNumber']:010d}"
    row["BankEntryDate"] = row["PostingDate"] = work.company.today()


def date_put(work: Work, row: Row) -> None:
    row["PostingDate"] = row["BankEntryDate"]


def distribution_put(work: Work, row: Row) -> None:
    if not row["DistributionCode"]:
        return
    found = work.company.tables["BKBankDistributionCodes"].get(row["DistributionCode"])
    if found is None:
        raise no_such("Distribution Code", row["DistributionCode"])
    row["GLAccount"] = found["GLAccount"]


def detail_finish(work: Work, row: Row) -> None:
    if work.company.account(row["GLAccount"], formatted=True) is None:
        raise no_such("G/L Account", row["GLAccount"])


def finish(work: Work, row: Row) -> None:
    if row["BankCode"] not in work.company.tables["BKBanks"]:
        raise no_such("Bank Code", row["BankCode"])
    if not row["BankEntryDetail"]:
        raise RecordInvalid("A bank entry needs a detail.")
    year, period = periods.period_of(work.company, row["PostingDate"])
    periods.check(work, ("BK",), year, period, f"Posting date {row['PostingDate']}")
    currency = work.company.tables["BKBanks"][row["BankCode"]]["StatementCurrency"]
    for each in row["BankEntryDetail"]:
        each["SequenceNumber"] = row["SequenceNumber"]
        work.company.check_places("Source Amount", each["SourceAmount"], currency)
    row["TotalAmount"] = sum((each["SourceAmount"] for each in row["BankEntryDetail"]), Decimal(0))
    if row["TotalAmount"] <= 0:
        raise FieldInvalid("The amount of a bank entry is invalid.")
    if work.company.switches.bank_entries_posted:
        post(work.company, row)


def post(company: Company, row: Row) -> None:
    """Bring an entry into the books. Raises `FieldInvalid` when that has happened."""
    if row["Posted"] == "Yes":
        raise FieldInvalid(f"Bank entry {row['BankEntryNumber']} has been posted.")
    bank = company.tables["BKBanks"][row["BankCode"]]
    currency = bank["StatementCurrency"]
    sign = 1 if row["BankEntryType"] == "Deposits" else -1
    lines = [
        _line(company, each["GLAccount"], -sign * each["SourceAmount"], currency) for each in row["BankEntryDetail"]
    ]
    total = Money.from_major(sign * row["TotalAmount"], currency).minor
    # The bank takes the rounding of its distributions.
    bank_line = Line(bank["BankAccount"].replace("-", ""), total, -sum(each.base_minor for each in lines))
    year, period = periods.period_of(company, row["PostingDate"])
    company.books.book(
        Posting(
            "BankEntry",
            row["BankEntryNumber"],
            row["EntryDescription"],
            "",
            str(row["SequenceNumber"]),
            "1",
            row["PostingDate"],
            f"{year}-{period}",
            currency,
            (bank_line, *lines),
        )
    )
    row["Posted"] = "Yes"


def _line(company: Company, account: str, amount: Decimal, currency: str) -> Line:
    functional = company.in_functional(amount, company.rate(currency))
    return Line(
        account.replace("-", ""),
        Money.from_major(amount, currency).minor,
        Money.from_major(functional, company.functional).minor,
    )


RULES = {
    "BankEntry": Rules(begin, {"BankEntryDate": date_put}, finish, frozenset({"BankEntryDate", "PostingDate"})),
    "BankEntryDetail": Rules(puts={"DistributionCode": distribution_put}, finish=detail_finish),
}
