"""Five merchants with their GoCardless accounts and ledgers, served on loopback ports: for the demo and for trying things.

`nordic` keeps its books in Visma.net, `german` in DATEV; both make their payments themselves. `dutch` writes invoices in Exact
Online, `irish` in Sage 300, and `nordsee` in two companies of IFS Cloud, for somebody else to collect. All play June 2026; a
director moves the days and tells, at the end, what the books must show.

Run it as a process: `python -m sandbox.stand_ins --port 8600`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.business.collections_made import collections_made
from sandbox.business.exact_ledger import ExactLedger, open_division
from sandbox.business.expectations import expected_books
from sandbox.business.ifs_ledger import IfsLedger, open_tenant
from sandbox.business.ledger import Ledger
from sandbox.business.ledger_expectations import ledger_books
from sandbox.business.ledger_month import EVENING, LedgerMonth
from sandbox.business.ledger_plan import plan_ledger_month
from sandbox.business.merchant import creditor_of, open_world
from sandbox.business.plan import MONTH_END, SETUP, MonthPlan, plan_month
from sandbox.business.play import Month, new_world
from sandbox.business.played_clock import PlayedClock
from sandbox.business.sage_ledger import SageLedger, open_company
from sandbox.clock import SandboxClock
from sandbox.datev.app import create_app as create_datev
from sandbox.datev.datacentre import DataCentre
from sandbox.exact_online.app import create_app as create_exact_online
from sandbox.gocardless.app import create_app as create_gocardless
from sandbox.gocardless.webhook_desk import Delivery, Endpoint
from sandbox.gocardless.world import World
from sandbox.ifs_cloud.app import create_app as create_ifs_cloud
from sandbox.sage300.app import create_app as create_sage300
from sandbox.serve import running
from sandbox.visma.app import create_app as create_visma
from sandbox.visma.company import Company
from sandbox.visma.records import Account

SEED = 20260601
Json = dict[str, Any]


@dataclass(slots=True)
class Merchant:
    """One merchant: its month, its GoCardless world and the application that serves it; `ledger` where it starts the money."""

    name: str
    world: World
    month: Month | LedgerMonth
    app: ASGIApp
    ledger: Ledger | None = None

    def truth(self) -> Json:
        """What the books must show now, and what was collected at GoCardless by others than the merchant."""
        month = self.month
        if isinstance(month, LedgerMonth):
            told: Json = json.loads(ledger_books(month).to_json())
        else:
            told = json.loads(expected_books(month).to_json())
            told["gocardless_customers"] = {identity: number for number, identity in month.customer_ids.items()}
        with self.world.lock:
            made = collections_made(
                self.world, set() if isinstance(month, LedgerMonth) else set(month.payment_ids.values())
            )
        told["collections"] = {"created": len(made.payments), "doubled": list(made.doubled)}
        return told


class StandIns:
    """All stand-ins of one process. `apps` are served on consecutive ports after the director's own.

    With a `clock_file` the ledgers live in the played month, too, and the file tells others its time; else by the machine's.
    """

    def __init__(
        self, customers: int = 220, payments: int = 460, seed: int = SEED, clock_file: Path | None = None
    ) -> None:
        self.clock = PlayedClock(SETUP, clock_file) if clock_file else SandboxClock()
        plans = [
            plan_month(seed + number, customers, payments, name) for number, name in enumerate(("nordic", "german"))
        ]
        self.company = _visma_company(plans[0], self.clock)
        self.datacentre = DataCentre(self.clock)
        self.datacentre.behaviour.auto_consent = True
        self.datacentre.behaviour.pending_polls = 0
        # A month passes in minutes.
        self.datacentre.behaviour.retry_after_s = 1
        self.division = open_division(self.clock)
        self.sage300 = open_company(self.clock)
        self.tenant = open_tenant(self.clock)
        self.merchants = [
            *(_merchant(plan) for plan in plans),
            _ledger_merchant("dutch", ExactLedger(self.division), seed + 2, payments // 6),
            _ledger_merchant("irish", SageLedger(self.sage300), seed + 3, payments // 30),
            _ledger_merchant("nordsee", IfsLedger(self.tenant), seed + 4, payments // 40),
        ]
        self.apps: dict[str, ASGIApp] = {
            **{f"gocardless_{merchant.name}": merchant.app for merchant in self.merchants},
            "visma": create_visma(self.company),
            "datev": create_datev(self.datacentre),
            "exact_online": create_exact_online(self.division),
            "sage300": create_sage300(self.sage300),
            "ifs_cloud": create_ifs_cloud(self.tenant),
        }
        self.played_to = SETUP.date() - timedelta(days=1)
        self._lock = threading.Lock()

    @property
    def companies(self) -> dict[str, Json]:
        """By ledger, what a connection file must name of its company."""
        return {
            "visma": {"company_name": self.company.name, "tenant_id": self.company.tenant_id},
            "sage300": {"company": self.sage300.company_id},
            "ifs_cloud": {
                "creditors": self._creditors("nordsee"),
                "calls_per_minute": self.tenant.switches.calls_per_minute,
            },
            "exact_online": {
                "division": self.division.code,
                "calls_per_minute": self.division.switches.calls_per_minute,
            },
        }

    def _creditors(self, merchant: str) -> dict[str, str]:
        """Of a merchant with a branch: the company code of each creditor's books -> the creditor."""
        chosen = next(each for each in self.merchants if each.name == merchant)
        profile = chosen.month.plan.profile
        return {
            prefix.rstrip(":"): creditor_of(chosen.world, profile, currency)
            for currency, prefix in profile.companies.items()
        }

    def listen(self, merchant: str, url: str, secret: str) -> None:
        """Register a webhook endpoint, as a person would in the dashboard."""
        chosen = next(each for each in self.merchants if each.name == merchant)
        chosen.world.webhook_desk.endpoints.append(Endpoint(url, secret))

    def advance(self, days: int) -> Json:
        """Play the next days and deliver their webhooks; how many were sent, refused and dropped."""
        with self._lock:
            last = min(self.played_to + timedelta(days=days), MONTH_END)
            if isinstance(self.clock, PlayedClock) and last > self.played_to:
                # First, so that nothing that happens lies ahead of anybody's time.
                self.clock.set(datetime.combine(last, EVENING, UTC))
            told = {merchant.name: self._play(merchant, last) for merchant in self.merchants}
            self.played_to = last
            return {"played_to": self.played_to.isoformat(), "over": self.played_to >= MONTH_END, "merchants": told}

    def truth(self) -> Json:
        """What the books must show now, stated from the true states of payments, refunds and payouts."""
        return {merchant.name: merchant.truth() for merchant in self.merchants}

    def _play(self, merchant: Merchant, last: date) -> dict[str, int]:
        deliveries: list[Delivery] = []
        events = 0
        day = self.played_to + timedelta(days=1)
        while day <= last:
            played = merchant.month.play_day(day)
            deliveries.extend(played.deliveries)
            events += len(played.event_ids)
            day += timedelta(days=1)
        with ThreadPoolExecutor(max_workers=4) as pool:
            statuses = list(pool.map(merchant.world.webhook_desk.send, deliveries))
        if merchant.ledger is not None:
            merchant.ledger.tell()
        accepted = sum(200 <= status < 300 for status in statuses)
        return {"events": events, "deliveries": len(statuses), "accepted": accepted}


def director(stand_ins: StandIns, addresses: dict[str, str]) -> Starlette:
    """The control application of the process: addresses, days, truth."""

    async def show(_request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "addresses": addresses,
                "companies": stand_ins.companies,
                "played_to": stand_ins.played_to.isoformat(),
                "now": stand_ins.clock.now().isoformat(),
            }
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


def serve_stand_ins(
    port: int,
    tell: Callable[[str], None],
    *,
    play_all: bool,
    customers: int,
    payments: int,
    clock_file: Path | None = None,
) -> None:
    """Serve until the process is stopped. With `play_all` the whole month has happened before the first request."""
    stand_ins = StandIns(customers, payments, clock_file=clock_file)
    if play_all:
        stand_ins.advance((MONTH_END - SETUP.date()).days + 1)
    addresses: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for number, (name, app) in enumerate(stand_ins.apps.items(), start=1):
            addresses[name] = stack.enter_context(running(app, port + number, dated=clock_file is None))
            tell(f"{name:18} {addresses[name]}")
        tell(f"{'director':18} {stack.enter_context(running(director(stand_ins, addresses), port))}")
        threading.Event().wait()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.stand_ins")
    parser.add_argument("--port", type=int, default=8600)
    parser.add_argument("--customers", type=int, default=220)
    parser.add_argument("--payments", type=int, default=460)
    parser.add_argument("--play-all", action="store_true")
    parser.add_argument(
        "--clock-file", type=Path, help="let the ledgers live in the played month; its time is kept here"
    )
    given = parser.parse_args(arguments)
    serve_stand_ins(
        given.port,
        lambda line: print(line, flush=True),  # noqa: T201 - the process talks to its terminal
        play_all=given.play_all,
        customers=given.customers,
        payments=given.payments,
        clock_file=given.clock_file,
    )


def _merchant(plan: MonthPlan) -> Merchant:
    world = new_world(plan)
    return Merchant(plan.profile.name, world, Month(plan, world), create_gocardless(world))


def _ledger_merchant(name: str, ledger: Ledger, seed: int, invoices: int) -> Merchant:
    """A merchant whose `ledger` starts the money, with so many ordinary invoices."""
    plan = plan_ledger_month(seed, invoices, name)
    world = open_world(plan.profile, seed)
    return Merchant(name, world, LedgerMonth(plan, world, ledger), create_gocardless(world), ledger)


def _visma_company(plan: MonthPlan, clock: SandboxClock) -> Company:
    # Like the real service, it stamps documents by the present time, whatever date they carry.
    company = Company(clock=clock).standard_chart()
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
