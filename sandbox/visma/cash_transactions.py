"""`/v1/cashTransaction`: receipts and disbursements of a cash account (section 2.7). Lists have no reference filter."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.visma import bookings, formats, numbering, paging, periods, wrappers
from sandbox.visma.actions import act
from sandbox.visma.books import Line
from sandbox.visma.calls import Answer, Call, created, found, updated
from sandbox.visma.etags import time_stamp
from sandbox.visma.records import CashLine, CashTransaction, Stamped
from sandbox.visma.refusals import AlreadyReleased, Invalid, Unknown
from sandbox.visma.wrappers import bare, boolean, decimal, each_wrapped, many, one_of, text, wrapped

if TYPE_CHECKING:
    from sandbox.visma.company import Company

_PREFIX = "Error creating cash transaction."

SCHEMA: wrappers.Schema = {
    **each_wrapped(
        text,
        "referenceNumber",
        "financialPeriod",
        "finanacialPeriod",
        "description",
        "cashAccount",
        "entryType",
        "documentRef",
        "vatZone",
    ),
    "hold": wrapped(boolean),
    "overrideNumberSeries": wrapped(boolean),
    "tranDate": wrapped(wrappers.day),
    "controlTotal": wrapped(decimal),
    "vatAmount": wrapped(decimal),
    "taxCalculationMode": wrapped(one_of("TaxSetting", "Gross", "Net")),
    "cashTransactionDetails": many(
        {
            "operation": wrappers.OPERATION,
            "lineNumber": wrapped(wrappers.integer),
            "offsetSubaccount": wrappers.SUBACCOUNT,
            **each_wrapped(decimal, "quantity", "price", "amount"),
            **each_wrapped(
                text,
                "branchNumber",
                "inventoryNumber",
                "description",
                "uom",
                "offsetAccount",
                "vatCode",
                "project",
                "projectTask",
            ),
            "notInvoiceable": wrapped(boolean),
        }
    ),
}
REVERSE: wrappers.Schema = {"returnCashTransaction": bare(boolean)}


def create_transaction(company: Company, call: Call) -> Answer:
    body = call.parsed(SCHEMA)
    cash = company.cash_accounts.get(body.get("cashAccount") or "")
    if cash is None or not cash.active:
        raise Invalid(f"{_PREFIX} Error: Cash account '{body.get('cashAccount')}' cannot be found in the system.")
    entry_type = cash.entry_types.get(body.get("entryType") or "")
    if entry_type is None:
        raise Invalid(f"{_PREFIX} Error: Entry type '{body.get('entryType')}' cannot be found in the system.")
    dated = body.get("tranDate") or company.clock.now().date()
    named = body.get("financialPeriod") or body.get("finanacialPeriod")
    period = periods.named(company, named) if named else periods.of(company, dated)
    periods.require_open(company, period, "CA")
    lines = [
        _line(company, each, entry_type.offset_account, cash.currency)
        for each in body.get("cashTransactionDetails") or ()
    ]
    total = sum(line.amount_minor for line in lines)
    control = body.get("controlTotal")
    control_minor = total if control is None else formats.minor_units(control, cash.currency, "controlTotal")
    if not lines or total <= 0:
        raise Invalid(f"{_PREFIX} Error: 'Amount': the value must be greater than 0.")
    if control_minor != total and not body.get("hold"):
        raise Invalid(f"{_PREFIX} Error: The document is not equal to its control total.")
    transaction = CashTransaction(
        **company.stamps(),
        number="",
        cash_account=cash.number,
        entry_type=entry_type.id,
        direction=entry_type.direction,
        currency=cash.currency,
        dated=dated,
        period=period.id,
        reference=body.get("documentRef") or "",
        lines=lines,
        description=body.get("description") or "",
        status="Hold" if body.get("hold") else "Balanced",
        control_minor=control_minor,
    )
    transaction.number = numbering.assign(
        company, "cash", body, lambda number: number in company.cash_transactions, _PREFIX
    )
    company.cash_transactions[transaction.number] = transaction
    return created(f"/v1/cashTransaction/{numbering.segment(transaction.number)}", transaction)


def _line(company: Company, line: dict[str, Any], default: str, currency: str) -> CashLine:
    number = line.get("offsetAccount") or default
    account = company.accounts.get(number)
    if account is None or not account.active:
        raise Invalid(f"{_PREFIX} Error: Account '{number}' cannot be found in the system.")
    if account.control_module or not account.manual_entry:
        raise Invalid(f"{_PREFIX} Error: Account '{number}' is a control account; manual entries are not allowed.")
    amount = line.get("amount")
    if amount is None:
        quantity = line.get("quantity")
        amount = (line.get("price") or Decimal(0)) * (Decimal(1) if quantity is None else quantity)
    return CashLine(number, formats.minor_units(amount, currency, "amount"), line.get("description") or "")


def list_transactions(company: Company, call: Call) -> Answer:
    rows = paging.modified(company, call, company.cash_transactions.values())
    return paging.page(company, call, rows, lambda each: dto(company, each))


def get_transaction(company: Company, call: Call) -> Answer:
    transaction = _one(company, call)
    return found(dto(company, transaction), transaction)


def _one(company: Company, call: Call) -> CashTransaction:
    transaction = company.cash_transactions.get(call.path["number"])
    if transaction is None or call.blind:
        raise Unknown(f"Cash transaction '{call.path['number']}' was not found.")
    return transaction


def change_transaction(company: Company, call: Call) -> Answer:
    body = call.parsed(SCHEMA)
    transaction = _one(company, call)
    call.check_version(transaction)
    _require_unreleased(transaction)
    hold = body.get("hold")
    if hold is False and transaction.control_minor != transaction.amount_minor:
        raise Invalid("Error: The document is not equal to its control total.")
    if hold is not None:
        transaction.status = "Hold" if hold else "Balanced"
    transaction.description = body.get("description", transaction.description) or ""
    transaction.reference = body.get("documentRef", transaction.reference) or ""
    company.touch(transaction)
    return updated(f"/v1/cashTransaction/{numbering.segment(transaction.number)}", transaction)


def _require_unreleased(transaction: CashTransaction) -> None:
    if transaction.status == "Released":
        raise AlreadyReleased("Cash transaction can't be updated because it is already released.")


def release_transaction(company: Company, call: Call) -> Answer:
    transaction = _one(company, call)
    call.check_version(transaction)
    return act(company, call, lambda: release(company, transaction))


def release(company: Company, transaction: CashTransaction) -> CashTransaction:
    """Book it against its offset accounts. Raises `Invalid` or `AlreadyReleased`."""
    _require_unreleased(transaction)
    if transaction.status == "Hold":
        raise Invalid("Error: Document is On Hold and cannot be released.")
    periods.require_open(company, periods.named(company, transaction.period), "CA")
    sign = 1 if transaction.direction == "Receipt" else -1
    account = company.cash_accounts[transaction.cash_account].account
    lines = [
        Line(account, sign * transaction.amount_minor),
        *(Line(line.account, -sign * line.amount_minor) for line in transaction.lines),
    ]
    bookings.book_document(
        company,
        "CA",
        "CashTransaction",
        transaction.number,
        transaction.reference,
        transaction.dated,
        transaction.currency,
        lines,
    )
    transaction.status = "Released"
    company.touch(transaction)
    return transaction


def reverse_transaction(company: Company, call: Call) -> Answer:
    """Make an unreleased transaction of the opposite direction."""
    body = call.parsed(REVERSE)
    transaction = _one(company, call)
    call.check_version(transaction)
    made: list[CashTransaction] = []

    def perform() -> Stamped:
        made.append(_reversal(company, transaction))
        return made[0]

    def answer() -> dict[str, Any]:
        shown = dto(company, made[0]) if body.get("returnCashTransaction") else None
        return {"referenceNbr": made[0].number, "cashTransaction": shown}

    return act(company, call, perform, answer)


def _reversal(company: Company, transaction: CashTransaction) -> CashTransaction:
    if transaction.status != "Released":
        raise Invalid("Error: Only a released cash transaction can be reversed.")
    reversal = CashTransaction(
        **company.stamps(),
        number=company.next_number("cash"),
        cash_account=transaction.cash_account,
        entry_type=transaction.entry_type,
        direction="Disbursement" if transaction.direction == "Receipt" else "Receipt",
        currency=transaction.currency,
        dated=transaction.dated,
        period=transaction.period,
        reference=transaction.reference,
        lines=list(transaction.lines),
        description=transaction.description,
        control_minor=transaction.control_minor,
        reverses=transaction.number,
    )
    company.cash_transactions[reversal.number] = reversal
    return reversal


def dto(company: Company, transaction: CashTransaction) -> dict[str, Any]:
    currency = transaction.currency
    return {
        "tranType": "CashEntry",
        "referenceNbr": transaction.number,
        "status": transaction.status,
        "hold": transaction.status == "Hold",
        "tranDate": formats.day(transaction.dated, company.switches.date_styles["cash"]),
        "finPeriod": transaction.period,
        "financialPeriod": transaction.period,
        # An object here, a plain string on payments.
        "cashAccount": {
            "number": transaction.cash_account,
            "description": company.cash_accounts[transaction.cash_account].description,
        },
        "currency": currency,
        "entryType": {"id": transaction.entry_type},
        "disbReceipt": transaction.direction,
        "documentRef": transaction.reference,
        "description": transaction.description,
        "amount": formats.amount(transaction.amount_minor, currency),
        "controlTotal": formats.amount(transaction.control_minor, currency),
        "taxTotal": formats.amount(0, currency),
        "lastModifiedDateTime": formats.stamp(transaction.modified_at, company.switches.stamp_zone),
        "transactionDetails": [
            {
                "description": line.description,
                "amount": formats.amount(line.amount_minor, currency),
                "offsetAccount": {"number": line.account},
            }
            for line in transaction.lines
        ],
        "timeStamp": time_stamp(transaction),
    }
