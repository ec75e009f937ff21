"""`/v1/customerPayment`: create, read, change, release and void customer payments (section 2.5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.visma import formats, numbering, paging, payment_cycle, periods, rates, wrappers
from sandbox.visma.actions import act
from sandbox.visma.calls import Answer, Call, created, found, updated
from sandbox.visma.etags import time_stamp
from sandbox.visma.records import PAYMENT_TYPES, STATUSES, Application, CashAccount, FinanceCharge, Payment, Stamped
from sandbox.visma.refusals import AlreadyReleased, Invalid, Malformed, Unknown
from sandbox.visma.wrappers import bare, decimal, many, one_of, text, wrapped

if TYPE_CHECKING:
    from sandbox.visma.company import Company

CREATABLE = ("Payment", "Prepayment", "Refund")
MAX_TEXT = 50
MAX_REFERENCE = 40

SCHEMA: wrappers.Schema = {
    "type": wrapped(one_of(*PAYMENT_TYPES)),
    "customer": wrapped(text),
    "location": wrapped(text),
    "paymentMethod": wrapped(text),
    "cashAccount": wrapped(text),
    "currency": wrapped(text),
    "paymentAmount": wrapped(decimal),
    "applicationDate": wrapped(wrappers.day),
    "applicationPeriod": wrapped(text),
    "paymentRef": wrapped(text),
    "invoiceText": wrapped(text),
    "hold": wrapped(wrappers.boolean),
    "branch": wrapped(text),
    "referenceNumber": wrapped(text),
    "overrideNumberSeries": wrapped(wrappers.boolean),
    "paymentLines": many(
        {
            "operation": wrappers.OPERATION,
            "documentType": wrapped(text),
            "refNbr": wrapped(text),
            "amountPaid": wrapped(decimal),
            "cashDiscountTaken": wrapped(decimal),
            "balanceWriteOff": wrapped(decimal),
            "writeOffReasonCode": wrapped(text),
            "crossRate": wrapped(decimal),
        }
    ),
    "financeCharges": many(
        {
            "operation": wrappers.OPERATION,
            "entryType": wrapped(text),
            "offsetAccount": wrapped(text),
            "offsetSubAccount": wrappers.SUBACCOUNT,
            "description": wrapped(text),
            "amount": wrapped(decimal),
            "lineNbr": wrapped(wrappers.integer),
        }
    ),
}
RELEASE: wrappers.Schema = {"type": wrapped(one_of(*PAYMENT_TYPES))}
#: the type of a void is bare, that of a release is wrapped: both as the spec has them.
VOID: wrappers.Schema = {"type": bare(one_of(*PAYMENT_TYPES)), "returnVoidPayment": bare(wrappers.boolean)}


def create_payment(company: Company, call: Call) -> Answer:
    body = call.parsed(SCHEMA)
    kind = body.get("type") or "Payment"
    if kind not in CREATABLE:
        raise Invalid(f"Error creating payment. Error: a document of type {kind} cannot be created.")
    customer = body.get("customer")
    if not customer or customer not in company.customers:
        raise Invalid(f"Error creating payment. Error: Customer '{customer or ''}' cannot be found in the system.")
    if company.customers[customer].status == "Inactive":
        raise Invalid("Error creating payment. Error: The customer status is 'Inactive'.")
    method, cash = _method_and_cash_account(company, body, customer)
    currency = body.get("currency") or cash.currency
    if currency != cash.currency:
        raise Invalid(
            f"Error creating payment. Error: Currency '{currency}' is not that of cash account {cash.number}."
        )
    dated = body.get("applicationDate") or company.clock.now().date()
    period = periods.of(company, dated)
    periods.require_open(company, period, "AR", "CA")
    payment = Payment(
        **company.stamps(),
        type=kind,
        number="",
        customer=customer,
        method=method,
        cash_account=cash.number,
        currency=currency,
        rate=rates.rate(company, currency, dated),
        amount_minor=_amount(body.get("paymentAmount"), currency),
        dated=dated,
        applied_on=dated,
        period=period.id,
        reference=_limited(body, "paymentRef", MAX_REFERENCE),
        text=_limited(body, "invoiceText", MAX_TEXT),
        status="Hold" if body.get("hold") else "Balanced",
        branch=body.get("branch") or "1",
    )
    if not payment.reference:
        raise Invalid("Error creating payment. Error: 'Payment Ref.' cannot be empty.")
    payment.lines = [_application(line, currency) for line in body.get("paymentLines") or ()]
    payment.charges = [_charge(company, charge, cash, currency) for charge in body.get("financeCharges") or ()]
    _check_totals(company, payment)
    payment.number = numbering.assign(
        company, "payment", body, lambda number: (kind, number) in company.payments, "Error creating payment."
    )
    company.store_payment(payment)
    return created(f"/v1/customerPayment/{numbering.segment(payment.number)}", payment)


def _check_totals(company: Company, payment: Payment) -> None:
    if payment.applied_minor > payment.amount_minor:
        raise Invalid("Error: 'Payment Amount': the sum of the applications exceeds the payment amount.")
    if payment.charges_minor > payment.amount_minor:
        raise Invalid("Error: 'Finance Charges': the charges exceed the payment amount.")
    payment_cycle.check_applications(company, payment, [line for line in payment.lines if not line.released])


def _method_and_cash_account(company: Company, body: dict[str, Any], customer: str) -> tuple[str, CashAccount]:
    """Method, cash account and their combination; each has a default (sections 2.5 and 9.12)."""
    customer_class = company.customer_classes.get(company.customers[customer].customer_class)
    name = body.get("paymentMethod") or (customer_class.payment_method if customer_class else "")
    method = company.payment_methods.get(name)
    if method is None or not method.active:
        raise Invalid(f"Error creating payment. Error: Payment method '{name}' cannot be found in the system.")
    number = body.get("cashAccount") or method.cash_accounts[0]
    cash = company.cash_accounts.get(number)
    if cash is None or not cash.active:
        raise Invalid(f"Error creating payment. Error: Cash account '{number}' cannot be found in the system.")
    if number not in method.cash_accounts:
        raise Invalid(f"Error creating payment. Error: Cash account '{number}' is not set up for method '{name}'.")
    return method.id, cash


def _amount(value: Decimal | None, currency: str) -> int:
    minor = formats.minor_units(value, currency, "Payment Amount") if value is not None else 0
    if minor <= 0:
        raise Invalid("Error creating payment. Error: 'Payment Amount': the value must be greater than 0.")
    return minor


def _limited(body: dict[str, Any], name: str, limit: int) -> str:
    value = body.get(name) or ""
    if len(value) > limit:
        raise Invalid(f"Error: '{name}': the string exceeds its maximum length of {limit}.")
    return str(value)


def _application(line: dict[str, Any], currency: str) -> Application:
    if line.get("operation", "Insert") != "Insert":
        raise Malformed(f"Operation {line['operation']} is not possible for a new line.")
    return Application(
        line.get("documentType") or "Invoice",
        line.get("refNbr") or "",
        formats.minor_units(line.get("amountPaid") or Decimal(0), currency, "amountPaid"),
        formats.minor_units(line.get("balanceWriteOff") or Decimal(0), currency, "balanceWriteOff"),
        line.get("writeOffReasonCode") or "",
    )


def _charge(company: Company, charge: dict[str, Any], cash: CashAccount, currency: str) -> FinanceCharge:
    entry_type = cash.entry_types.get(charge.get("entryType") or "")
    if entry_type is None:
        raise Invalid(f"Error: Entry type '{charge.get('entryType')}' cannot be found in the system.")
    account = charge.get("offsetAccount") or entry_type.offset_account
    if account not in company.accounts or not company.accounts[account].active:
        raise Invalid(f"Error: Account '{account}' cannot be found in the system.")
    minor = formats.minor_units(charge.get("amount") or Decimal(0), currency, "amount")
    if minor <= 0:
        raise Invalid("Error: 'Finance Charges': the value must be greater than 0.")
    return FinanceCharge(entry_type.id, account, minor)


def list_payments(company: Company, call: Call) -> Answer:
    """Filters of section 2.5. There is none on `paymentRef`: such a parameter is ignored like any unknown one."""
    kind = call.one_of("paymentType", PAYMENT_TYPES)
    status = call.one_of("status", STATUSES)
    period, branch, customer = call.text("financialPeriod"), call.text("branch"), call.text("customer")
    after = call.text("greaterThanValue")
    call.text("orderBy")
    rows = [
        payment
        for payment in _candidates(company, call)
        if (kind is None or payment.type == kind)
        and (status is None or payment.status == status)
        and (period is None or payment.period == period)
        and (branch is None or payment.branch == branch)
        and (customer is None or payment.customer == customer)
        and (after is None or payment.number > after)
    ]
    rows = paging.by_day(call, "docDate", paging.modified(company, call, rows), lambda payment: payment.dated)
    return paging.page(company, call, rows, lambda payment: dto(company, payment))


def _candidates(company: Company, call: Call) -> Sequence[Payment]:
    """The shortest index that the filters allow."""
    number, invoice, customer = call.text("paymentNbr"), call.text("invoiceRefNbr"), call.text("customer")
    if number is not None:
        return company.payments_by_number.get(number, [])
    if invoice is not None:
        return list(company.payments_on.get(invoice, {}).values())
    if customer is not None:
        return company.payments_of.get(customer, [])
    return list(company.payments.values())


def get_payment(company: Company, call: Call) -> Answer:
    """One of the documents with this number; which one after a void is not for the caller to choose."""
    payment = _by_number(company, call)
    return found(dto(company, payment), payment)


def _by_number(company: Company, call: Call) -> Payment:
    sharing = company.payments_by_number.get(call.path["number"])
    if not sharing or call.blind:
        raise Unknown(f"Customer payment '{call.path['number']}' was not found.")
    return sharing[-1] if company.switches.single_get_prefers == "latest" else sharing[0]


def _typed(company: Company, call: Call, kind: str) -> Payment:
    payment = company.payments.get((kind, call.path["number"]))
    if payment is None or call.blind:
        raise Unknown(f"Customer payment '{kind} {call.path['number']}' was not found.")
    return payment


def change_payment(company: Company, call: Call) -> Answer:
    """Edit an unreleased document, or add applications to an open one. `type` chooses among documents of one number."""
    body = call.parsed(SCHEMA)
    payment = _typed(company, call, body["type"]) if body.get("type") else _by_number(company, call)
    call.check_version(payment)
    lines = [_application(line, payment.currency) for line in body.get("paymentLines") or ()]
    if payment.released:
        _add_applications(company, payment, body, lines)
    else:
        _edit(company, payment, body, lines)
    company.touch(payment)
    return updated(f"/v1/customerPayment/{numbering.segment(payment.number)}", payment)


def _add_applications(company: Company, payment: Payment, body: dict[str, Any], lines: list[Application]) -> None:
    others = set(body) - {"type", "paymentLines", "applicationDate"}
    if payment.status != "Open" or others or not lines:
        raise AlreadyReleased("Payment can't be updated because it is already released.")
    if sum(line.amount_minor for line in lines) > payment.available_minor:
        raise Invalid("Error: 'Amount Paid': the applications exceed the available balance.")
    payment_cycle.check_applications(company, payment, lines)
    payment.applied_on = max(payment.applied_on, body.get("applicationDate") or company.clock.now().date())
    _attach(company, payment, lines)


def _edit(company: Company, payment: Payment, body: dict[str, Any], lines: list[Application]) -> None:
    changed = dataclasses.replace(payment)
    if "paymentAmount" in body:
        changed.amount_minor = _amount(body["paymentAmount"], payment.currency)
    if body.get("applicationDate"):
        changed.dated = changed.applied_on = body["applicationDate"]
        period = periods.of(company, changed.dated)
        periods.require_open(company, period, "AR", "CA")
        changed.period = period.id
        if payment.type not in payment_cycle.VOIDS:
            changed.rate = rates.rate(company, changed.currency, changed.dated)
    if body.get("paymentRef"):
        changed.reference = _limited(body, "paymentRef", MAX_REFERENCE)
    if "invoiceText" in body:
        changed.text = _limited(body, "invoiceText", MAX_TEXT)
    if body.get("hold") is not None:
        changed.status = "Hold" if body["hold"] else "Balanced"
    if payment.type not in payment_cycle.VOIDS:
        payment_cycle.check_applications(company, payment, [*payment.lines, *lines])
        if changed.applied_minor + sum(line.amount_minor for line in lines) > changed.amount_minor:
            raise Invalid("Error: 'Payment Amount': the sum of the applications exceeds the payment amount.")
    for name in ("amount_minor", "rate", "dated", "applied_on", "period", "reference", "text", "status"):
        setattr(payment, name, getattr(changed, name))
    _attach(company, payment, lines)


def _attach(company: Company, payment: Payment, lines: list[Application]) -> None:
    for line in lines:
        payment.lines.append(line)
        company.payments_on[line.number][payment.type, payment.number] = payment


def release_payment(company: Company, call: Call) -> Answer:
    payment = _typed(company, call, call.parsed(RELEASE).get("type") or "Payment")
    call.check_version(payment)
    return act(company, call, lambda: payment_cycle.release(company, payment))


def void_payment(company: Company, call: Call) -> Answer:
    body = call.parsed(VOID)
    payment = _typed(company, call, body.get("type") or "Payment")
    call.check_version(payment)
    made: list[Payment] = []

    def perform() -> Stamped:
        made.append(payment_cycle.void(company, payment))
        return payment

    def answer() -> dict[str, Any]:
        shown = dto(company, made[0]) if body.get("returnVoidPayment") else None
        return {"type": made[0].type, "refNbr": payment.number, "voidPayment": shown}

    return act(company, call, perform, answer)


def dto(company: Company, payment: Payment) -> dict[str, Any]:
    style = company.switches.date_styles["payment"]
    currency = payment.currency
    return {
        "type": payment.type,
        "refNbr": payment.number,
        "status": payment.status,
        "hold": payment.hold,
        "applicationDate": formats.day(payment.applied_on, style),
        "applicationPeriod": payment.period,
        "paymentRef": payment.reference,
        "customer": {"number": payment.customer, "name": company.customers[payment.customer].name},
        "location": {"id": "Main", "name": "Primary location"},
        "paymentMethod": {"id": payment.method, "description": company.payment_methods[payment.method].description},
        "cashAccount": payment.cash_account,
        "currency": currency,
        "paymentAmount": formats.amount(payment.amount_minor, currency),
        "paymentAmountInCurrency": rates.in_base(company, payment.amount_minor, currency, payment.rate),
        "invoiceText": payment.text,
        "appliedToDocuments": formats.amount(payment.applied_minor, currency),
        "appliedToOrders": formats.amount(0, currency),
        "availableBalance": formats.amount(payment.available_minor, currency),
        "availableBalanceInCurrency": rates.in_base(company, payment.available_minor, currency, payment.rate),
        "writeOffAmount": formats.amount(sum(line.write_off_minor for line in payment.lines), currency),
        "financeCharges": formats.amount(payment.charges_minor, currency),
        "deductedCharges": formats.amount(payment.charges_minor, currency),
        "branch": payment.branch,
        "lastModifiedDateTime": formats.stamp(payment.modified_at, company.switches.stamp_zone),
        "paymentLines": _line_dtos(company, payment),
        "ordersToApply": [],
        "financialDetails": {"paymentDate": formats.day(payment.dated, style), "branch": payment.branch},
        "timeStamp": time_stamp(payment),
        "errorInfo": None,
    }


def _line_dtos(company: Company, payment: Payment) -> list[dict[str, Any]]:
    """A released void shows each application three times, with changing signs (section 9.7)."""
    rows = []
    for line in payment.lines:
        signs = (-1, 1, -1) if payment.type in payment_cycle.VOIDS and line.released else (1,)
        target = company.documents.get((line.document_type, line.number))
        for sign in signs:
            rows.append(
                {
                    "documentType": line.document_type,
                    "refNbr": line.number,
                    "amountPaid": formats.amount(sign * line.amount_minor, payment.currency),
                    "cashDiscountTaken": formats.amount(0, payment.currency),
                    "balanceWriteOff": formats.amount(line.write_off_minor, payment.currency),
                    "writeOffReasonCode": line.reason_code or None,
                    "date": formats.day(line.applied_on or payment.applied_on, "z"),
                    "balance": formats.amount(target.balance_minor if target else 0, payment.currency),
                    "currency": payment.currency,
                    "postPeriod": payment.period,
                }
            )
    return rows
