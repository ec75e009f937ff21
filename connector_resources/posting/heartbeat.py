"""Keeps a lease or a sign of life fresh from a thread of its own, however long the work beside it takes."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Protocol

from connector_resources.errors import LeaseLost, StoreError

log = logging.getLogger(__name__)


class Renewable(Protocol):
    """A lease, or whatever else must be renewed for others to know that somebody is at work. Raises `LeaseLost`."""

    @property
    def name(self) -> str: ...

    def renew(self) -> None: ...


class Heartbeat:
    """Renews `lease` every `every_s` seconds inside the block, from a thread of its own.

    It ends by itself when the lease is lost; whoever is about to send asks the lease, not the heartbeat.
    """

    def __init__(self, lease: Renewable, every_s: float) -> None:
        self._lease = lease
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat of {lease.name}", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                self._lease.renew()
            except LeaseLost:
                return
            except StoreError as error:
                # The lease outlives a few missed beats; the database may be back at the next one.
                log.warning("%s could not be renewed: %s", self._lease.name, error)
