"""The receiver as it is served, without sockets: bytes go into its HTTP parser, and what it would write comes out.

Everything behind the socket is real: uvicorn's protocol with the door's limits, h11, the application, the store. Many inputs
pass through one run of the event loop, because a run of its own would start the application's threads anew for each.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
import yaml
from sqlalchemy import func, select
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from connector_resources.store.schema import INBOX_DELIVERIES, INBOX_EVENTS, METADATA, TRAIL, TRAIL_HEADS
from sandbox.visma.company import Company
from sensors.front_door import receiver_server
from sensors.receiver import create_receiver
from tests.erp_sections import visma_section
from tests.installations import BOOKS

SECRET = "a-secret-that-no-input-knows"
NAME = "nordic"
PATIENCE_S = 60
#: the tables that a delivery is stored in.
GROWING = (INBOX_DELIVERIES, INBOX_EVENTS, TRAIL, TRAIL_HEADS)
#: turns of the event loop after which a request that waits for more of its body has nothing else to do.
TURNS = 12


class Line(asyncio.Transport):
    """What the protocol takes for its connection."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closing = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        """Everything was handed over already."""

    def resume_reading(self) -> None:
        """Everything was handed over already."""


class Crashes(logging.Handler):
    """Errors that the server logged: an exception in the application is one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(logging.Formatter().format(record))


@dataclass
class InProcess:
    """A receiver for one connection, and what every input so far has left in its store."""

    runtime: Runtime
    app: ASGIApp
    loop: asyncio.AbstractEventLoop
    config: Any
    crashes: Crashes
    stored: int = 0
    #: what `rows_elsewhere` said before the first input.
    elsewhere: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.elsewhere = self.rows_elsewhere()

    def feed(self, *inputs: bytes) -> list[bytes]:
        """Everything written back to callers who each send one of the inputs and hang up, one after the other."""
        return self.loop.run_until_complete(self._feed(inputs))

    async def _feed(self, inputs: Sequence[bytes]) -> list[bytes]:
        return [await self._fed(data) for data in inputs]

    async def _fed(self, data: bytes) -> bytes:
        line, state = Line(), ServerState()
        protocol = self.config.http_protocol_class(self.config, state, {}, self.loop)
        protocol.connection_made(line)
        if data:
            protocol.data_received(data)
        for _ in range(TURNS):
            if not state.tasks:
                break
            await asyncio.sleep(0)
        while state.tasks and not (protocol.cycle.more_body and not protocol.cycle.response_complete):
            await _one_of(state.tasks)
        protocol.connection_lost(None)
        while state.tasks:
            await _one_of(state.tasks)
        return bytes(line.written)

    def new_rows(self) -> list[bytes]:
        """The bodies stored since the last look, in the order in which they were stored; their events are taken as well."""
        self.runtime.store.deliveries.take()
        wanted = select(INBOX_DELIVERIES.c.id, INBOX_DELIVERIES.c.body).where(INBOX_DELIVERIES.c.id > self.stored)
        with self.runtime.store.database.read() as reading:
            rows = reading.execute(wanted.order_by(INBOX_DELIVERIES.c.id)).all()
        self.stored = rows[-1].id if rows else self.stored
        return [bytes(row.body) for row in rows]

    def rows_elsewhere(self) -> Mapping[str, int]:
        """How many rows each table has in which no webhook, signed or not, has anything to store."""
        with self.runtime.store.database.read() as reading:
            return {
                table.name: reading.execute(select(func.count()).select_from(table)).scalar_one()
                for table in METADATA.tables.values()
                if table not in GROWING
            }

    def forget(self) -> None:
        """Take what the inputs so far have left as given."""
        self.crashes.texts.clear()
        self.new_rows()
        self.elsewhere = self.rows_elsewhere()


async def _one_of(tasks: set[asyncio.Task[None]]) -> None:
    done, _ = await asyncio.wait(set(tasks), timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    assert done, "a request was never answered"
    await asyncio.sleep(0)


def signature(body: bytes) -> bytes:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest().encode()


@contextlib.contextmanager
def receiver_in_process(home: Path) -> Iterator[InProcess]:
    """A receiver whose store lies in `home`; it logs nothing but crashes."""
    directory = home / "connections"
    directory.mkdir(parents=True)
    document = {
        "gocardless": {"environment": "sandbox"},
        "books": BOOKS,
        "erp": visma_section(Company(), "https://visma.example"),
    }
    (directory / f"{NAME}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    server_log = logging.getLogger("uvicorn.error")
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with Runtime.open(Settings(home=home), clock=lambda: datetime(2026, 6, 3, 12, tzinfo=UTC)) as runtime:
        runtime.store.vault.write(NAME, "gocardless_webhook_secret", SECRET)
        runtime.store.vault.write(NAME, "visma_webhook_secret", SECRET)
        app = create_receiver(runtime.store, {c.name: c for c in runtime.connections})
        config = receiver_server(app, "127.0.0.1", 1).config
        config.load()
        crashes = Crashes()
        level, spreads = server_log.level, server_log.propagate
        server_log.addHandler(crashes)
        server_log.setLevel(logging.ERROR)
        server_log.propagate = False
        loop = asyncio.new_event_loop()
        try:
            yield InProcess(runtime, app, loop, config, crashes)
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            server_log.removeHandler(crashes)
            server_log.setLevel(level)
            server_log.propagate = spreads
            structlog.configure(**before)
