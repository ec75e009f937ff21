"""General-ledger journal batches as they are entered: accounts, control accounts, currencies, periods (section 2.9)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sandbox.sage300 import batches, periods
from sandbox.sage300.refusals import FieldInvalid, General, no_such
from sandbox.sage300.schema import Row
from sandbox.sage300.writing import Rules, Work

if TYPE_CHECKING:
    from sandbox.sage300.company import Company


def batch_begin(work: Work, row: Row) -> None:
    row["BatchNumber"] = f"{batches.next_number(work.company, 'GL'):06d}"
    row["DateCreated"] = row["DateLastEdited"] = work.company.today()
    row["SourceLedger"] = "GL"
    row["JournalBatchType"] = "Entered"
    row["ActiveSwitch"] = "Yes"


def status_put(work: Work, row: Row) -> None:
    """`Status` makes a batch ready only where that is the property of this release; elsewhere it changes nothing."""
    wanted = row["Status"]
    row["Status"] = "Open"
    if work.company.switches.gl_ready == "Status" and wanted == "ReadyToPost":
        _make_ready(work, row)
    elif wanted not in ("Open", "ReadyToPost"):
        raise General(f"Batch status cannot be set to {wanted}.")


def ready_put(work: Work, row: Row) -> None:
    if work.company.switches.gl_ready != "ReadyToPost":
        raise FieldInvalid("Ready To Post cannot be set.")
    if row["ReadyToPost"] == "Yes":
        _make_ready(work, row)


def _make_ready(work: Work, row: Row) -> None:
    if row.get("_new") and not work.company.switches.ready_on_insert:
        row["ReadyToPost"] = "No"
        return
    row["Status"], row["ReadyToPost"] = "ReadyToPost", "Yes"


def batch_finish(work: Work, row: Row) -> None:
    batch_totals(work.company, row)


def batch_totals(company: Company, row: Row) -> None:
    row["NumberOfEntries"] = len(row["JournalHeaders"])
    row["Debits"] = sum((each["Debits"] for each in row["JournalHeaders"]), Decimal(0))
    row["Credits"] = sum((each["Credits"] for each in row["JournalHeaders"]), Decimal(0))
    row["DateLastEdited"] = company.today()


# -- one entry -----------------------------------------------------------------------------------------------------------


def header_begin(work: Work, row: Row) -> None:
    row["BatchNumber"] = work.batch["BatchNumber"]
    row["EnteredBy"] = work.company.user_id
    row["SourceLedger"], row["SourceType"] = "GL", "JE"
    row["DocumentDate"] = row["PostingDate"] = work.company.today()
    posting_date_put(work, row)


def document_date_put(work: Work, row: Row) -> None:
    """Whether the posting date follows is doubtful (section 2.9), hence a switch."""
    if work.company.switches.document_date_leads:
        row["PostingDate"] = row["DocumentDate"]
        posting_date_put(work, row)


def posting_date_put(work: Work, row: Row) -> None:
    row["FiscalYear"], row["FiscalPeriod"] = periods.period_of(work.company, row["PostingDate"])


def header_finish(work: Work, row: Row) -> None:
    company = work.company
    if (row["SourceLedger"], row["SourceType"]) not in company.tables["GLSourceCodes"]:
        raise no_such("Source Code", f"{row['SourceLedger']}-{row['SourceType']}")
    if not periods.exists(company, row["FiscalYear"], row["FiscalPeriod"]):
        raise FieldInvalid(f"Cannot determine the fiscal period for {row['FiscalYear']}-{row['FiscalPeriod']}.")
    periods.check(work, ("GL",), row["FiscalYear"], row["FiscalPeriod"], f"Posting date {row['PostingDate']}")
    entry_totals(row)
    for each in row["JournalDetails"]:
        each["EntryNumber"] = row["EntryNumber"]
        each["JournalDate"] = row["DocumentDate"]
    if row["OutOfBalanceBy"] and not company.switches.unbalanced_accepted:
        raise General(f"Entry {row['EntryNumber']} is out of balance by {row['OutOfBalanceBy']}.")


def entry_totals(row: Row) -> None:
    amounts = [each["Amount"] for each in row["JournalDetails"]]
    row["Debits"] = sum((amount for amount in amounts if amount > 0), Decimal(0))
    row["Credits"] = -sum((amount for amount in amounts if amount < 0), Decimal(0))
    row["OutOfBalanceBy"] = row["Debits"] - row["Credits"]
    row["NumberOfDetails"] = len(amounts)


def detail_begin(work: Work, row: Row) -> None:
    functional = work.company.functional
    row["BatchNumber"] = work.batch["BatchNumber"]
    row["HomeCurrency"] = row["SourceCurrency"] = functional
    row["SourceLedger"], row["SourceType"] = work.entry["SourceLedger"], work.entry["SourceType"]
    row["CurrencyRate"] = Decimal(1)
    row["CurrencyRateTable"] = "SP"
    row["CurrencyRateDate"] = work.entry["DocumentDate"]


def account_put(work: Work, row: Row) -> None:
    """The account says how it is printed and whether journals may reach it."""
    company = work.company
    account = company.account(row["AccountNumber"], formatted=False)
    if account is None:
        mode = company.switches.missing_account
        text = f"G/L Account is invalid. Record '{row['AccountNumber']}' does not exist."
        if mode == "error":
            raise FieldInvalid(text)
        if mode == "warning":
            work.warn(text)
        return
    row["AcctFormatted"], row["AcctDescription"] = account["AccountNumber"], account["Description"]
    if account["Status"] == "Inactive":
        raise FieldInvalid(f"Account {account['AccountNumber']} is inactive.")
    if account["ControlAccount"] == "Yes":
        ledgers = {each["SubledgerApplication"] for each in account["ControlAccountSubledgers"]}
        if work.entry["SourceLedger"] not in ledgers:
            raise FieldInvalid(
                f"Account {account['AccountNumber']} is a control account. Transactions from source ledger "
                f"{work.entry['SourceLedger']} are not allowed."
            )


def currency_put(work: Work, row: Row) -> None:
    row["CurrencyRate"] = work.company.rate(row["SourceCurrency"])
    _source_leads(work, row)


def amount_put(work: Work, row: Row) -> None:
    row["Amount"] = work.company.rounded(row["Amount"], work.company.functional)
    if row["SourceCurrency"] == work.company.functional:
        row["SourceCurrencyAmount"] = row["Amount"]


def _source_leads(work: Work, row: Row) -> None:
    row["Amount"] = work.company.in_functional(row["SourceCurrencyAmount"], row["CurrencyRate"])


def detail_finish(work: Work, row: Row) -> None:
    if not row["AccountNumber"]:
        raise FieldInvalid("Account Number cannot be blank.")
    work.company.check_places("Source Currency Amount", row["SourceCurrencyAmount"], row["SourceCurrency"])
    if row["CurrencyRate"] <= 0:
        raise FieldInvalid("Currency Rate is invalid.")


RULES = {
    "JournalBatch": Rules(batch_begin, {"Status": status_put, "ReadyToPost": ready_put}, batch_finish),
    "JournalHeader": Rules(
        header_begin,
        {"DocumentDate": document_date_put, "PostingDate": posting_date_put},
        header_finish,
        frozenset({"DocumentDate", "PostingDate", "FiscalYear", "FiscalPeriod", "SourceLedger", "SourceType"}),
    ),
    "JournalDetail": Rules(
        detail_begin,
        {
            "AccountNumber": account_put,
            "SourceCurrency": currency_put,
            "CurrencyRate": _source_leads,
            "SourceCurrencyAmount": _source_leads,
            "Amount": amount_put,
        },
        detail_finish,
        frozenset(
            {"SourceCurrency", "CurrencyRate", "CurrencyRateTable", "CurrencyRateDate", "SourceLedger", "SourceType"}
        ),
    ),
}
