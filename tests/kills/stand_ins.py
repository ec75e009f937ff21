"""The stand-ins of a campaign in a process of their own, with a director that plays the acts, lays ambushes and shows the books.

Run as `python -m tests.kills.stand_ins --erp visma --home … --port …`; ends when it is told to stop.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from sandbox.gocardless.webhook_desk import Endpoint, Mischief
from tests.installations import WEBHOOK_SECRET
from tests.kills.ambush import Ambush, Trap
from tests.kills.books import books_of
from tests.kills.business import Business
from tests.kills.sites import ERPS, open_site
from tests.sites import Site

#: how long a question whether a trap was sprung is kept open.
LOOK_S = 1.0


class Director:
    """Moves the stand-ins of one site."""

    def __init__(self, site: Site, erp: str, seed: int) -> None:
        self._site = site
        self._erp = erp
        self._business = Business(site, erp, seed)
        self._chance = random.Random(f"webhooks {seed}")
        self._ambushes = {"erp": Ambush(site.at.erp.faults.app), "gocardless": Ambush(site.at.gocardless.faults.app)}
        site.at.erp.faults.app = self._ambushes["erp"]
        site.at.gocardless.faults.app = self._ambushes["gocardless"]
        self._trap: Trap | None = None

    def app(self) -> Starlette:
        routes = {
            "/opens": self.opens, "/act": self.act, "/deliver": self.deliver, "/redeliver": self.redeliver,
            "/clock": self.clock, "/trap": self.lay, "/sprung": self.sprung, "/release": self.release,
            "/books": self.books,
        }  # fmt: skip
        return Starlette(routes=[Route(path, _answering(work), methods=["POST"]) for path, work in routes.items()])

    def opens(self, given: dict[str, Any]) -> dict[str, Any]:
        """The merchant's customers, and where its webhooks go."""
        self._business.opens()
        self._site.merchant.world.webhook_desk.endpoints.append(Endpoint(given["url"], WEBHOOK_SECRET))
        return {"connection": self._site.name}

    def act(self, given: dict[str, Any]) -> dict[str, Any]:
        """Plays an act at its own time, or at once when that is past; `at` says when it was played."""
        at, clock = datetime.fromisoformat(given["at"]), self._site.merchant.world.clock
        if clock.now() < at:
            clock.set(at)
        played_at = clock.now()
        self._business.act(given["number"])
        return {"at": played_at.isoformat()}

    def deliver(self, given: dict[str, Any]) -> dict[str, Any]:
        """One round of webhooks, in small batches; `duplicate_percent` of the events come twice."""
        desk = self._site.merchant.world.webhook_desk
        with self._site.merchant.world.lock:
            planned = desk.plan(Mischief(batch=2, duplicate_percent=given.get("duplicate_percent", 0)), self._chance)
        return {"statuses": [desk.send(delivery) for delivery in planned]}

    def redeliver(self, _given: dict[str, Any]) -> dict[str, Any]:
        """Send again what is due by GoCardless's plan; `waiting` tries lie ahead."""
        world = self._site.merchant.world
        statuses = world.webhook_desk.retry_due()
        return {"statuses": statuses, "waiting": sum(not d.delivered for d in world.webhook_desk.deliveries.values())}

    def clock(self, given: dict[str, Any]) -> dict[str, Any]:
        clock = self._site.merchant.world.clock
        if "advance_s" in given:
            clock.advance(timedelta(seconds=given["advance_s"]))
        return {"now": clock.now().isoformat()}

    def lay(self, given: dict[str, Any]) -> dict[str, Any]:
        """A trap for the `nth` write to any of `systems`, or the nth read from them; an older one is taken away."""
        self.release({})
        self._trap = Trap(given["nth"], given["moment"], given["reads"])
        for system in given["systems"]:
            self._ambushes[system].trap = self._trap
        return {}

    def sprung(self, _given: dict[str, Any]) -> dict[str, Any]:
        """The port of the one who is in the trap, 0 while nobody is."""
        trap = self._trap
        if trap is None or not trap.sprung.wait(LOOK_S):
            return {"port": 0, "path": ""}
        return {"port": trap.port, "path": trap.path, "moment": trap.moment}

    def release(self, given: dict[str, Any]) -> dict[str, Any]:
        """Let whatever is kept waiting go on; `killed` says that its sender is gone."""
        for ambush in self._ambushes.values():
            ambush.trap = None
        if self._trap is not None:
            self._trap.killed = bool(given.get("killed"))
            self._trap.released.set()
            self._trap = None
        return {}

    def books(self, _given: dict[str, Any]) -> dict[str, Any]:
        return books_of(self._site).told()


def _answering(work: Any) -> Any:
    async def answer(request: Request) -> JSONResponse:
        return JSONResponse(await run_in_threadpool(work, await request.json()))

    return answer


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--erp", choices=ERPS, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--clock-file", type=Path, required=True)
    parser.add_argument("--database-url")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args(arguments)
    with open_site(given.erp, given.home, clock_file=given.clock_file, database_url=given.database_url) as site:
        app = Director(site, given.erp, given.seed).app()
        config = uvicorn.Config(app, host="127.0.0.1", port=given.port, log_level="warning", access_log=False)
        asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
