"""A migrated store on SQLite and on PostgreSQL, a clock that tests move, other processes, and small builders."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import orjson
import pytest
from sqlalchemy import delete

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Line, Party, Posting, PostingKind, Side
from connector_resources.erp.contract import Complete, Document, Hold, PlannedSubmission
from connector_resources.store.deliveries import Delivery
from connector_resources.store.engine import Database
from connector_resources.store.migration import migrate
from connector_resources.store.schema import METADATA
from connector_resources.store.store import Store
from connector_resources.store.submissions import (
    SettledAbsent,
    SettledAccepted,
    SettledNotSent,
    SettledParked,
    SettledPosted,
    SettledRejected,
    SettledUnknown,
)
from connector_resources.store.vault_key import VaultKey

ROOT = Path(__file__).parents[3]
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = START.date()

SETTLEMENTS = {
    "posted": SettledPosted(Document("payment", "000123", "etag-1", "https://erp.example/000123", {"batch": "7"})),
    "accepted": SettledAccepted("job-1"),
    "rejected": SettledRejected("period_closed", "the period is closed", "open it"),
    "unknown": SettledUnknown("no answer within 30 s"),
    "not_sent": SettledNotSent("the service is down"),
    "absent": SettledAbsent(),
    "parked": SettledParked("look for GCEV1 in the ERP"),
}


class Clock:
    """Stands still until it is moved; sleeping moves it."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def day_of(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def event(number: int, action: str = "confirmed", *, subject: str = "", minutes: int | None = None) -> dict[str, Any]:
    """GoCardless's JSON of event `EV<number>`, `number` minutes after the start."""
    created = START + timedelta(minutes=number if minutes is None else minutes)
    return {
        "id": f"EV{number}",
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "resource_type": "payments",
        "action": action,
        "links": {"payment": subject or f"PM{number}"},
        "details": {"origin": "gocardless", "cause": f"payment_{action}"},
    }


def delivery(*events: Any, connection: str = "acme", webhook_id: str = "WB1", **changes: Any) -> Delivery:
    """A webhook that carries these events; `changes` are other fields."""
    body = orjson.dumps({"events": events, "meta": {"webhook_id": webhook_id}})
    values = {"body": body, "webhook_id": webhook_id, "event_count": len(events), "time_zone": "UTC", **changes}
    return Delivery(connection, **values)


def posting(number: int, **changes: Any) -> Posting:
    """A receipt of event `EV<number>` over `number` euros."""
    amount = Money(100 * number, "EUR")
    party = Party(f"CU{number}", None, "Ada Ltd")
    values: dict[str, Any] = {
        "key": f"EV{number}:receipt",
        "connection": "acme",
        "kind": PostingKind.RECEIPT,
        "event_id": f"EV{number}",
        "subject": f"PM{number}",
        "occurred_at": START + timedelta(minutes=number),
        "booking_date": DAY,
        "reference": f"GCEV{number}",
        "text": f"GoCardless payment PM{number}",
        "lines": (
            Line(AccountRole.CLEARING, Side.DEBIT, amount),
            Line(AccountRole.RECEIVABLE, Side.CREDIT, amount, "INV-1", party),
        ),
        "party": party,
        "invoices": ("INV-1",),
        "facts": {"scheme": "sepa_core"},
    }
    return Posting(**{**values, **changes})


def planned(*postings: Posting, step: str = "create", body: bytes = b'{"amount": 1}', **changes: Any) -> Any:
    """A request that carries these postings."""
    values: dict[str, Any] = {
        "reference": f"{postings[0].reference}:{step}",
        "step": step,
        "method": "POST",
        "path": "/customerpayment",
        "body": body,
        "content_type": "application/json",
        "posting_keys": tuple(item.key for item in postings),
        "headers": (("erp-api-background", "none"),),
    }
    return PlannedSubmission(**{**values, **changes})


class StopEarly(Exception):
    """The process is told to stop."""


@contextmanager
def undone(store: Store) -> Iterator[Any]:
    """A transaction in which everything goes well until it ends with an error."""
    with suppress(StopEarly), store.begin() as transaction:
        yield transaction
        raise StopEarly


class Books:
    """Brings postings and submissions into a wanted state, by the legal way."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def claim(self, *requests: PlannedSubmission, within: Any = None) -> list[int]:
        rows = self.store.submissions.claim("acme", 1, requests, erp="visma", within=within)
        return [row.id for row in rows]

    def settle(self, submission_id: int, outcome: str, *, within: Any = None) -> None:
        self.store.submissions.settle("acme", 1, [(submission_id, SETTLEMENTS[outcome])], within=within)

    def posting_in(self, state: str, number: int = 1) -> str:
        """Key of a new posting in `state`, without an open submission."""
        item = posting(number)
        self.store.ledger.plan("acme", [item])
        if state == "claimed":
            self.settle(*self.claim(planned(item)), "not_sent")
        elif state in ("posted", "delivered"):
            self.settle(*self.claim(planned(item)), "posted")
            self.store.ledger.complete("acme", [Complete(item.key)], settled_state=state)
        elif state in ("held", "withdrawn"):
            self.store.ledger.hold("acme", [Hold(item.key, "customer_unmapped", "no ERP customer", "link it")])
            if state == "withdrawn":
                self.store.ledger.withdraw("acme", [item.key], by="ada", note="booked by hand")
        return item.key

    def submission_in(self, state: str, number: int = 1) -> int:
        """Id of a new submission in `state`, with its posting."""
        item = posting(number)
        self.store.ledger.plan("acme", [item])
        (submission_id,) = self.claim(planned(item))
        if state != "claimed":
            self.settle(submission_id, state)
        return submission_id

    def state_of(self, key: str) -> str:
        row = self.store.ledger.get("acme", key)
        assert row is not None
        return row.state

    def submission_state(self, submission_id: int, number: int = 1) -> str:
        rows = {row.id: row for row in self.store.submissions.of_posting("acme", f"EV{number}:receipt")}
        return rows[submission_id].state


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    return SimpleNamespace(
        event=event,
        delivery=delivery,
        posting=posting,
        planned=planned,
        day_of=day_of,
        undone=undone,
        settlements=SETTLEMENTS,
        start=START,
        day=DAY,
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """The session's PostgreSQL server."""
    with _module(ROOT / "tests" / "postgres.py").running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.sqlite'}"
        return
    server = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture(scope="session")
def session_clock() -> Clock:
    return Clock()


@pytest.fixture
def clock(session_clock: Clock) -> Clock:
    """Standing at the start again."""
    session_clock.moment = START
    return session_clock


@pytest.fixture(scope="module")
def sqlite_database(tmp_path_factory: pytest.TempPathFactory, session_clock: Clock) -> Iterator[Database]:
    with _migrated(f"sqlite:///{tmp_path_factory.mktemp('database') / 'store.sqlite'}", session_clock) as database:
        yield database


@pytest.fixture(scope="session")
def postgresql_database(postgres: Any, session_clock: Clock) -> Iterator[Database]:
    with _migrated(postgres.url(postgres.create()), session_clock) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database with all tables and no rows. Opened seldom, so that statements are compiled once."""
    opened: Database = request.getfixturevalue(f"{request.param}_database")
    yield opened
    with opened.write() as transaction:
        # On tables this small it is ten times faster than TRUNCATE, which makes every file anew.
        for table in reversed(METADATA.sorted_tables):
            transaction.execute(delete(table))


@pytest.fixture
def url(database: Database) -> str:
    """The address of `database`, as a user writes it, for other processes and further stores."""
    scheme = "sqlite" if database.is_sqlite else "postgresql"
    return database.url.set(drivername=scheme).render_as_string(hide_password=False)


@pytest.fixture
def vault_key() -> VaultKey:
    return VaultKey.generate()[0]


@pytest.fixture
def store(database: Database, clock: Clock, vault_key: VaultKey) -> Store:
    return Store(database, vault_key)


@pytest.fixture
def books(store: Store) -> Books:
    return Books(store)


@pytest.fixture
def start_python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts another process: the given lines, with an opened `store` of real time and `sys.argv[2:]`."""
    started: list[subprocess.Popen[str]] = []
    head = """
import os, sys, time
from datetime import UTC, datetime
from connector_resources.store.engine import Database
from connector_resources.store.migration import migrate
from connector_resources.store.schema import METADATA
from connector_resources.store.store import Store
store = Store.open(sys.argv[1], clock=lambda: datetime.now(UTC))
"""

    def start(lines: str, url: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", head + lines, url, *arguments]
        process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextmanager
def _migrated(url: str, clock: Clock) -> Iterator[Database]:
    database = Database(url, clock=clock, sleep=clock.advance)
    migrate(database)
    yield database
    database.close()


def _module(path: Path) -> ModuleType:
    """A module of the tests' root, whichever directories pytest was told to import from."""
    spec = importlib.util.spec_from_file_location(f"tests_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
