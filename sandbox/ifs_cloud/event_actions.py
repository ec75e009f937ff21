"""Event actions: a customer's own set-up that calls an address when a record of a logical unit changes (fact sheet 9).

There is no signature and no promise of delivery: a static header is all, and what cannot be delivered is dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.odata.tables import Journal, Table
from sandbox.ifs_cloud.switches import Switches

_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class EventAction:
    """Where to call when a row of one of the units changes, and the secret that goes along."""

    url: str
    secret: str
    units: tuple[str, ...]


class EventActions:
    """What was set up, and the calls that wait to go out. A call of a transaction that fails is never made."""

    def __init__(self, lock: threading.RLock, journal: Journal, switches: Switches) -> None:
        self._lock = lock
        self._journal = journal
        self._switches = switches
        self.actions: list[EventAction] = []
        self.waiting: deque[tuple[EventAction, dict[str, Any]]] = deque()
        #: statuses of calls that were answered; "lost" for those that were not.
        self.outcomes: list[int | str] = []

    def add(self, url: str, secret: str, *units: str) -> None:
        """Call `url` for every change of these units, such as `Invoice` and `LedgerItem`."""
        self.actions.append(EventAction(url, secret, units))

    def changed(self, table: Table, what: str, row: Row) -> None:
        if not self._switches.event_actions:
            return
        for action in self.actions:
            if table.name in action.units:
                key = "^".join(f"{column}={row[column]}" for column in table.keys)
                body = {"lu": table.name, "company": row.get("Company", ""), "key": key, "event": what}
                self.waiting.append((action, body))
                self._journal.record(self._take_back((action, body)))

    def _take_back(self, call: tuple[EventAction, dict[str, Any]]) -> Callable[[], None]:
        return lambda: self.waiting.remove(call)

    def deliver(self) -> int:
        """Make the calls that wait, once each; how many there were."""
        # Under the tenant's lock no transaction is half done: what waits was committed.
        with self._lock:
            calls = list(self.waiting)
            self.waiting.clear()
        for action, body in calls:
            try:
                headers = {"X-Ifs-Hook-Secret": action.secret}
                answer = requests.post(action.url, json=body, headers=headers, timeout=_TIMEOUT_S)
            except requests.RequestException:
                self.outcomes.append("lost")
            else:
                self.outcomes.append(answer.status_code)
        return len(calls)
