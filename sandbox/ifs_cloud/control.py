"""The control API under `/_control`: the books, the clock, faults, counters, seeding, switches. It is not part of IFS
Cloud.

| path | method | what |
| --- | --- | --- |
| `/_control/books` | GET | per company: balances, receivables, open items, vouchers, what is left behind |
| `/_control/clock` | GET, POST | `{"now": iso}` or `{"advance_s": n}` |
| `/_control/faults` | GET, POST, DELETE | one fault or a list of them (see `sandbox/faults.py`) |
| `/_control/requests` | GET, DELETE | counts, tokens issued, calls refused by the limit |
| `/_control/seed` | POST | companies, customers, invoices, rates, accounts |
| `/_control/switches` | GET, POST | behaviour (see `switches.py`) |
| `/_control/deploy` | POST | `{"times": n}`: so many requests meet an outdated metadata cache |
| `/_control/refuse` | POST | `{"ora": 20113, "tag": "LedgerItem.FND_RECORD_LOCKED", "path": "...", "times": 1}` |
| `/_control/tokens` | DELETE | every token becomes invalid |
| `/_control/catalogue` | POST | `{"do": "rename_service", "old": ..., "new": ...}` and the like |
| `/_control/event_actions` | GET, POST | `{"url": ..., "secret": ..., "units": ["Invoice"]}`; outcomes of calls |
| `/_control/clerk` | POST | `{"do": "pay", "company": "10", "invoice_no": "10001"}` |
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

from sandbox import controls
from sandbox.faults import FaultLayer
from sandbox.ifs_cloud import companies, evidence
from sandbox.ifs_cloud.refusals import Refusal

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

#: a control request: the tenant, its fault layer, the method, and the JSON body (or {}).
Control = Callable[["Tenant", FaultLayer, str, Any], Any]

_DATES = ("dated", "due", "valid_from", "DueDate", "InvoiceDate")


def answer(tenant: Tenant, faults: FaultLayer, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """Status and JSON of one control request. Mistakes of the caller are 400 with their text."""
    return controls.answer(
        _HANDLERS, path, body, lambda handler, given: handler(tenant, faults, method, given), Refusal
    )


def _books(tenant: Tenant, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    tenant.tick()
    return evidence.books(tenant)


def _clock(tenant: Tenant, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    return controls.clock(tenant.clock, body)


def _faults(tenant: Tenant, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    return controls.faults(faults, method, body)


def _requests(tenant: Tenant, faults: FaultLayer, method: str, body: Any) -> dict[str, Any]:
    return {
        **controls.requests(faults, method),
        "tokens_issued": tenant.realm.issued,
        "refused_by_limit": tenant.limits.refused,
    }


def _seed(tenant: Tenant, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """Fill the tenant. Keys: companies, rates, accounts, code_values, customers, invoices; the members of each are the
    parameters of the functions that add them, dates ISO."""
    for each in body.get("companies", ()):
        tenant.add_company(**each)
    for each in body.get("rates", ()):
        tenant.add_rate(**_dated(each))
    for each in body.get("accounts", ()):
        companies.add_account(tenant, **each)
    for each in body.get("code_values", ()):
        companies.add_code_value(tenant, **each)
    for each in body.get("customers", ()):
        details = dict(each)
        if "companies" in details:
            details["companies"] = tuple(details["companies"])
        tenant.add_customer(**details)
    rows = [tenant.add_invoice(**_invoice(each)) for each in body.get("invoices", ())]
    return {
        "invoices": [{name: row[name] for name in ("Company", "InvoiceId", "SeriesId", "InvoiceNo")} for row in rows]
    }


def _invoice(given: dict[str, Any]) -> dict[str, Any]:
    details = _dated(given)
    if "installments" in details:
        details["installments"] = [(date.fromisoformat(due), minor) for due, minor in details["installments"]]
    return details


def _switches(tenant: Tenant, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    tenant.switches.change(body)
    return dataclasses.asdict(tenant.switches)


def _deploy(tenant: Tenant, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    tenant.outdated_for = int(body.get("times", 1))
    return {"times": tenant.outdated_for}


def _refuse(tenant: Tenant, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    if method == "POST":
        tenant.refusals.add(**body)
    return {"ordered": len(tenant.refusals)}


def _tokens(tenant: Tenant, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    if method == "DELETE":
        tenant.realm.revoke()
    return {"issued": tenant.realm.issued}


def _catalogue(tenant: Tenant, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    _call(tenant.catalogue, _TAILORING, body)
    return {"services": [each.name for each in tenant.catalogue]}


def _event_actions(tenant: Tenant, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    if method == "POST":
        tenant.event_actions.add(body["url"], body["secret"], *body["units"])
    return {"waiting": len(tenant.event_actions.waiting), "outcomes": tenant.event_actions.outcomes}


def _clerk(tenant: Tenant, faults: FaultLayer, method: str, body: dict[str, Any]) -> dict[str, Any]:
    names = [name for name in dir(tenant.clerk) if not name.startswith("_")]
    return {"done": body["do"], "result": _shown(_call(tenant.clerk, names, _dated(body)))}


def _call(target: object, names: Iterable[str], body: dict[str, Any]) -> Any:
    details = dict(body)
    name = details.pop("do")
    if name not in names:
        raise ValueError(f"{name!r} is none of {', '.join(sorted(names))}")
    return getattr(target, name)(**details)


def _shown(result: Any) -> Any:
    return result if isinstance(result, int | str | None) else None


def _dated(given: dict[str, Any]) -> dict[str, Any]:
    return {name: date.fromisoformat(value) if name in _DATES else value for name, value in given.items()}


_TAILORING = (
    "rename_service", "rename_set", "rename_member", "remove_service", "remove_set", "remove_member", "add_field",
    "move",
    "grant", "activate",
)  # fmt: skip
_HANDLERS: dict[str, Control] = {
    "books": _books,
    "clock": _clock,
    "faults": _faults,
    "requests": _requests,
    "seed": _seed,
    "switches": _switches,
    "deploy": _deploy,
    "refuse": _refuse,
    "tokens": _tokens,
    "catalogue": _catalogue,
    "event_actions": _event_actions,
    "clerk": _clerk,
}
