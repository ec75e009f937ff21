"""The control API under `/_control`: books, clock, faults, requests, seeds. For tests and the demo only."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.datev.datacentre import Company, DataCentre, Registration
from sandbox.datev.jobs import add_foreign_job
from sandbox.faults import Fault, FaultLayer

SEEDS = ("registrations", "clients", "many_clients", "debtors", "foreign_jobs", "behaviour")


class Control:
    """Endpoints over a data centre and the fault layer in front of it. A bad request gets a 400 with the reason."""

    def __init__(self, datacentre: DataCentre) -> None:
        self.datacentre = datacentre
        self.faults: FaultLayer | None = None

    def routes(self) -> list[Route]:
        return [
            Route("/_control/books", self.books),
            Route("/_control/clock", self.clock, methods=["GET", "POST"]),
            Route("/_control/faults", self.queued_faults, methods=["GET", "POST", "DELETE"]),
            Route("/_control/requests", self.requests, methods=["GET", "DELETE"]),
            Route("/_control/seed", self.seed, methods=["POST"]),
        ]

    async def books(self, request: Request) -> Response:
        """`?client=455148-1`, narrowed by `document=` and `gocardless_id=` for the rows."""
        client = request.query_params.get("client", "455148-1")
        if client not in self.datacentre.companies:
            return _answer({"error": f"unknown client {client}"}, 404)
        books = self.datacentre.books(client)
        shown = books.to_json()
        wanted = {name: request.query_params.get(name, "") for name in ("document", "gocardless_id")}
        if any(wanted.values()):
            shown["rows"] = [asdict(row) for row in books.rows_of(**wanted)]
        return _answer(shown)

    async def clock(self, request: Request) -> Response:
        """POST `{"set": "2026-07-01T00:00:00+00:00"}` or `{"advance_s": 60}`; both answer the time."""
        if request.method == "POST":
            wish = orjson.loads(await request.body())
            try:
                if "set" in wish:
                    self.datacentre.clock.set(datetime.fromisoformat(wish["set"]))
                else:
                    self.datacentre.clock.advance(timedelta(seconds=wish["advance_s"]))
            except (ValueError, KeyError) as wrong:
                return _answer({"error": str(wrong)}, 400)
        return _answer({"now": self.datacentre.now().isoformat()})

    async def queued_faults(self, request: Request) -> Response:
        layer = self._layer()
        if request.method == "POST":
            try:
                layer.add(Fault(**orjson.loads(await request.body())))
            except (ValueError, TypeError) as wrong:
                return _answer({"error": str(wrong)}, 400)
        elif request.method == "DELETE":
            layer.clear()
        return _answer([asdict(fault) for fault in layer.queued])

    async def requests(self, request: Request) -> Response:
        """Every request seen, and the poll counts: GETs per job, and GETs of each company's job list."""
        layer = self._layer()
        if request.method == "DELETE":
            layer.requests.clear()
        return _answer(
            {
                "requests": layer.requests,
                "job_polls": {job.id: job.polls for job in self.datacentre.jobs.values()},
                "job_list_gets": self.datacentre.job_list_gets,
                "live_sessions": {name: self.datacentre.live_sessions(name) for name in self.datacentre.registrations},
            }
        )

    async def seed(self, request: Request) -> Response:
        """Any of `SEEDS`; a wrong one is refused, and what stood before it is kept."""
        try:
            self._seed(orjson.loads(await request.body()))
        except (ValueError, TypeError, KeyError) as wrong:
            return _answer({"error": f"{type(wrong).__name__}: {wrong}"}, 400)
        return _answer({"clients": list(self.datacentre.companies)})

    def _seed(self, wish: dict[str, Any]) -> None:
        centre = self.datacentre
        if unknown := set(wish) - set(SEEDS):
            raise ValueError(f"unknown seeds: {', '.join(sorted(unknown))}; known: {', '.join(SEEDS)}")
        for values in wish.get("registrations", []):
            centre.register(Registration(**_with(values, redirect_uris=tuple, scopes=frozenset)))
        for values in wish.get("clients", []):
            shaped = _with(values, services=tuple, accounts=frozenset, fiscal_year_begins=_dates)
            centre.add_company(Company(**_with(shaped, closed_through=date.fromisoformat)))
        centre.add_many_companies(wish.get("many_clients", 0))
        for client_id, accounts in wish.get("debtors", {}).items():
            centre.seed_personal_accounts(client_id, accounts)
        for client_id, count in wish.get("foreign_jobs", {}).items():
            for _ in range(count):
                add_foreign_job(centre, centre.companies[client_id])
        centre.behaviour.change(wish.get("behaviour", {}))

    def _layer(self) -> FaultLayer:
        assert self.faults is not None, "the application sets the fault layer before it serves"
        return self.faults


def _with(values: dict[str, Any], **shapes: Any) -> dict[str, Any]:
    return {name: shapes[name](value) if name in shapes else value for name, value in values.items()}


def _dates(texts: list[str]) -> tuple[date, ...]:
    return tuple(date.fromisoformat(text) for text in texts)


def _answer(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
