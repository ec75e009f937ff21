"""A receiver on a real port over a real store, for connections whose remote systems are never asked."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import yaml
from sqlalchemy import func, select
from structlog.testing import capture_logs

from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from connector_resources.store.schema import INBOX_DELIVERIES, INBOX_EVENTS
from sandbox.serve import free_port, running
from sandbox.visma.company import Company
from sensors.front_door import Door, receiver_server
from sensors.receiver import create_receiver
from tests.erp_sections import datev_section, visma_section
from tests.installations import BOOKS

NOON = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
SECRET = "endpoint-secret-one"
ALL_DAYS = (date(2000, 1, 1), date(2100, 1, 1))


def document(**overrides: Any) -> dict[str, Any]:
    """A connection file to a Visma that nobody will ask; `overrides` are whole sections."""
    return {
        "gocardless": {"environment": "sandbox"},
        "books": BOOKS,
        "erp": visma_section(Company(), "https://visma.example"),
        **overrides,
    }


def event(identity: str, at: datetime = NOON, **fields: Any) -> dict[str, Any]:
    """A GoCardless event as a webhook carries it."""
    return {
        "id": identity,
        "created_at": at.isoformat().replace("+00:00", "Z"),
        "resource_type": "payments",
        "action": "confirmed",
        "links": {"payment": f"PM{identity[2:]}"},
        **fields,
    }


def body(*events: dict[str, Any]) -> bytes:
    return json.dumps({"events": list(events), "meta": {"webhook_id": "WB1"}}).encode()


def signature(raw: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


@contextlib.contextmanager
def opened_home(home: Path, documents: Mapping[str, dict[str, Any]]) -> Iterator[Runtime]:
    """A home with these connection files. Its clock stands at noon, and nothing in it ever sleeps."""
    directory = home / "connections"
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in documents.items():
        (directory / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with Runtime.open(Settings(home=home), clock=lambda: NOON) as runtime:
        yield runtime


@dataclass(frozen=True, slots=True)
class Post:
    """A receiver that listens at `address`, and what is behind it."""

    address: str
    runtime: Runtime

    def send(self, path: str, raw: Any, **headers: str | None) -> requests.Response:
        """POST raw bytes; underscores in header names stand for dashes, None leaves a header out."""
        sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        return requests.post(f"{self.address}{path}", data=raw, headers=sent, timeout=20)

    def signed(self, raw: bytes, connection: str = "nordic", secret: str = SECRET, **more: str) -> requests.Response:
        return self.send(f"/webhooks/gocardless/{connection}", raw, webhook_signature=signature(raw, secret), **more)

    def events(self, connection: str = "nordic") -> int:
        self.runtime.store.deliveries.take()
        return self.runtime.store.inbox.count(connection, *ALL_DAYS).total

    def rows(self) -> tuple[int, int]:
        """How many deliveries and how many events are stored, of all connections, once the events are taken."""
        self.runtime.store.deliveries.take()
        with self.runtime.store.database.read() as reading:
            return tuple(
                reading.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (INBOX_DELIVERIES, INBOX_EVENTS)
            )  # type: ignore[return-value]


@contextlib.contextmanager
def listening(home: Path, documents: Mapping[str, dict[str, Any]]) -> Iterator[Post]:
    with opened_home(home, documents) as runtime:
        app = create_receiver(runtime.store, {c.name: c for c in runtime.connections})
        with running(app) as address:
            yield Post(address, runtime)


@contextlib.contextmanager
def behind_the_door(home: Path, door: Door, documents: Mapping[str, dict[str, Any]]) -> Iterator[Post]:
    """The receiver as `connector serve` runs it, with these limits."""
    with opened_home(home, documents) as runtime:
        app = create_receiver(runtime.store, {c.name: c for c in runtime.connections})
        server = receiver_server(app, "127.0.0.1", free_port(), door)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        try:
            yield Post(f"http://127.0.0.1:{server.config.port}", runtime)
        finally:
            server.should_exit = server.force_exit = True
            thread.join(timeout=20)


@pytest.fixture
def door(tmp_path: Path) -> Callable[..., contextlib.AbstractContextManager[Post]]:
    """`door(request_s=…, connections=…)`: the receiver for `nordic` behind its own server, with its secret in the vault."""

    @contextlib.contextmanager
    def opened(**limits: Any) -> Iterator[Post]:
        with behind_the_door(tmp_path, Door(**limits), {"nordic": document()}) as post:
            post.runtime.store.vault.write("nordic", "gocardless_webhook_secret", SECRET)
            yield post

    return opened


@pytest.fixture(scope="module")
def standing_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    """One receiver behind its door for all tests of a file that store nothing."""
    home = tmp_path_factory.mktemp("door")
    with behind_the_door(home, Door(), {"nordic": document()}) as post:
        post.runtime.store.vault.write("nordic", "gocardless_webhook_secret", SECRET)
        yield post


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """A receiver for one connection, `nordic`, whose webhook secret is in the vault."""
    with listening(tmp_path, {"nordic": document()}) as opened:
        opened.runtime.store.vault.write("nordic", "gocardless_webhook_secret", SECRET)
        yield opened


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """What the receiver logs."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def open_home() -> Callable[..., contextlib.AbstractContextManager[Runtime]]:
    return opened_home


@pytest.fixture
def listen(tmp_path: Path) -> Callable[..., contextlib.AbstractContextManager[Post]]:
    """`listen(name=document, …)`: a receiver for these connections."""
    return lambda **documents: listening(tmp_path, documents)


@pytest.fixture
def say() -> SimpleNamespace:
    """The builders of this folder, for tests."""
    return SimpleNamespace(
        document=document, event=event, body=body, signature=signature, SECRET=SECRET, NOON=NOON, ALL_DAYS=ALL_DAYS,
        visma_section=visma_section, datev_section=datev_section,
    )  # fmt: skip
