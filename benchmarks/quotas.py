"""How much of a system's quota is used when there is more to do than it allows, and whether it ever refuses a call.

    python -m benchmarks --quick --only quotas

Three processes share the quota through the store, against the stand-in with its own limit switched on. Time is simulated:
stand-in and processes have one clock, which goes ahead only while all of them wait, so that ten windows of the limit take
seconds, the same in every run. Requests are real, over HTTP; only waiting is not.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.measure import Page, machine
from benchmarks.target import Benchmark, Found, Verdict, at_least, at_most
from connector_resources.connections.model import Connection
from connector_resources.erp.exact_online.resource import build_client as build_exact_online
from connector_resources.erp.ifs_cloud.resource import build_transport as build_ifs_cloud
from connector_resources.erp.visma.resource import build_transport as build_visma
from connector_resources.errors import RateLimited
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from connector_resources.transport.messages import Request
from sandbox.clock import SandboxClock
from sandbox.gocardless.world import World
from sandbox.serve import running
from tests.evenings import EVENING, evening_company, evening_division, evening_tenant
from tests.installations import (
    Installation,
    exact_online_installation,
    ifs_cloud_installation,
    visma_installation,
)
from tests.simulated_time import Turn, play

UTILISATION = 0.97
WORKERS = 3
WINDOWS = 10


@dataclass(frozen=True, slots=True)
class Limit:
    """A system's limit: `calls` in each window of `window_s`."""

    system: str
    calls: int
    window_s: int


LIMITS = (
    Limit("gocardless", 1000, 60),
    Limit("exact_online", 60, 60),
    Limit("ifs_cloud", 1000, 60),
    Limit("visma", 1500, 3600),
)


@dataclass(slots=True)
class Answers:
    """Serves a stand-in and counts the statuses of its answers to reads, until the time is up."""

    clock: SandboxClock
    until: datetime
    counts: Counter[int] = field(default_factory=Counter)

    @contextlib.contextmanager
    def serve(self, app: ASGIApp, **how: Any) -> Iterator[str]:
        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            async def counted(message: Message) -> None:
                if (
                    message["type"] == "http.response.start"
                    and scope["method"] == "GET"
                    and self.clock.now() < self.until
                ):
                    self.counts[int(message["status"])] += 1
                await send(message)

            await app(scope, receive, counted)

        # A header with the machine's time would contradict the simulated one.
        with running(counting, **{**how, "dated": False}) as address:
            yield address


def utilisation(home: Path, limit: Limit, *, processes: bool, database_url: str | None = None) -> tuple[float, int]:
    """The share of the quota that was used in `WINDOWS` windows, and how many calls were refused."""
    clock = SandboxClock(EVENING)
    until = EVENING + timedelta(seconds=WINDOWS * limit.window_s)
    answers = Answers(clock, until)
    with _site(home, limit, clock, answers.serve, database_url) as site:
        answers.counts.clear()
        play(
            clock,
            call_until,
            [(home, database_url, site.connection.name, limit.system, until)] * WORKERS,
            processes=processes,
        )
    return answers.counts[200] / (limit.calls * WINDOWS), answers.counts[429]


def call_until(turn: Turn, home: Path, database_url: str | None, name: str, system: str, until: datetime) -> None:
    """What one process does: call, and wait when it is told to, as a run and the one that continues it do."""
    with Runtime.open(Settings(home=home, database_url=database_url), clock=turn.clock) as runtime:
        runtime.sleep = runtime.store.database.sleep = turn.sleep
        with contextlib.ExitStack() as stack:
            call = _CALLS[system](runtime, runtime.connection(name), stack)
            while turn.now < until:
                try:
                    call()
                except RateLimited as limited:
                    turn.sleep(max(1, limited.retry_after_s))


def _gocardless(runtime: Runtime, connection: Connection, stack: contextlib.ExitStack) -> Callable[[], object]:
    client = stack.enter_context(runtime.gocardless(connection))
    return lambda: client.page("creditors")


def _exact_online(runtime: Runtime, connection: Connection, stack: contextlib.ExitStack) -> Callable[[], object]:
    client, _ = build_exact_online(connection.erp, runtime.context(connection))
    return client.me


def _ifs_cloud(runtime: Runtime, connection: Connection, stack: contextlib.ExitStack) -> Callable[[], object]:
    transport = build_ifs_cloud(connection.erp, runtime.context(connection))
    stack.callback(transport.close)
    address = next(iter(connection.erp.projections.values())).path
    return lambda: transport.send(Request("GET", f"{address}?$top=1"))


def _visma(runtime: Runtime, connection: Connection, stack: contextlib.ExitStack) -> Callable[[], object]:
    transport = build_visma(connection.erp, runtime.context(connection))
    stack.callback(transport.close)
    return lambda: transport.send(Request("GET", "/v1/branch"))


_CALLS: Mapping[str, Callable[[Runtime, Connection, contextlib.ExitStack], Callable[[], object]]] = {
    "gocardless": _gocardless,
    "exact_online": _exact_online,
    "ifs_cloud": _ifs_cloud,
    "visma": _visma,
}


@contextlib.contextmanager
def _site(
    home: Path, limit: Limit, clock: SandboxClock, serve: Callable[..., Any], database_url: str | None
) -> Iterator[Installation]:
    """The installation whose stand-in has this limit, and whose connection file names it."""
    world = World(clock, seed=1, wall_clock=clock.now)
    how: dict[str, Any] = {"serve": serve, "database_url": database_url}
    match limit.system:
        case "gocardless":
            world.settings.rate_limit, world.settings.rate_window_s = limit.calls, limit.window_s
            made, section = visma_installation(home, world, evening_company(0, clock), **how), "gocardless"
        case "exact_online":
            division = evening_division(0, clock)
            division.switches.calls_per_minute = limit.calls
            made, section = exact_online_installation(home, world, division, **how), "erp"
        case "ifs_cloud":
            tenant = evening_tenant(0, clock)
            tenant.switches.calls_per_minute = limit.calls
            made, section = ifs_cloud_installation(home, world, tenant, **how), "erp"
        case "visma":
            company = evening_company(0, clock)
            company.switches.rate_limit, company.switches.rate_window_s = limit.calls, limit.window_s
            made, section = visma_installation(home, world, company, **how), "erp"
        case _:
            raise ValueError(f"{limit.system} is not measured")
    setting = {"gocardless": "requests_per_minute", "visma": "calls_per_hour"}.get(limit.system, "calls_per_minute")
    with made as site:
        file = home / "connections" / f"{site.connection.name}.yaml"
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        document[section][setting] = limit.calls
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        yield site


def run(quick: bool) -> Found:
    page = Page(
        "Use of quotas",
        f"Calls that were answered in {WINDOWS} windows of each limit, as a share of what it allows, and calls refused with 429.",
        "python -m benchmarks --only quotas",
        machine(),
        ["system", "limit", "share of the quota", "refused"],
    )
    verdicts: list[Verdict] = []
    for limit in LIMITS:
        calls = limit.calls // 10 if quick and limit.calls > 100 else limit.calls
        with tempfile.TemporaryDirectory(prefix="quotas-") as folder:
            share, refused = utilisation(Path(folder), replace(limit, calls=calls), processes=True)
        page.add(
            [limit.system, f"{calls} in {limit.window_s} s", f"{share:.4f}", str(refused)],
            {"system": limit.system, "calls": calls, "window_s": limit.window_s, "share": share, "refused": refused},
        )
        verdicts += [
            at_least(f"share of the quota, {limit.system}", share, UTILISATION, digits=4),
            at_most(f"calls refused, {limit.system}", refused, 0, digits=0),
        ]
    page.notes += [
        f"{WORKERS} processes share each quota through one store; time is simulated, the same in every run.",
        "Ten windows are ten minutes, and ten hours where the limit is that of an hour.",
    ]
    return Found([page], verdicts)


BENCHMARK = Benchmark(
    "quotas",
    "Under quotas",
    (
        "utilisation >= 97 % of the quota over ten of its windows, several processes sharing it",
        "no call is refused with 429",
    ),
    run,
)
