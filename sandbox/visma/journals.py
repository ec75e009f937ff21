"""`/v2/journaltransaction`: general ledger batches, entered and read (section 2.6).

Amounts on write are in the batch currency although the fields are called `...InCurrency`; on read those names carry
the base currency and `debitAmount`/`creditAmount` the batch currency.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.visma import bookings, chart, formats, numbering, paging, periods, rates, wrappers
from sandbox.visma.actions import act
from sandbox.visma.calls import Answer, Call, created, found, updated
from sandbox.visma.etags import time_stamp
from sandbox.visma.records import MODULES, Batch, JournalLine, Period
from sandbox.visma.refusals import AlreadyReleased, Invalid, Malformed, Unknown
from sandbox.visma.wrappers import boolean, decimal, each_wrapped, many, text, wrapped

if TYPE_CHECKING:
    from sandbox.visma.company import Company

BATCH_STATUSES = ("Hold", "Balanced", "Unposted", "Posted", "Voided", "Scheduled", "Unreleased", "PartiallyReleased")
MAX_REFERENCE = 15
MAX_DESCRIPTION = 60
MIN_VAT_LINES = 3
_PREFIX = "Error creating journal transaction."

SCHEMA: wrappers.Schema = {
    **each_wrapped(
        text,
        "batchNumber",
        "postPeriod",
        "financialPeriod",
        "ledger",
        "currencyId",
        "description",
        "transactionCode",
        "branch",
    ),
    **each_wrapped(
        boolean, "hold", "autoReversing", "createVatTransaction", "skipVatAmountValidation", "overrideNumberSeries"
    ),
    "transactionDate": wrapped(wrappers.day),
    "exchangeRate": wrapped(decimal),
    "controlTotalInCurrency": wrapped(decimal),
    "journalTransactionLines": many(
        {
            "operation": wrappers.OPERATION,
            "lineNumber": wrapped(wrappers.integer),
            "subaccount": wrappers.SUBACCOUNT,
            "debitAmountInCurrency": wrapped(decimal),
            "creditAmountInCurrency": wrapped(decimal),
            "quantity": wrapped(decimal),
            **each_wrapped(
                text,
                "accountNumber",
                "project",
                "projectTask",
                "referenceNumber",
                "transactionDescription",
                "vatCodeId",
                "vatId",
                "branch",
                "uom",
                "note",
            ),
        }
    ),
}


def create_batch(company: Company, call: Call) -> Answer:
    body = call.parsed(SCHEMA)
    currency = body.get("currencyId") or company.base_currency
    if currency not in company.rates:
        raise Invalid(f"{_PREFIX} Error: Currency '{currency}' cannot be found in the system.")
    if (body.get("ledger") or chart.LEDGER) != chart.LEDGER:
        raise Invalid(f"{_PREFIX} Error: Ledger '{body['ledger']}' cannot be found in the system.")
    dated = body.get("transactionDate") or company.clock.now().date()
    period = _period(company, body, dated)
    periods.require_open(company, period)
    lines = [_line(company, each, currency) for each in body.get("journalTransactionLines") or ()]
    batch = Batch(
        **company.stamps(),
        module="GL",
        number="",
        status="Hold" if body.get("hold") else "Balanced",
        dated=dated,
        period=period.id,
        currency=currency,
        rate=_rate(company, body, currency, dated),
        ledger=chart.LEDGER,
        lines=lines,
        description=_limited(body, "description", MAX_DESCRIPTION),
        control_minor=_minor(body, "controlTotalInCurrency", currency),
        vat_transaction=bool(body.get("createVatTransaction")),
        branch=body.get("branch") or "1",
    )
    _check_vat(company, batch)
    if batch.status != "Hold":
        _check_balance(batch, "controlTotalInCurrency" in body)
    batch.number = numbering.assign(
        company, "journal", body, lambda number: ("GL", number) in company.batches, _PREFIX, "batchNumber"
    )
    company.batches["GL", batch.number] = batch
    return created(f"/v2/journaltransaction/{numbering.segment(batch.number)}", batch)


def _period(company: Company, body: dict[str, Any], dated: Any) -> Period:
    """`financialPeriod` is YYYYPP, `postPeriod` MMYYYY as documented; without either the date decides."""
    if body.get("financialPeriod"):
        return periods.named(company, body["financialPeriod"])
    if body.get("postPeriod"):
        given = body["postPeriod"]
        return periods.named(company, given[2:] + given[:2])
    return periods.of(company, dated)


def _rate(company: Company, body: dict[str, Any], currency: str, dated: date) -> Decimal:
    """The company's rate of the day, unless the caller gives one. A batch in the base currency has none."""
    exchange_rate = body.get("exchangeRate")
    if exchange_rate is None or currency == company.base_currency:
        return rates.rate(company, currency, dated)
    if exchange_rate < rates.RATE_STEP:
        raise Invalid(f"{_PREFIX} Error: 'Exchange rate': the value must be greater than 0.")
    return rates.given(company, exchange_rate)


def _line(company: Company, line: dict[str, Any], currency: str) -> JournalLine:
    if line.get("operation", "Insert") != "Insert":
        raise Malformed(f"Operation {line['operation']} is not possible for a new line.")
    number = line.get("accountNumber") or ""
    account = company.accounts.get(number)
    if account is None:
        raise Invalid(f"{_PREFIX} Error: Account '{number}' cannot be found in the system.")
    if not account.active:
        raise Invalid(f"{_PREFIX} Error: Account '{number}' is inactive.")
    if account.control_module or not account.manual_entry:
        raise Invalid(f"{_PREFIX} Error: Account '{number}' is a control account; manual entries are not allowed.")
    if account.currency and account.currency != currency:
        raise Invalid(
            f"{_PREFIX} Error: Account '{number}' is denominated in {account.currency}, the batch in {currency}."
        )
    if any(cash.account == number and cash.currency != currency for cash in company.cash_accounts.values()):
        raise Invalid(f"{_PREFIX} Error: Account '{number}' belongs to a cash account of another currency.")
    subaccount = "-".join(str(each.get("segmentValue", "")) for each in line.get("subaccount") or ())
    if company.switches.subaccounts_active and account.needs_subaccount and not subaccount:
        raise Invalid(f"{_PREFIX} Error: 'Subaccount' cannot be empty for account '{number}'.")
    if subaccount and not company.subaccounts.get(subaccount, False):
        raise Invalid(f"{_PREFIX} Error: Subaccount '{subaccount}' cannot be found in the system.")
    debit, credit = _minor(line, "debitAmountInCurrency", currency), _minor(line, "creditAmountInCurrency", currency)
    if debit < 0 or credit < 0 or bool(debit) == bool(credit):
        raise Invalid(f"{_PREFIX} Error: a line carries either a positive debit or a positive credit amount.")
    return JournalLine(
        number,
        debit,
        credit,
        _limited(line, "referenceNumber", MAX_REFERENCE),
        _limited(line, "transactionDescription", MAX_DESCRIPTION),
        subaccount,
        line.get("vatId") or "",
        line.get("vatCodeId") or "",
    )


def _minor(fields: dict[str, Any], name: str, currency: str) -> int:
    value = fields.get(name)
    return formats.minor_units(value if value is not None else Decimal(0), currency, name)


def _limited(fields: dict[str, Any], name: str, limit: int) -> str:
    value = fields.get(name) or ""
    if len(value) > limit:
        raise Invalid(f"{_PREFIX} Error: '{name}': the string exceeds its maximum length of {limit}.")
    return str(value)


def _check_vat(company: Company, batch: Batch) -> None:
    """VAT on lines needs the company's feature, `createVatTransaction` and at least three lines (section 3)."""
    taxed = [line for line in batch.lines if line.vat_id or line.vat_category]
    if not taxed and not batch.vat_transaction:
        return
    if not company.switches.vat_entry_in_general_ledger:
        raise Invalid(f"{_PREFIX} Error: VAT entry from the general ledger module is not enabled.")
    if not batch.vat_transaction:
        raise Invalid(f"{_PREFIX} Error: VAT lines need 'Create VAT transactions'.")
    if len(batch.lines) < MIN_VAT_LINES:
        raise Invalid(f"{_PREFIX} Error: a VAT transaction needs at least {MIN_VAT_LINES} lines.")
    categories = {vat.id: vat.category for vat in company.vat_codes.values()}
    for line in taxed:
        if line.vat_id not in categories:
            raise Invalid(f"{_PREFIX} Error: TaxID '{line.vat_id}' cannot be found in the system.")
        if categories[line.vat_id] != line.vat_category:
            raise Invalid(f"{_PREFIX} Error: TaxCategoryID '{line.vat_category}' cannot be found in the system.")


def _check_balance(batch: Batch, has_control: bool) -> None:
    if not batch.lines or batch.debit_minor != batch.credit_minor:
        raise Invalid(f"{_PREFIX} Error: The batch is out of balance.")
    if has_control and batch.control_minor != batch.debit_minor:
        raise Invalid(f"{_PREFIX} Error: The batch is not equal to its control total.")


def change_batch(company: Company, call: Call) -> Answer:
    """Edit the header of an unreleased batch, or add lines to it."""
    body = call.parsed(SCHEMA)
    batch = _one(company, call)
    call.check_version(batch)
    _require_unreleased(batch)
    added = [_line(company, each, batch.currency) for each in body.get("journalTransactionLines") or ()]
    status = batch.status if body.get("hold") is None else ("Hold" if body["hold"] else "Balanced")
    description = _limited(body, "description", MAX_DESCRIPTION) if "description" in body else batch.description
    lines, batch.lines = batch.lines, [*batch.lines, *added]
    if status == "Balanced" and batch.debit_minor != batch.credit_minor:
        batch.lines = lines
        raise Invalid(f"{_PREFIX} Error: The batch is out of balance.")
    batch.status, batch.description = status, description
    company.touch(batch)
    return updated(f"/v2/journaltransaction/{numbering.segment(batch.number)}", batch)


def _require_unreleased(batch: Batch) -> None:
    if batch.status in ("Unposted", "Posted", "Voided"):
        raise AlreadyReleased("Journal transaction can't be updated because it is already released.")


def _one(company: Company, call: Call) -> Batch:
    batch = company.batches.get(("GL", call.path["number"]))
    if batch is None or call.blind:
        raise Unknown(f"Journal transaction '{call.path['number']}' was not found.")
    return batch


def get_batch(company: Company, call: Call) -> Answer:
    batch = _one(company, call)
    return found(dto(company, batch, batch.lines), batch)


def release_batch(company: Company, call: Call) -> Answer:
    batch = _one(company, call)
    call.check_version(batch)
    return act(company, call, lambda: release(company, batch))


def release(company: Company, batch: Batch) -> Batch:
    """Book the batch: Posted, or Unposted where the company posts by hand. Raises `Invalid` or `AlreadyReleased`."""
    _require_unreleased(batch)
    if batch.status == "Hold":
        raise Invalid("Error: Batch is On Hold and cannot be released.")
    periods.require_open(company, periods.named(company, batch.period))
    bookings.book_batch(company, batch)
    batch.status = "Posted" if company.switches.auto_post else "Unposted"
    company.touch(batch)
    return batch


def list_batches(company: Company, call: Call) -> Answer:
    """Pages count lines, so a batch can be split over two pages. A stamp here means "since", with no condition."""
    period, stamp = call.text("periodId"), call.text("lastModifiedDateTime")
    if period is None and stamp is None:
        raise Malformed("PeriodId or LastModifiedDateTime must be specified.")
    since = formats.read_stamp(stamp, company.switches.stamp_zone) if stamp else None
    module, status = call.one_of("module", MODULES), call.one_of("status", BATCH_STATUSES)
    branch = call.text("branch")
    call.flag("expandAttachments")
    # The stamp that clients echo is cut to milliseconds; the row it came from must still be found.
    rows = [
        (batch, line)
        for batch in company.batches.values()
        if (period is None or batch.period == period)
        and (since is None or batch.modified_at + timedelta(milliseconds=1) > since)
        and (module is None or batch.module == module)
        and (status is None or batch.status == status)
        and (branch is None or batch.branch == branch)
        for line in batch.lines
    ]
    if call.blind:
        return Answer(payload=[])
    if company.switches.newest_first:
        rows.reverse()
    number, size = paging.window(company, call)
    metadata = {"totalCount": len(rows), "maxPageSize": company.switches.max_page_size}
    grouped: dict[tuple[str, str], list[JournalLine]] = {}
    for batch, line in rows[(number - 1) * size : number * size]:
        grouped.setdefault((batch.module, batch.number), []).append(line)
    payload = [{**dto(company, company.batches[key], lines), "metadata": metadata} for key, lines in grouped.items()]
    paging.served(company)
    return Answer(payload=payload)


def dto(company: Company, batch: Batch, lines: list[JournalLine]) -> dict[str, Any]:
    """A batch with those of its lines that are on this page."""
    totals = {"debitTotal": batch.debit_minor, "creditTotal": batch.credit_minor, "controlTotal": batch.control_minor}
    return {
        "module": batch.module,
        "batchNumber": batch.number,
        "status": batch.status,
        "hold": batch.status == "Hold",
        "transactionDate": formats.day(batch.dated, company.switches.date_styles["journal"]),
        # Documented as MMYYYY, delivered as YYYYMM.
        "postPeriod": batch.period,
        "financialPeriod": batch.period,
        "ledger": batch.ledger,
        "currencyId": batch.currency,
        "exchangeRate": rates.shown(company, batch.rate),
        "autoReversing": False,
        "reversingEntry": False,
        "description": batch.description,
        **{name: formats.amount(minor, batch.currency) for name, minor in totals.items()},
        **{
            f"{name}InCurrency": rates.in_base(company, minor, batch.currency, batch.rate)
            for name, minor in totals.items()
        },
        "createVatTransaction": batch.vat_transaction,
        "branch": batch.branch,
        "lastModifiedDateTime": formats.stamp(batch.modified_at, company.switches.stamp_zone),
        "timeStamp": time_stamp(batch),
        "journalTransactionLines": [_line_dto(company, batch, line) for line in lines],
        "attachments": [
            {"id": each, "name": company.attachments[each].name}
            for each in company.attached.get((f"journal {batch.module}", batch.number), ())
        ],
        "errorInfo": None,
    }


def _line_dto(company: Company, batch: Batch, line: JournalLine) -> dict[str, Any]:
    return {
        "lineNumber": next(i for i, each in enumerate(batch.lines, 1) if each is line),
        "accountNumber": line.account,
        "description": company.accounts[line.account].description,
        "subaccount": {"id": line.subaccount} if line.subaccount else None,
        "referenceNumber": line.reference,
        "transactionDescription": line.description,
        "debitAmount": formats.amount(line.debit_minor, batch.currency),
        "debitAmountInCurrency": rates.in_base(company, line.debit_minor, batch.currency, batch.rate),
        "creditAmount": formats.amount(line.credit_minor, batch.currency),
        "creditAmountInCurrency": rates.in_base(company, line.credit_minor, batch.currency, batch.rate),
        "vat": {"id": line.vat_id} if line.vat_id else None,
        "vatCode": {"id": line.vat_category} if line.vat_category else None,
        "branch": batch.branch,
        "customerSupplier": line.customer or None,
        "module": batch.module,
    }
