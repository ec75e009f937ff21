"""`/v1/GeneralLedgerTransactions`: the lines of one ledger's accounts (section 6.4). Here `debitAmount` is in the
*base* currency and `currDebitAmount` in that of the batch, the other way round than on a journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.visma import chart, formats, paging, rates
from sandbox.visma.calls import Answer, Call
from sandbox.visma.records import Batch, JournalLine
from sandbox.visma.refusals import Malformed

if TYPE_CHECKING:
    from sandbox.visma.company import Company


def list_lines(company: Company, call: Call) -> Answer:
    """Posted lines; unposted and unreleased (balanced) ones only when asked for. `ledger` is mandatory."""
    ledger = call.text("ledger")
    if ledger is None:
        raise Malformed("Ledger must be specified.")
    statuses = {"Posted"}
    if call.flag("includeUnposted"):
        statuses.add("Unposted")
    if call.flag("includeUnreleased"):
        statuses.add("Balanced")
    rows = [
        (batch, position, line)
        for batch in _batches(company, call)
        if batch.status in statuses and batch.ledger == ledger
        for position, line in enumerate(batch.lines, 1)
    ]
    account = call.text("account")
    if account is not None:
        rows = [row for row in rows if row[2].account == account]
    return paging.page(company, call, rows, lambda row: _dto(company, *row))


def _batches(company: Company, call: Call) -> list[Batch]:
    first, last = call.text("fromPeriod"), call.text("toPeriod")
    since, until = call.text("fromDate"), call.text("toDate")
    earliest = formats.read_day(since, "fromDate") if since else None
    latest = formats.read_day(until, "toDate") if until else None
    chosen = [
        batch
        for batch in company.batches.values()
        if (first is None or batch.period >= first)
        and (last is None or batch.period <= last)
        and (earliest is None or batch.dated >= earliest)
        and (latest is None or batch.dated <= latest)
    ]
    return paging.modified(company, call, chosen)


def _dto(company: Company, batch: Batch, position: int, line: JournalLine) -> dict[str, Any]:
    account = company.accounts[line.account]
    return {
        "lineNumber": position,
        "module": batch.module,
        "batchNumber": batch.number,
        "tranDate": formats.day(batch.dated, company.switches.date_styles["journal"]),
        "period": batch.period,
        "description": line.description or batch.description,
        "refNumber": line.reference,
        "branch": {"number": batch.branch},
        "account": {"number": account.number, "description": account.description, "type": account.kind},
        "ledger": {"id": chart.LEDGER, "description": "Actual"},
        "subaccount": line.subaccount or "0",
        "debitAmount": rates.in_base(company, line.debit_minor, batch.currency, batch.rate),
        "creditAmount": rates.in_base(company, line.credit_minor, batch.currency, batch.rate),
        "currency": batch.currency,
        "currDebitAmount": formats.amount(line.debit_minor, batch.currency),
        "currCreditAmount": formats.amount(line.credit_minor, batch.currency),
        "lastModifiedDateTime": formats.stamp(batch.modified_at, company.switches.stamp_zone),
        "errorInfo": None,
    }
