"""What one process holds open: settings, store, connections, and what is built from them on demand."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from connector_resources.clock import Clock, clock_of, sleep_of, utc_now
from connector_resources.connections.load import BrokenFile, broken_files_error, find_connection, read_connections
from connector_resources.connections.model import Connection
from connector_resources.erp.building import BuildContext
from connector_resources.erp.contract import ErpConnector
from connector_resources.erp.registry import erp_kind
from connector_resources.gocardless.building import build_client
from connector_resources.gocardless.client import GoCardlessClient
from connector_resources.gocardless.writing.building import build_target
from connector_resources.loaded_code import keep_what_is_loaded
from connector_resources.posting.planning import Planner
from connector_resources.posting.protocol import PostingProtocol, Surroundings
from connector_resources.settings import Settings
from connector_resources.store.store import Store
from connector_resources.store.vault_key import VaultKey, load_vault_key
from connector_resources.transport.http_transport import CallCounter
from connector_resources.transport.known_limits import KnownLimits


@dataclass(slots=True)
class Runtime:
    """Settings, store and connections of this process. Use it as a context manager, or `close` it.

    `broken` are the files whose connections are not among `connections`; the others go on without them.
    """

    settings: Settings
    store: Store
    vault_key: VaultKey
    connections: tuple[Connection, ...]
    clock: Clock = utc_now
    sleep: Callable[[float], None] = time.sleep
    counter: CallCounter = field(default_factory=CallCounter)
    limits: KnownLimits = field(default_factory=KnownLimits)
    broken: tuple[BrokenFile, ...] = ()

    @classmethod
    def open(cls, settings: Settings | None = None, *, clock: Clock | None = None) -> Self:
        """Open the store (migrating it if needed) and read every connection file. The clock is that of the settings.

        Raises `VaultKeyError`, `ConfigurationError`; with a sandbox clock, which is for connections to stand-ins alone, also
        `BrokenConnectionFile`, because of a broken file nobody knows what it reaches.
        """
        settings = settings or Settings()
        settings.root.mkdir(parents=True, exist_ok=True)
        files = read_connections(settings.connections_dir, settings.components_dir)
        if files.broken and settings.sandbox_clock is not None:
            raise broken_files_error(files.broken)
        vault_key = load_vault_key(settings)
        sleep: Callable[[float], None] = time.sleep
        if clock is None:
            clock = clock_of(settings.sandbox_clock, files.connections)
            # A clock that is passed in may stand still; that of the stand-ins goes on, and is waited by.
            sleep = sleep_of(clock)
        store = Store.open(settings.store_url, clock=clock, vault_key=vault_key)
        store.migrate()
        keep_what_is_loaded()
        return cls(settings, store, vault_key, files.connections, clock, sleep, broken=files.broken)

    def connection(self, name: str) -> Connection:
        """Raises `UnknownConnection`, or `BrokenConnectionFile` when its file is one of the broken ones."""
        return find_connection(self.connections, name, self.broken)

    @contextlib.contextmanager
    def gocardless(self, connection: Connection) -> Iterator[GoCardlessClient]:
        """A GoCardless client with the connection's token and the quota shared by all processes."""
        client = build_client(connection.gocardless, self.context(connection))
        try:
            yield client
        finally:
            client.close()

    @contextlib.contextmanager
    def erp(self, connection: Connection) -> Iterator[ErpConnector]:
        """The connection's ERP connector."""
        connector = erp_kind(connection.erp.kind).build(connection.erp, self.context(connection))
        try:
            yield connector
        finally:
            connector.close()

    @contextlib.contextmanager
    def gocardless_target(self, connection: Connection) -> Iterator[ErpConnector]:
        """GoCardless as a system to write to, for the posting protocol."""
        target = build_target(connection.gocardless, self.context(connection))
        try:
            yield target
        finally:
            target.close()

    def planner(self, connection: Connection, *, record: bool = True) -> Planner:
        invoicing = connection.subscriptions.sales_invoices.policy
        late_by = timedelta(minutes=connection.polling.overlap_minutes)
        return Planner(self.store, connection.book_settings, record=record, invoicing=invoicing, late_by=late_by)

    def protocol(self, connection: Connection, connector: ErpConnector) -> PostingProtocol:
        return PostingProtocol(self.store, connector, connection.name, Surroundings(self.sleep))

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def context(self, connection: Connection) -> BuildContext:
        """What clients and connectors of the connection are built from."""
        return BuildContext(
            connection=connection.name,
            books=connection.book_settings,
            store=self.store,
            clock=self.clock,
            sleep=self.sleep,
            counter=self.counter,
            limits=self.limits,
            ca_file=connection.ca_file,
        )
