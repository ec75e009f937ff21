"""The control API under `/_control`: the books, the clock, faults, counters, seeding, switches. It is not part of Sage 300.

| path | method | what |
| --- | --- | --- |
| `/_control/books` | GET | balances, receivables, open documents, postings, batches |
| `/_control/clock` | GET, POST | `{"now": iso}` or `{"advance_s": n}` |
| `/_control/faults` | GET, POST, DELETE | one fault or a list of them (see `sandbox/faults.py`) |
| `/_control/requests` | GET, DELETE | counts by method and by path |
| `/_control/seed` | POST | standard company, customers, invoices, accounts, users, locked periods … |
| `/_control/switches` | GET, POST | behaviour (see `switches.py`) |
| `/_control/clerk` | POST | `{"do": "post", "resource": "ARInvoiceBatches", "number": 3}` (see `clerk.py`) |
| `/_control/half_writes` | POST | `{"resource": "ARInvoiceBatches", "entries": 0}`: the next insert is cut off there |
| `/_control/stuck_postings` | POST | `{"times": 1}`: batches stop in PostInProgress |
| `/_control/recycle` | POST | the application pool is recycled |
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

from bookkeeping.money import Money
from sandbox import controls
from sandbox.sage300 import batches
from sandbox.sage300.books import Posting
from sandbox.sage300.company import Company, HalfWrite
from sandbox.sage300.refusals import Refusal

if TYPE_CHECKING:
    from sandbox.sage300.app import Sage300Sandbox

#: a control request: the application, the method, and the JSON body (or {}).
Control = Callable[["Sage300Sandbox", str, Any], Any]


def answer(app: Sage300Sandbox, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """Status and JSON of one control request. Mistakes of the caller are 400 with their text."""
    return controls.answer(_HANDLERS, path, body, lambda handler, given: handler(app, method, given), Refusal)


def books(company: Company) -> dict[str, Any]:
    """The stand-in's own view of the ledger; amounts in minor units, balances as debits less credits."""
    return {
        "functional": company.functional,
        "balances": company.books.balances(),
        "source_balances": company.books.source_balances(),
        "receivables": company.books.receivables(),
        "open_documents": list(_open_documents(company)),
        "postings": [_posting(each) for each in company.books.postings],
        "batches": list(_batches(company)),
        "posting_errors": list(company.posting_errors),
    }


def _open_documents(company: Company) -> Iterable[dict[str, Any]]:
    for row in company.tables["ARPostedDocuments"]:
        if row["FullyPaid"] == "No":
            yield {
                "customer": row["CustomerNumber"],
                "number": row["DocumentNumber"],
                "type": row["DocumentType"],
                "currency": row["CurrencyCode"],
                "due_minor": Money.from_major(row["CustomerCurrencyAmountDue"], row["CurrencyCode"]).minor,
                "due": row["DueDate"].isoformat() if row["DueDate"] else None,
            }


def _posting(each: Posting) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "number": each.number,
        "reference": each.reference,
        "customer": each.customer,
        "batch": each.batch,
        "entry": each.entry,
        "date": each.dated.isoformat(),
        "period": each.period,
        "currency": each.currency,
        "amount_minor": sum(line.minor for line in each.lines if line.minor > 0),
        "lines": [
            {
                "account": line.account,
                "minor": line.minor,
                "base_minor": line.base_minor,
                "customer": line.customer,
                "text": line.text,
                "reference": line.reference,
            }
            for line in each.lines
        ],
        "applied": [list(pair) for pair in each.applied],
    }


def _batches(company: Company) -> Iterable[dict[str, Any]]:
    """Every batch with the references of its entries, whatever its state."""
    for resource, (state, entries) in batches.STATES.items():
        for row in company.tables[resource]:
            yield {
                "resource": resource,
                "number": row["BatchNumber"],
                "record_type": row.get("BatchRecordType", ""),
                "status": row[state],
                "description": row.get("Description", row.get("BatchDescription", "")),
                "entries": len(row[entries]),
                "errors": row["NumberOfErrors"],
                "references": [_reference(entry) for entry in row[entries]],
                "generated": row.get("JournalBatchType", row.get("BatchType")) in ("Subledger", "Recurring"),
            }


def _reference(entry: dict[str, Any]) -> str:
    for name in ("CheckReceiptNumber", "DocumentDescription", "DocumentNumber", "Description"):
        if entry.get(name):
            return str(entry[name])
    return ""


def _books(app: Sage300Sandbox, method: str, body: Any) -> dict[str, Any]:
    return books(app.company)


def _clock(app: Sage300Sandbox, method: str, body: Any) -> dict[str, Any]:
    return controls.clock(app.company.clock, body)


def _faults(app: Sage300Sandbox, method: str, body: Any) -> dict[str, Any]:
    return controls.faults(app.faults, method, body)


def _requests(app: Sage300Sandbox, method: str, body: Any) -> dict[str, Any]:
    return controls.requests(app.faults, method)


def _seed(app: Sage300Sandbox, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Fill the company. Keys: standard, years, accounts, customers, optional_fields, invoices, users, siblings,
    without_modules, lock_periods, rates. Amounts are `amount_minor`, dates ISO."""
    company = app.company
    if body.get("standard"):
        company.standard(tuple(body.get("years", (2025, 2026, 2027))))
    for each in body.get("accounts", ()):
        company.add_account(**each)
    for each in body.get("optional_fields", ()):
        company.add_optional_field(**each)
    for each in body.get("customers", ()):
        company.add_customer(**each)
    invoices = [_seed_invoice(company, each) for each in body.get("invoices", ())]
    for each in body.get("users", ()):
        sets = {name: set(each[name]) for name in ("web_api", "companies", "denied") if name in each}
        company.add_user(**{**each, **sets})
    company.siblings |= set(body.get("siblings", ()))
    company.modules -= set(body.get("without_modules", ()))
    for each in body.get("lock_periods", ()):
        company.lock_period(each["year"], each["period"], *each.get("modules", ()))
    for each in body.get("rates", ()):
        company.clerk.set_rate(each["currency"], each["rate"], date.fromisoformat(each["on"]))
    return {"customers": len(company.tables["ARCustomers"]), "invoices": invoices}


def _seed_invoice(company: Company, row: dict[str, Any]) -> str:
    details = dict(row)
    for name in ("dated", "due"):
        if name in details:
            details[name] = date.fromisoformat(details[name])
    made = company.add_invoice(
        details.pop("customer"), details.pop("number"), int(details.pop("amount_minor")), **details
    )
    return str(made["DocumentNumber"])


def _switches(app: Sage300Sandbox, method: str, body: dict[str, Any]) -> dict[str, Any]:
    app.company.switches.change(body)
    return dataclasses.asdict(app.company.switches)


def _clerk(app: Sage300Sandbox, method: str, body: dict[str, Any]) -> dict[str, Any]:
    details = dict(body)
    name = details.pop("do")
    work = None if name.startswith("_") else getattr(app.company.clerk, name, None)
    if work is None:
        raise ValueError(f"the clerk cannot {name!r}")
    for each in ("on", "dated", "due"):
        if each in details:
            details[each] = date.fromisoformat(details[each])
    made = work(**details)
    return {"done": name, "number": made.get("BatchNumber") if isinstance(made, dict) else made}


def _half_writes(app: Sage300Sandbox, method: str, body: dict[str, Any]) -> dict[str, Any]:
    app.company.half_writes.append(HalfWrite(body["resource"], int(body["entries"])))
    return {"waiting": len(app.company.half_writes)}


def _stuck_postings(app: Sage300Sandbox, method: str, body: dict[str, Any]) -> dict[str, Any]:
    app.company.stuck_postings = int(body["times"])
    return {"times": app.company.stuck_postings}


def _recycle(app: Sage300Sandbox, method: str, body: dict[str, Any]) -> dict[str, Any]:
    app.recycle()
    return {"recycled": True}


_HANDLERS: dict[str, Control] = {
    "books": _books,
    "clock": _clock,
    "faults": _faults,
    "requests": _requests,
    "seed": _seed,
    "switches": _switches,
    "clerk": _clerk,
    "half_writes": _half_writes,
    "stuck_postings": _stuck_postings,
    "recycle": _recycle,
}
