"""Webhooks of 250 events: how many a second are verified and stored, and how long each waits, on one worker.

    python -m benchmarks --quick --only receiver

The receiver runs as `connector serve` does, in a process of its own; so does the server it is measured against, which stores
the same bytes unverified (`bare_receiver`). Both commit to the disk before they answer, each in a database of its own on the
same disk or server. Four senders keep them busy in turns; then the receiver alone is sent batches at a steady pace, and the
time of each counts from when it was due, so that one that had to wait for its turn is not flattered. It is paced twice: alone,
and while another process takes the events out of what was stored (`inbox_taker`), as the sensor does.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import itertools
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import orjson
import yaml

from benchmarks.measure import Contestant, Page, Result, figures_of, machine, ratio, take_turns
from benchmarks.target import Benchmark, Found, Verdict, at_least, at_most
from connector.demo.stage import free_ports
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from sandbox.visma.company import Company
from tests.erp_sections import visma_section
from tests.kills.household import Household
from tests.postgres import running_postgres

EVENTS = 250
SENDERS = 4
PACE_PER_S = 50
SHARE, P99_MS = 0.5, 250.0
SECRET = "measured-webhook-secret"
CONNECTION = "measured"
RECEIVER, BARE = "receiver", "unverified bytes"
START = datetime(2026, 6, 3, 6, 0, tzinfo=UTC)
SHARE_REASON = (
    "Beside what both servers do, the receiver hashes a batch twice (0.1 ms of processor time), parses it to see that it is a "
    "webhook (0.2 to 0.4) and reads the secrets (0.1 on SQLite, 0.25 on PostgreSQL). The events are taken out of it later. "
    "Batches that come together share a transaction, two of which are under way at most. Tried on a busy machine: one at a time, "
    "which was slower, and four, which was no faster."
)
PACE_REASON = (
    "At 50 batches a second the one worker has 20 ms for each; on a machine whose processors are shared it waits for its turn, "
    "and what is late makes the next ones late. The figure is the slower of the two, alone and beside the taker."
)


@dataclass(slots=True)
class Batches:
    """Bodies of 250 events that no other has, signed. Making them is no part of what is measured."""

    numbers: Iterator[int] = field(default_factory=itertools.count)

    def take(self, count: int) -> list[tuple[bytes, str]]:
        return [_batch(number) for number in itertools.islice(self.numbers, count)]


def _batch(number: int) -> tuple[bytes, str]:
    events = [_event(number * EVENTS + place) for place in range(EVENTS)]
    body = orjson.dumps({"events": events, "meta": {"webhook_id": f"WB{number:08d}"}})
    return body, hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def _event(number: int) -> dict[str, object]:
    """As GoCardless writes them (gocardless.md section 7)."""
    at = (START + timedelta(milliseconds=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    description = "Enough time has passed since the payment was submitted for the banks to return an error."
    return {
        "id": f"EV{number:010d}", "created_at": at, "resource_type": "payments", "action": "confirmed",
        "links": {"payment": f"PM{number:010d}"}, "metadata": {}, "resource_metadata": {},
        "details": {"origin": "gocardless", "cause": "payment_confirmed", "description": description},
    }  # fmt: skip


@dataclass(slots=True)
class Sender:
    """Posts bodies to one address; one connection to it for each thread."""

    port: int
    path: str
    _open: threading.local = field(default_factory=threading.local)

    def post(self, batch: tuple[bytes, str]) -> None:
        body, signature = batch
        connection = getattr(self._open, "connection", None)
        if connection is None:
            connection = self._open.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", self.path, body, {"Webhook-Signature": signature})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 204:
            raise RuntimeError(f"{self.path} answered {answer.status}")

    def steadily(self, batches: Sequence[tuple[bytes, str]], per_s: int) -> list[float]:
        """Milliseconds from when each batch was due to its answer."""
        began = time.perf_counter() + 0.1

        def one(place: int) -> float:
            due = began + place / per_s
            time.sleep(max(0.0, due - time.perf_counter()))
            self.post(batches[place])
            return 1000 * (time.perf_counter() - due)

        with ThreadPoolExecutor(max_workers=32) as pool:
            return list(pool.map(one, range(len(batches))))


@dataclass(frozen=True, slots=True)
class Served:
    """Who sends to each of the two servers, and the processes of each."""

    senders: dict[str, Sender] = field(default_factory=dict)
    households: dict[str, Household] = field(default_factory=dict)

    def take_events_meanwhile(self) -> None:
        """From now on, until the servers are stopped."""
        self.households[RECEIVER].start("taker", ["benchmarks.inbox_taker"])


@contextlib.contextmanager
def serving(home: Path, urls: dict[str, str | None]) -> Iterator[Served]:
    """Both servers, each with a database of its own."""
    with contextlib.ExitStack() as stack:
        served = Served()
        for name, arguments, path in (
            (RECEIVER, ["connector", "serve", "--port"], f"/webhooks/gocardless/{CONNECTION}"),
            (BARE, ["benchmarks.bare_receiver"], "/bare"),
        ):
            its_home = home / name.replace(" ", "_")
            _prepare(its_home, urls[name])
            ours = {"CONNECTOR_HOME": str(its_home), "DAGSTER_HOME": str(its_home), "CONNECTOR_LOG_LEVEL": "WARNING"}
            ours |= {"CONNECTOR_DATABASE_URL": url} if (url := urls[name]) else {}
            port = free_ports(1)
            with mock.patch.dict(os.environ, ours):
                household = stack.enter_context(Household(its_home, dict(os.environ)))
            household.start(name.replace(" ", "_"), [*arguments, str(port)], f"http://127.0.0.1:{port}/health")
            served.senders[name], served.households[name] = Sender(port, path), household
        yield served


def _prepare(home: Path, url: str | None) -> None:
    """A home with the connection and its webhook secret; migrated."""
    for folder in ("connections", "logs"):
        (home / folder).mkdir(parents=True)
    document = {
        "gocardless": {"environment": "sandbox"},
        "books": {"time_zone": "Europe/Oslo", "cut_over": "2026-06-01"},
        "erp": visma_section(Company(), "https://visma.example"),
    }
    (home / "connections" / f"{CONNECTION}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    with Runtime.open(Settings(home=home, database_url=url)) as runtime:
        runtime.store.vault.write(CONNECTION, "gocardless_webhook_secret", SECRET)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Speeds of both, and the milliseconds of each batch at the steady pace, shortest first: alone, and beside the taker."""

    results: dict[str, Result]
    waits_ms: list[float]
    beside_taker_ms: list[float]


def p99(waits_ms: Sequence[float]) -> float:
    return waits_ms[max(0, -(-len(waits_ms) * 99 // 100) - 1)]


def measure(home: Path, urls: dict[str, str | None], *, size: int, rounds: int, seconds: int) -> Outcome:
    batches = Batches()
    with serving(home, urls) as served, ThreadPoolExecutor(max_workers=SENDERS) as pool:
        senders = served.senders
        waiting: list[tuple[bytes, str]] = []

        def prepare(_round: int) -> None:
            waiting[:] = batches.take(size)

        def send(sender: Sender) -> int:
            return len(list(pool.map(sender.post, waiting)))

        contestants = [
            Contestant(RECEIVER, lambda _round: send(senders[RECEIVER]), prepare),
            Contestant(BARE, lambda _round: send(senders[BARE]), prepare),
        ]
        results = take_turns(contestants, rounds, chance=random.Random(1))
        waits = senders[RECEIVER].steadily(batches.take(PACE_PER_S * seconds), PACE_PER_S)
        served.take_events_meanwhile()
        beside = senders[RECEIVER].steadily(batches.take(PACE_PER_S * seconds), PACE_PER_S)
    return Outcome(results, sorted(waits), sorted(beside))


def run(quick: bool) -> Found:
    size, rounds, seconds = (60, 3, 5) if quick else (200, 7, 30)
    page = Page(
        "Webhooks of 250 events",
        f"Batches a second of {SENDERS} senders, and milliseconds at {PACE_PER_S} batches a second; one worker.",
        "python -m benchmarks --only receiver",
        machine(),
        [
            "database",
            "unverified /s",
            "receiver /s",
            "share",
            "median ms",
            "p99 ms",
            "longest ms",
            "median ms, events taken meanwhile",
            "p99 ms, events taken meanwhile",
        ],
    )
    verdicts: list[Verdict] = []
    with running_postgres() as server, tempfile.TemporaryDirectory(prefix="receiver-") as folder:
        server.remember_durability()
        urls = {name: server.url(server.create()) for name in (RECEIVER, BARE)}
        for number, (database, given) in enumerate(
            {"SQLite": dict.fromkeys((RECEIVER, BARE)), "PostgreSQL": urls}.items()
        ):
            found = measure(Path(folder) / str(number), dict(given), size=size, rounds=rounds, seconds=seconds)
            verdicts += _add(page, database, found)
    page.notes += [
        f"{size} batches a round, {rounds} rounds after one that is not counted; then {seconds} s at the steady pace, and as "
        "long again while another process takes the events of all batches so far, and of those that come, into the inbox.",
        "The senders' processor time is spent on the same machine.",
    ]
    return Found([page], verdicts)


def _add(page: Page, database: str, found: Outcome) -> list[Verdict]:
    own, bare = found.results[RECEIVER], found.results[BARE]
    share = ratio(own, bare)
    middle, beside = (waits[len(waits) // 2] for waits in (found.waits_ms, found.beside_taker_ms))
    slow, slow_beside = p99(found.waits_ms), p99(found.beside_taker_ms)
    cells = [
        database, f"{bare.per_second:.1f}", f"{own.per_second:.1f}", f"{share:.2f}", f"{middle:.1f}",
        f"{slow:.1f}", f"{found.waits_ms[-1]:.1f}", f"{beside:.1f}", f"{slow_beside:.1f}",
    ]  # fmt: skip
    figures = {
        "database": database, "share": round(share, 3), "median_ms": round(middle, 2), "p99_ms": round(slow, 2),
        "beside_taker_median_ms": round(beside, 2), "beside_taker_p99_ms": round(slow_beside, 2),
        "receiver": figures_of(own), "bare": figures_of(bare),
    }  # fmt: skip
    page.add(cells, figures)
    return [
        at_least(f"share of a server that stores unverified bytes, {database}", share, SHARE, reason=SHARE_REASON),
        at_most(
            f"p99 at {PACE_PER_S} batches a second, {database}",
            max(slow, slow_beside), P99_MS, unit="ms", digits=0, reason=PACE_REASON,
        ),
    ]  # fmt: skip


BENCHMARK = Benchmark(
    "receiver",
    "Webhooks",
    (
        "verified and stored at >= 0.5 of the speed at which the same server stores unverified bytes, on both databases",
        "p99 <= 250 ms at 50 batches of 250 events a second on one worker, on both databases",
    ),
    run,
)
