"""The product in a process that may end at any point, and the seat on which one such process follows another.

A new process knows nothing of the one before but what the database holds. Only the database engine is kept, emptied of its
connections: compiling every statement again would cost a campaign more than the work itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from connector_resources.clock import Clock
from connector_resources.connections.model import Connection
from connector_resources.erp.contract import ErpConnector
from connector_resources.posting.protocol import PostingProtocol, Surroundings
from connector_resources.runtime import Runtime
from connector_resources.store.engine import Database
from connector_resources.store.store import Store
from tests.faults.fate import Fate, Mortal, Watched


@dataclass(slots=True)
class DoomedRuntime(Runtime):
    """The product's runtime in a process that may end at any point. `protocol_type` is the product's, or a broken one."""

    watched: Watched | None = None
    protocol_type: type[PostingProtocol] = PostingProtocol

    @contextlib.contextmanager
    def erp(self, connection: Connection) -> Iterator[ErpConnector]:
        with Runtime.erp(self, connection) as connector:
            mortal: Any = Mortal(connector, self.watched) if self.watched else connector
            yield mortal

    @contextlib.contextmanager
    def gocardless_target(self, connection: Connection) -> Iterator[ErpConnector]:
        with Runtime.gocardless_target(self, connection) as target:
            mortal: Any = Mortal(target, self.watched) if self.watched else target
            yield mortal

    def protocol(self, connection: Connection, connector: ErpConnector) -> PostingProtocol:
        return self.protocol_type(self.store, connector, connection.name, Surroundings(self.sleep, aside=AtOnce))


class AtOnce(Executor):
    """What is read back aside is read before anything else happens: a schedule plays the same way every time.

    A process that ends while it reads ends here.
    """

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever asks for the answer gets it
            future.set_exception(error)
        return future


class Seat:
    """Runs one process after the other on the database file that `file` is set to."""

    def __init__(self, like: Runtime, clock: Clock) -> None:
        self._like = like
        self._clock = clock
        self._database = Database(like.settings.store_url, clock=clock)
        self.file = like.settings.root / "none.sqlite"
        event.listen(self._database.engine, "do_connect", self._choose)
        self.watched = Watched(self._database.engine)

    def process(self, sleep: Callable[[float], None], protocol_type: type[PostingProtocol]) -> DoomedRuntime:
        """A new process; the one before must be gone."""
        like = self._like
        self._database.close()
        self._database.sleep = sleep
        self.watched.fate, self.watched.is_full = Fate(), False
        store = Store(self._database, like.vault_key)
        return DoomedRuntime(
            like.settings, store, like.vault_key, like.connections, self._clock, sleep,
            watched=self.watched, protocol_type=protocol_type,
        )  # fmt: skip

    def close(self) -> None:
        self._database.close()

    def _choose(self, _dialect: object, _record: object, arguments: list[Any], _named: object) -> None:
        arguments[0] = str(self.file)
