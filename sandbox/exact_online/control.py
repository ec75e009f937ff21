"""The control API under `/_control`: the books, the clock, faults, counters, seeding, switches. It is not part of Exact
Online.

| path | method | what |
| --- | --- | --- |
| `/_control/books` | GET | balances, receivables, open items, documents |
| `/_control/clock` | GET, POST | `{"now": iso}` or `{"advance_s": n}` |
| `/_control/faults` | GET, POST, DELETE | one fault or a list of them (see `sandbox/faults.py`) |
| `/_control/requests` | GET, DELETE | counts, and what callers sent that was dropped |
| `/_control/seed` | POST | standard chart, accounts, invoices, ledger accounts, journals, periods … |
| `/_control/switches` | GET, POST | behaviour (see `switches.py`) |
| `/_control/token_trouble` | POST | `{"next": ["fault", "empty"]}` |
| `/_control/clerk` | POST | `{"do": "unmatch", "number": 26700042}` |
| `/_control/webhooks` | POST | emit, misbehave, deliver |
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

from sandbox import controls
from sandbox.exact_online.books import Entry
from sandbox.exact_online.oauth import TROUBLE
from sandbox.exact_online.refusals import Refusal
from sandbox.exact_online.webhooks import Misbehaviour
from sandbox.faults import FaultLayer

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

#: a control request: the division, its fault layer, the method, and the JSON body (or {}).
Control = Callable[["Division", FaultLayer, str, Any], Any]


def answer(division: Division, faults: FaultLayer, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """Status and JSON of one control request. Mistakes of the caller are 400 with their text."""
    return controls.answer(
        _HANDLERS, path, body, lambda handler, given: handler(division, faults, method, given), Refusal
    )


def books(division: Division, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    """The stand-in's own view of the ledger; amounts in minor units, balances as debits less credits."""
    return {
        "balances": division.books.balances(),
        "receivable": division.books.receivables(),
        "open_items": list(_open_items(division)),
        "documents": [_document(division, entry) for entry in division.books.effective()],
        "entries": len(division.books.entries),
    }


def _open_items(division: Division) -> Iterable[dict[str, Any]]:
    for item in division.tables["Terms"].where("IsFullyPaid", False):
        account = division.tables["Accounts"][item["Account"]]
        yield {
            "id": item["ID"],
            "customer": account["Code"].strip(),
            "invoice_number": item["InvoiceNumber"],
            "journal": item["Journal"],
            "currency": item["Currency"],
            "amount_minor": item["minor"],
            "due": item["DueDate"].date().isoformat(),
        }


def _document(division: Division, entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "id": entry.entry_id,
        "number": entry.number,
        "journal": entry.journal,
        "reference": entry.reference,
        "customer": next((line.customer for line in entry.lines if line.customer), ""),
        "currency": entry.currency,
        "amount_minor": sum(line.minor for line in entry.lines if line.minor > 0),
        "date": entry.dated.isoformat(),
        "period": entry.period,
        "lines": [[line.account, line.minor] for line in entry.lines],
    }


def _clock(division: Division, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    return controls.clock(division.clock, body)


def _faults(division: Division, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    return controls.faults(faults, method, body)


def _requests(division: Division, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    if method == "DELETE":
        division.ignored_fields.clear()
    return {**controls.requests(faults, method), "ignored_fields": sorted(division.ignored_fields)}


def _seed(division: Division, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Fill the division. Keys: standard_chart, gl_accounts, journals, accounts, invoices, siblings, close_periods,
    foreign_ids. Amounts are `amount_minor`, dates ISO."""
    if body.get("standard_chart"):
        division.standard_chart(tuple(body.get("years", (2026,))))
    for each in body.get("gl_accounts", ()):
        division.add_gl_account(**each)
    for each in body.get("journals", ()):
        division.add_journal(**each)
    for each in body.get("siblings", ()):
        division.add_sibling(**each)
    accounts = {row["Code"].strip(): row["ID"] for row in (division.add_account(**a) for a in body.get("accounts", ()))}
    invoices = [_seed_invoice(division, each) for each in body.get("invoices", ())]
    for each in body.get("close_periods", ()):
        division.close_period(each["year"], each["period"], tuple(each.get("journals", ())))
    foreign = [division.foreign_id() for _ in range(int(body.get("foreign_ids", 0)))]
    return {"accounts": accounts, "invoices": invoices, "foreign_ids": foreign}


def _seed_invoice(division: Division, row: dict[str, Any]) -> dict[str, Any]:
    details = dict(row)
    for name in ("dated", "due"):
        if name in details:
            details[name] = date.fromisoformat(details[name])
    number, account = details.pop("number", None), details.pop("account")
    entry = division.add_invoice(number, account, int(details.pop("amount_minor")), **details)
    return {"id": entry["EntryID"], "number": entry["EntryNumber"]}


def _switches(division: Division, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    division.switches.change(body)
    return dataclasses.asdict(division.switches)


def _token_trouble(division: Division, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    for each in body.get("next", ()):
        if each not in TROUBLE:
            raise ValueError(f"unknown trouble {each!r}; known: {', '.join(TROUBLE)}")
        division.tokens.gateway_trouble.append(each)
    return {"next": list(division.tokens.gateway_trouble)}


def _clerk(division: Division, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    details = dict(body)
    name = details.pop("do")
    work = None if name.startswith("_") else getattr(division.clerk, name, None)
    if work is None:
        raise ValueError(f"the clerk cannot {name!r}")
    if "on" in details:
        details["on"] = date.fromisoformat(details["on"])
    work(**details)
    return {"done": name}


def _webhooks(division: Division, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Emit and misbehave; the messages go out after the answer, in the background."""
    if "misbehave" in body:
        division.webhooks.misbehaviour = Misbehaviour(**body["misbehave"])
    if "emit" in body:
        division.webhooks.emit(**body["emit"])
    return {"waiting": len(division.webhooks.outbox), "delivered": len(division.webhooks.deliveries)}


_HANDLERS: dict[str, Control] = {
    "books": books,
    "clock": _clock,
    "faults": _faults,
    "requests": _requests,
    "seed": _seed,
    "switches": _switches,
    "token_trouble": _token_trouble,
    "clerk": _clerk,
    "webhooks": _webhooks,
}
