"""Two merchants with their GoCardless accounts and ledgers, served on loopback ports: for the demo and for trying things.

`nordic` keeps its books in Visma.net, `german` in DATEV. Both play June 2026; a director moves the days and tells, at the
end, what the books must show. Run it as a process: `python -m sandbox.stand_ins --port 8600`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.business.expectations import expected_books
from sandbox.business.plan import MONTH_END, SETUP, MonthPlan, plan_month
from sandbox.business.play import Month, new_world
from sandbox.clock import SandboxClock
from sandbox.datev.app import create_app as create_datev
from sandbox.datev.datacentre import DataCentre
from sandbox.gocardless.app import create_app as create_gocardless
from sandbox.gocardless.webhook_desk import Delivery, Endpoint
from sandbox.gocardless.world import World
from sandbox.serve import running
from sandbox.visma.app import create_app as create_visma
from sandbox.visma.company import Company
from sandbox.visma.records import Account

SEED = 20260601
DATEV_CLIENT = "455148-1"


@dataclass(slots=True)
class Merchant:
    """One merchant: its month, its GoCardless world and the application that serves it."""

    name: str
    plan: MonthPlan
    world: World
    month: Month
    app: ASGIApp


class StandIns:
    """All stand-ins of one process. `apps` are served on consecutive ports after the director's own."""

    def __init__(self, customers: int = 220, payments: int = 460, seed: int = SEED) -> None:
        self.merchants = [
            _merchant(name, plan_month(seed + number, customers, payments, name))
            for number, name in enumerate(("nordic", "german"))
        ]
        self.company = _visma_company(self.merchants[0].plan)
        self.datacentre = DataCentre(SandboxClock())
        self.datacentre.behaviour.auto_consent = True
        self.datacentre.behaviour.pending_polls = 0
        self.apps: dict[str, ASGIApp] = {
            "gocardless_nordic": self.merchants[0].app,
            "gocardless_german": self.merchants[1].app,
            "visma": create_visma(self.company),
            "datev": create_datev(self.datacentre),
        }
        self.played_to = SETUP.date() - timedelta(days=1)
        self._lock = threading.Lock()

    def listen(self, merchant: str, url: str, secret: str) -> None:
        """Register a webhook endpoint, as a person would in the dashboard."""
        chosen = next(m for m in self.merchants if m.name == merchant)
        chosen.world.webhook_desk.endpoints.append(Endpoint(url, secret))

    def advance(self, days: int) -> dict[str, Any]:
        """Play the next days and deliver their webhooks; how many were sent, refused and dropped."""
        with self._lock:
            told = {merchant.name: self._play(merchant, days) for merchant in self.merchants}
            self.played_to = min(self.played_to + timedelta(days=days), MONTH_END)
            return {"played_to": self.played_to.isoformat(), "over": self.played_to >= MONTH_END, "merchants": told}

    def truth(self) -> dict[str, Any]:
        """What the books must show now, stated from the true states of payments, refunds and payouts."""
        told = {}
        for merchant in self.merchants:
            told[merchant.name] = json.loads(expected_books(merchant.month).to_json())
            told[merchant.name]["gocardless_customers"] = {
                identity: number for number, identity in merchant.month.customer_ids.items()
            }
        return told

    def _play(self, merchant: Merchant, days: int) -> dict[str, int]:
        deliveries: list[Delivery] = []
        events = 0
        day = self.played_to
        for _ in range(days):
            day += timedelta(days=1)
            if day > MONTH_END:
                break
            played = merchant.month.play_day(day)
            deliveries.extend(played.deliveries)
            events += len(played.event_ids)
        with ThreadPoolExecutor(max_workers=4) as pool:
            statuses = list(pool.map(merchant.world.webhook_desk.send, deliveries))
        accepted = sum(200 <= status < 300 for status in statuses)
        return {"events": events, "deliveries": len(statuses), "accepted": accepted}


def director(stand_ins: StandIns, addresses: dict[str, str]) -> Starlette:
    """The control application of the process: addresses, days, truth."""

    async def show(_request: Request) -> JSONResponse:
        company = {"name": stand_ins.company.name, "tenant_id": stand_ins.company.tenant_id}
        return JSONResponse(
            {"addresses": addresses, "visma_company": company, "played_to": stand_ins.played_to.isoformat()}
        )

    async def advance(request: Request) -> JSONResponse:
        given = await request.json()
        return JSONResponse(await run_in_threadpool(stand_ins.advance, int(given["days"])))

    async def listen(request: Request) -> JSONResponse:
        given = await request.json()
        stand_ins.listen(given["merchant"], given["url"], given["secret"])
        return JSONResponse({"listening": given["merchant"]})

    async def truth(_request: Request) -> JSONResponse:
        return JSONResponse(await run_in_threadpool(stand_ins.truth))

    return Starlette(
        routes=[
            Route("/", show),
            Route("/advance", advance, methods=["POST"]),
            Route("/listen", listen, methods=["POST"]),
            Route("/truth", truth),
        ]
    )


def serve_stand_ins(port: int, tell: Callable[[str], None], *, play_all: bool, customers: int, payments: int) -> None:
    """Serve until the process is stopped. With `play_all` the whole month has happened before the first request."""
    stand_ins = StandIns(customers, payments)
    if play_all:
        stand_ins.advance((MONTH_END - SETUP.date()).days + 1)
    addresses: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for number, (name, app) in enumerate(stand_ins.apps.items(), start=1):
            addresses[name] = stack.enter_context(running(app, port + number))
            tell(f"{name:18} {addresses[name]}")
        tell(f"{'director':18} {stack.enter_context(running(director(stand_ins, addresses), port))}")
        threading.Event().wait()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.stand_ins")
    parser.add_argument("--port", type=int, default=8600)
    parser.add_argument("--customers", type=int, default=220)
    parser.add_argument("--payments", type=int, default=460)
    parser.add_argument("--play-all", action="store_true")
    given = parser.parse_args(arguments)
    serve_stand_ins(
        given.port,
        lambda line: print(line, flush=True),  # noqa: T201 - the process talks to its terminal
        play_all=given.play_all,
        customers=given.customers,
        payments=given.payments,
    )


def _merchant(name: str, plan: MonthPlan) -> Merchant:
    world = new_world(plan)
    return Merchant(name, plan, world, Month(plan, world), create_gocardless(world))


def _visma_company(plan: MonthPlan) -> Company:
    # Like the real service, it stamps documents by the present time, whatever date they carry.
    company = Company(clock=SandboxClock()).standard_chart()
    company.add_account(Account("1995", "Payouts in transit", "Asset"))
    for customer in plan.customers:
        company.add_customer(customer.number, customer.identity.name, email=customer.identity.email)
    for invoice in plan.invoices:
        company.add_invoice(
            invoice.number,
            invoice.customer,
            Decimal(invoice.amount_minor).scaleb(-2),
            invoice.currency,
            dated=invoice.issued_on,
            due=invoice.due_on,
        )
    return company


if __name__ == "__main__":
    main()
