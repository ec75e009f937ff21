"""The control API under `/_control`: the books, the clock, faults, counters, seeding, switches. It is not part of
Visma.net.

| path | method | what |
| --- | --- | --- |
| `/_control/books` | GET | balances, receivables, effective documents, drafts |
| `/_control/clock` | GET, POST | `{"now": iso}` or `{"advance_s": n}` |
| `/_control/faults` | GET, POST, DELETE | one fault or a list of them (see `sandbox/faults.py`) |
| `/_control/requests` | GET, DELETE | counts, and what callers sent that was ignored |
| `/_control/seed` | POST | customers, invoices, accounts, cash accounts, periods … |
| `/_control/switches` | GET, POST | behaviour (see `switches.py`) |
| `/_control/answers` | POST | how the next actions and jobs end |
| `/_control/deferred` | POST | carry out what waits |
| `/_control/clerk` | POST | `{"do": "delete_payment", "number": "000001"}` |
| `/_control/webhooks` | POST | subscribe, emit, deliver |
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

from sandbox import controls
from sandbox.faults import FaultLayer
from sandbox.visma import actions
from sandbox.visma.records import Account, Attribute, CashAccount, CustomerClass, EntryType, PaymentMethod
from sandbox.visma.refusals import Refusal
from sandbox.visma.webhooks import Misbehaviour

if TYPE_CHECKING:
    from sandbox.visma.company import Company

#: a control request: the company, its fault layer, the method, and the JSON body (or {}).
Control = Callable[["Company", FaultLayer, str, Any], Any]


def answer(company: Company, faults: FaultLayer, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """Status and JSON of one control request. Mistakes of the caller are 400 with their text."""
    return controls.answer(
        _HANDLERS, path, body, lambda handler, given: handler(company, faults, method, given), Refusal
    )


def books(company: Company, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    """The stand-in's own view of the ledger; amounts in minor units, balances as debits less credits."""
    return {
        "balances": company.books.balances(),
        "base_balances": company.books.base_balances(),
        "receivable": company.books.receivables(),
        "documents": list(effective_documents(company)),
        "drafts": list(_drafts(company)),
        "entries": len(company.books.entries),
    }


def effective_documents(company: Company) -> Iterable[dict[str, Any]]:
    """Every document that counts at present: released, not voided, not reversed. Invoices are left out."""
    for payment in company.payments.values():
        if payment.status in ("Open", "Closed") and not payment.type.startswith("Void"):
            yield _row(payment.type, payment.number, payment.reference, payment, payment.customer, payment.amount_minor)
    for document in company.documents.values():
        if document.kind == "CreditNote" and document.released:
            yield _row(
                "CreditNote",
                document.number,
                document.external_reference,
                document,
                document.customer,
                document.total_minor,
            )
    for batch in company.batches.values():
        if batch.module == "GL" and batch.status in ("Unposted", "Posted"):
            reference = next((line.reference for line in batch.lines if line.reference), "")
            yield _row("Journal", batch.number, reference, batch, "", batch.debit_minor)
    reversed_numbers = {each.reverses for each in company.cash_transactions.values() if each.status == "Released"}
    for transaction in company.cash_transactions.values():
        counted = not transaction.reverses and transaction.number not in reversed_numbers
        if transaction.status == "Released" and counted:
            yield _row(
                "CashTransaction", transaction.number, transaction.reference, transaction, "", transaction.amount_minor
            )


def _drafts(company: Company) -> Iterable[dict[str, Any]]:
    for payment in company.payments.values():
        if not payment.released:
            yield _row(payment.type, payment.number, payment.reference, payment, payment.customer, payment.amount_minor)
    for document in company.documents.values():
        if document.kind == "CreditNote" and not document.released:
            yield _row(
                "CreditNote",
                document.number,
                document.external_reference,
                document,
                document.customer,
                document.total_minor,
            )
    for batch in company.batches.values():
        if batch.status in ("Hold", "Balanced"):
            reference = next((line.reference for line in batch.lines if line.reference), "")
            yield _row("Journal", batch.number, reference, batch, "", batch.debit_minor)
    for transaction in company.cash_transactions.values():
        if transaction.status in ("Hold", "Balanced"):
            yield _row(
                "CashTransaction", transaction.number, transaction.reference, transaction, "", transaction.amount_minor
            )


def _row(kind: str, number: str, reference: str, record: Any, customer: str, minor: int) -> dict[str, Any]:
    return {
        "kind": kind,
        "number": number,
        "reference": reference,
        "status": record.status,
        "customer": customer,
        "currency": record.currency,
        "amount_minor": minor,
        "date": record.dated.isoformat(),
        "period": record.period,
    }


def _clock(company: Company, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    return controls.clock(company.clock, body)


def _faults(company: Company, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    return controls.faults(faults, method, body)


def _requests(company: Company, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    if method == "DELETE":
        company.ignored_parameters.clear()
        company.ignored_fields.clear()
    return {
        **controls.requests(faults, method),
        "ignored_parameters": sorted(company.ignored_parameters),
        "ignored_fields": sorted(company.ignored_fields),
    }


def _seed(company: Company, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Fill the company. Keys: standard_chart, accounts, cash_accounts, payment_methods, attributes, customer_classes,
    years, close_periods, customers, invoices. Amounts are `amount_minor`, dates ISO."""
    if body.get("standard_chart"):
        company.standard_chart()
    for each in body.get("accounts", ()):
        company.add_account(Account(**each))
    for each in body.get("cash_accounts", ()):
        entries = {entry["id"]: EntryType(**entry) for entry in each.get("entry_types", ())}
        company.add_cash_account(CashAccount(**{**each, "entry_types": entries}))
    for each in body.get("payment_methods", ()):
        company.payment_methods[each["id"]] = PaymentMethod(**each)
    for each in body.get("attributes", ()):
        company.attributes[each["id"]] = Attribute(**each)
    for each in body.get("customer_classes", ()):
        company.customer_classes[each["id"]] = CustomerClass(**each)
    for year in body.get("years", ()):
        company.add_periods(int(year))
    for each in body.get("close_periods", ()):
        company.close_period(each["period"], tuple(each.get("modules", ("GL", "AR", "CA"))))
    customers = [company.add_customer(**each).number for each in body.get("customers", ())]
    invoices = [_seed_invoice(company, each) for each in body.get("invoices", ())]
    return {"customers": customers, "invoices": invoices}


def _seed_invoice(company: Company, row: dict[str, Any]) -> str:
    details = dict(row)
    for name in ("dated", "due"):
        if name in details:
            details[name] = date.fromisoformat(details[name])
    amount = details.pop("amount_minor")
    return company.add_invoice(details.pop("number", ""), details.pop("customer"), amount, **details).number


def _switches(company: Company, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    company.switches.change(body)
    return dataclasses.asdict(company.switches)


def _answers(company: Company, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    for each in body.get("actions", ()):
        if each not in actions.ANSWERS:
            raise ValueError(f"unknown action answer {each!r}; known: {', '.join(actions.ANSWERS)}")
        company.action_answers.append(each)
    company.job_outcomes.extend(body.get("jobs", ()))
    return {"actions": list(company.action_answers), "jobs": list(company.job_outcomes)}


def _deferred(company: Company, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    return {"finished": company.finish_deferred()}


def _clerk(company: Company, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    details = dict(body)
    name = details.pop("do")
    work = None if name.startswith("_") else getattr(company.clerk, name, None)
    if work is None:
        raise ValueError(f"the clerk cannot {name!r}")
    if "on" in details:
        details["on"] = date.fromisoformat(details["on"])
    work(**details)
    return {"done": name}


def _webhooks(company: Company, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Subscribe and emit; the messages go out after the answer, in the background."""
    if "subscribe" in body:
        company.webhooks.subscribe(body["subscribe"]["url"], body["subscribe"]["secret"])
    if "misbehave" in body:
        company.webhooks.next_delivery = Misbehaviour(**body["misbehave"])
    if "emit" in body:
        company.webhooks.emit(body["emit"]["event"], body["emit"].get("payload", {}))
    return {"waiting": len(company.webhooks.outbox), "delivered": len(company.webhooks.deliveries)}


_HANDLERS: dict[str, Control] = {
    "books": books,
    "clock": _clock,
    "faults": _faults,
    "requests": _requests,
    "seed": _seed,
    "switches": _switches,
    "answers": _answers,
    "deferred": _deferred,
    "clerk": _clerk,
    "webhooks": _webhooks,
}
