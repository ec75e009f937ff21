"""One ledger's stand-in and GoCardless's, served once a process, and put back to the same morning before each schedule.

The morning is a copy of both systems' books and of the database, after the customers were made, the consent was given
and a first undisturbed run linked the customers. What a schedule did leaves no trace in the next one.
"""

from __future__ import annotations

import contextlib
import copyreg
import itertools
import pickle
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector_resources.connections.model import Connection
from connector_resources.posting.protocol import PostingProtocol
from sandbox.datev.app import create_app as create_datev
from sandbox.exact_online.app import create_app as create_exact_online
from sandbox.gocardless.app import create_app as create_gocardless
from sandbox.ifs_cloud.app import create_app as create_ifs_cloud
from sandbox.sage300.app import create_app as create_sage300
from sandbox.serve import running
from sandbox.visma.app import create_app as create_visma
from tests.faults.process import Seat
from tests.installations import Installation
from tests.ledger_books import DatevBooks, ExactOnlineBooks, IfsCloudBooks, LedgerBooks, Sage300Books, VismaBooks
from tests.merchant import Merchant
from tests.sites import Site

# A copy of a stand-in has locks of its own.
copyreg.pickle(type(threading.Lock()), lambda _lock: (threading.Lock, ()))
copyreg.pickle(type(threading.RLock()), lambda _lock: (threading.RLock, ()))

OpenSite = Callable[..., contextlib.AbstractContextManager[Site]]


@dataclass(slots=True)
class Door:
    """What a server serves: the stand-in of the schedule that is played, which dates its answers by `clock`, if there is one."""

    app: ASGIApp
    clock: Callable[[], datetime] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start" and self.clock is not None:
                date = format_datetime(self.clock(), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await self.app(scope, receive, dated)


@dataclass(slots=True)
class Stage:
    """`skew` is by how much the clock of the connector's processes differs from everybody else's."""

    home: Path
    connection: Connection
    #: the books of both systems, pickled: to load them again takes a third of copying them.
    morning: bytes
    doors: list[Door]
    template: Path
    seats: tuple[Seat, Seat]
    merchant: Merchant
    skew: timedelta = timedelta()
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def now(self) -> datetime:
        return self.merchant.world.clock.now() + self.skew

    def begin(self) -> Site:
        """The morning again. The site's runtime is the first seat's, undoomed as yet."""
        morning: tuple[Merchant, LedgerBooks] = pickle.loads(self.morning)  # noqa: S301 - our own bytes
        self.merchant, ledger = morning
        self.skew = timedelta()
        for seat in self.seats:
            seat.close()
        self.seats[0].file.unlink(missing_ok=True)
        file = self.home / f"schedule-{next(self._numbers)}.sqlite"
        shutil.copyfile(self.template, file)
        for seat in self.seats:
            seat.file = file
        world = self.merchant.world
        gocardless, erp = create_gocardless(world), application_of(ledger)
        self.doors[0].app, self.doors[1].app = gocardless, erp
        runtime = self.seats[0].process(self.sleep, PostingProtocol)
        at = Installation(self.home, runtime, self.connection, world, gocardless, erp)
        return Site(at, self.merchant, ledger)

    def sleep(self, seconds: float) -> None:
        self.merchant.tick(timedelta(seconds=seconds))


@contextlib.contextmanager
def open_stage(home: Path, open_site: OpenSite, opening: Callable[[Site], None]) -> Iterator[Stage]:
    """`open_site` opens the installation, `opening` is what happens before any trouble."""
    doors: list[Door] = []

    @contextlib.contextmanager
    def serve(app: ASGIApp, **how: Any) -> Iterator[str]:
        doors.append(Door(app))
        with running(doors[-1], **{**how, "dated": False}) as address:
            yield address

    with open_site(home, serve=serve) as site:
        world = site.merchant.world
        # Its minute of calls and the dates of its answers are of one time, the played one.
        world.wall_clock = world.clock.now
        opening(site)
        runtime = site.at.runtime
        stage: Stage
        seats = (Seat(runtime, lambda: stage.now()), Seat(runtime, lambda: stage.now()))
        runtime.close()
        template = home / "connector.sqlite"
        morning = pickle.dumps((site.merchant, site.ledger))
        stage = Stage(home, site.at.connection, morning, doors, template, seats, site.merchant)
        doors[0].clock = lambda: stage.merchant.world.clock.now()
        yield stage
        for seat in seats:
            seat.close()


def application_of(ledger: LedgerBooks) -> Any:
    """The stand-in that serves these books."""
    match ledger:
        case VismaBooks(company=company):
            return create_visma(company)
        case DatevBooks(centre=centre):
            return create_datev(centre)
        case ExactOnlineBooks(division=division):
            return create_exact_online(division)
        case Sage300Books(company=sage300):
            return create_sage300(sage300)
        case IfsCloudBooks(tenant=tenant):
            return create_ifs_cloud(tenant)
        case _:
            raise AssertionError(ledger)
