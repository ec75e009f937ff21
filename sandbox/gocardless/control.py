"""`/_control/...`: what tests and the demo steer: clock, faults, request counts, webhooks, bulk load, the world's
own truth.

Never part of GoCardless. Everything is JSON; a wrong value is answered 400 with the reason.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.faults import Fault, FaultLayer
from sandbox.gocardless.load import load_confirmed_payments, load_payout
from sandbox.gocardless.records import Record
from sandbox.gocardless.reference_data import add_payout_export
from sandbox.gocardless.simulators import SIMULATORS
from sandbox.gocardless.timestamps import parse_stamp, stamp
from sandbox.gocardless.webhook_desk import Endpoint, Mischief
from sandbox.gocardless.world import OAuthApp, Settings, Token, World

Work = Callable[[dict[str, Any]], Any]


def control_routes(world: World, faults: Callable[[], FaultLayer]) -> list[Route]:
    """The routes; `faults` gives the layer that wraps the finished application."""
    desk = ControlDesk(world, faults)
    table: dict[tuple[str, str], Work] = {
        ("GET", "clock"): desk.clock,
        ("POST", "clock"): desk.move_clock,
        ("POST", "faults"): desk.add_fault,
        ("DELETE", "faults"): desk.clear_faults,
        ("GET", "requests"): desk.requests,
        ("DELETE", "requests"): desk.forget_requests,
        ("GET", "truth"): desk.truth,
        ("POST", "settings"): desk.change_settings,
        ("POST", "tokens"): desk.put_token,
        ("POST", "oauth_apps"): desk.add_oauth_app,
        ("GET", "webhook_endpoints"): desk.endpoints,
        ("POST", "webhook_endpoints"): desk.add_endpoint,
        ("DELETE", "webhook_endpoints"): desk.remove_endpoints,
        ("POST", "webhooks/deliver"): desk.deliver,
        ("POST", "webhooks/retry_due"): desk.retry_due,
        ("POST", "webhooks/test"): desk.send_test,
        ("POST", "events"): desk.inject_event,
        ("POST", "payments"): desk.load_payments,
        ("POST", "payouts"): desk.load_payout,
        ("POST", "exports"): desk.export,
        ("POST", "simulate"): desk.simulate,
    }
    return [
        Route(f"/_control/{path}", _handler(work, method), methods=[method]) for (method, path), work in table.items()
    ]


def _handler(work: Work, method: str) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        body = await request.body()
        try:
            given = orjson.loads(body) if method != "GET" and body.strip() else dict(request.query_params)
            answer = await run_in_threadpool(work, given)
        except (KeyError, TypeError, ValueError) as problem:
            return Response(orjson.dumps({"error": repr(problem)}), 400, media_type="application/json")
        return Response(orjson.dumps(answer), media_type="application/json")

    return handle


class ControlDesk:
    """One method a route; each takes the JSON given and returns the JSON answered."""

    def __init__(self, world: World, faults: Callable[[], FaultLayer]) -> None:
        self._world = world
        self._faults = faults

    def clock(self, _given: dict[str, Any]) -> Any:
        return {"now": stamp(self._world.now())}

    def move_clock(self, given: dict[str, Any]) -> Any:
        """`set` (a time) or `advance_s`; with `autopilot` (default true) everything due on the way happens."""
        with self._world.lock:
            now = self._world.now()
            target = parse_stamp(given["set"]) if "set" in given else now + timedelta(seconds=int(given["advance_s"]))
            steps = 0
            if given.get("autopilot", True):
                self._world.clock.set(now)
                steps = self._world.autopilot.run_until(target)
            self._world.clock.set(target)
            self._world.release_late_events()
        return {"now": stamp(self._world.now()), "steps": steps}

    def add_fault(self, given: dict[str, Any]) -> Any:
        self._faults().add(Fault(**given))
        return {"queued": len(self._faults().queued)}

    def clear_faults(self, _given: dict[str, Any]) -> Any:
        self._faults().clear()
        return {"queued": 0}

    def requests(self, _given: dict[str, Any]) -> Any:
        """How often each first path segment was called, by method."""
        counts = Counter(f"{method} /{path.split('/')[1]}" for method, path in self._faults().requests)
        return {"total": sum(counts.values()), "by_resource": dict(sorted(counts.items()))}

    def forget_requests(self, _given: dict[str, Any]) -> Any:
        self._faults().requests.clear()
        return {"total": 0}

    def truth(self, _given: dict[str, Any]) -> Any:
        """Every resource as it is now, all payout items, what is held, and which events no webhook will ever tell."""
        world = self._world
        with world.lock:
            names = (
                "creditors", "customers", "mandates", "payments", "refunds", "payouts", "subscriptions", "events",
            )  # fmt: skip
            answer: dict[str, Any] = {name: [record.body for record in world.collection(name)] for name in names}
            answer["payout_items"] = {key: [x.body for x in items] for key, items in world.payout_desk.items.items()}
            answer["held"] = [
                {"type": e.type, "amount": str(e.amount), "currency": e.currency, "links": e.links}
                for e in world.settlement.pending
            ]
            answer["dropped_events"] = list(world.webhook_desk.dropped)
        return answer

    def change_settings(self, given: dict[str, Any]) -> Any:
        known = {item.name for item in dataclasses.fields(Settings)}
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"unknown setting {name}")
            setattr(self._world.settings, name, timedelta(seconds=value) if name == "late_by_at_most" else value)
        return {"changed": sorted(given)}

    def put_token(self, given: dict[str, Any]) -> Any:
        token = Token(given["value"], given.get("scope", "read_write"), given.get("state", "active"), given.get("app"))
        self._world.tokens[token.value] = token
        return {"tokens": len(self._world.tokens)}

    def add_oauth_app(self, given: dict[str, Any]) -> Any:
        app = OAuthApp(given["client_id"], given["client_secret"], tuple(given["redirect_uris"]))
        self._world.oauth_apps[app.client_id] = app
        return {"client_id": app.client_id}

    def endpoints(self, _given: dict[str, Any]) -> Any:
        return {"webhook_endpoints": [{"url": e.url, "enabled": e.enabled} for e in self._world.webhook_desk.endpoints]}

    def add_endpoint(self, given: dict[str, Any]) -> Any:
        self._world.webhook_desk.endpoints.append(Endpoint(given["url"], given["secret"]))
        return self.endpoints({})

    def remove_endpoints(self, _given: dict[str, Any]) -> Any:
        self._world.webhook_desk.endpoints.clear()
        return self.endpoints({})

    def deliver(self, given: dict[str, Any]) -> Any:
        """Send the waiting events: `seed`, and the fields of `Mischief`."""
        world = self._world
        chance = random.Random(given.pop("seed", world.seed))
        with world.lock:
            world.release_late_events()
            deliveries = world.webhook_desk.plan(Mischief(**given), chance)
        statuses = [world.webhook_desk.send(delivery) for delivery in deliveries]
        return {"statuses": statuses, "dropped": len(world.webhook_desk.dropped)}

    def retry_due(self, _given: dict[str, Any]) -> Any:
        return {"statuses": self._world.webhook_desk.retry_due()}

    def send_test(self, given: dict[str, Any]) -> Any:
        """The dashboard's test webhook: real signature, `is_test` in the log, a made-up event."""
        world = self._world
        with world.lock:
            event = _event(
                world, {"resource_type": "payments", "action": "confirmed", "links": {"payment": "PM00TEST"}}
            )
            endpoint = world.webhook_desk.endpoints[int(given.get("endpoint", 0))]
            delivery = world.webhook_desk.prepare([event], endpoint, is_test=True)
        return {"status": world.webhook_desk.send(delivery)}

    def inject_event(self, given: dict[str, Any]) -> Any:
        """Any event at all, also of an unknown type, with an old `created_at`, or visible only `late_s` seconds
        later.
        """
        world = self._world
        with world.lock:
            event = _event(world, given)
            late_s = int(given.get("late_s", 0))
            world.events.add(event, stamp(world.now() + timedelta(seconds=late_s)) if late_s else "")
            if not late_s:
                world.webhook_desk.announce(event)
        return {"id": event.id}

    def load_payments(self, given: dict[str, Any]) -> Any:
        """`count`, `customers`, `at`, and further parameters of `load_confirmed_payments`."""
        at = _moment(given.pop("at"))
        loaded = load_confirmed_payments(self._world, given.pop("count"), at=at, **given)
        return dataclasses.asdict(loaded)

    def load_payout(self, given: dict[str, Any]) -> Any:
        """`payments` (ids), `items`, `at`."""
        at = _moment(given.pop("at"))
        return load_payout(self._world, given.pop("payments"), at=at, **given).body

    def export(self, given: dict[str, Any]) -> Any:
        with self._world.lock:
            payout = self._world.payouts.get(given["payout"])
            if payout is None:
                raise ValueError(f"payout {given['payout']} does not exist")
            return add_payout_export(self._world, payout, given["base_url"]).body

    def simulate(self, given: dict[str, Any]) -> Any:
        """A scenario simulator without a token: `name` and `resource`."""
        collection, action = SIMULATORS[given["name"]]
        with self._world.lock:
            record = self._world.collection(collection).get(given["resource"])
            if record is None:
                raise ValueError(f"{given['resource']} does not exist")
            action(self._world, record)
            return record.body


def _moment(text: str) -> datetime:
    if len(text) == 10:
        return datetime.fromisoformat(f"{date.fromisoformat(text)}T08:00:00+00:00")
    return parse_stamp(text)


def _event(world: World, given: dict[str, Any]) -> Record:
    identity, created_at = world.ids.new("events"), given.get("created_at") or stamp(world.now())
    body = {
        "id": identity, "created_at": created_at, "action": given["action"], "customer_notifications": [],
        "details": given.get("details") or {"origin": "gocardless", "cause": given["action"], "description": ""},
        "links": given.get("links") or {}, "metadata": {}, "resource_metadata": {},
        "resource_type": given["resource_type"], "source": {"name": "Sandbox", "type": "gc_team"},
    }  # fmt: skip
    return Record(identity, created_at, body)
