"""Works with an Exact Online connection in a process of its own: `python -m tests.token_taker <store> <key> <settings>`.

It says `ready`, waits for a line, reads the division's customers and says how many there are, or which error ended it. Its
clock is the stand-in's, so that it waits as long as the stand-in takes it to have waited.
"""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import requests

from bookkeeping.settings import BookSettings
from connector_resources.erp.building import BuildContext
from connector_resources.erp.exact_online.resource import build_connector
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.errors import ConnectorError
from connector_resources.store.store import Store
from connector_resources.store.vault_key import VaultKey

LONGEST_STEP_S = 5


class StandInClock:
    """The clock of the stand-in at `address`. Two that wait at once wait together, not one after the other."""

    def __init__(self, address: str) -> None:
        self._url = f"{address}/_control/clock"

    def now(self) -> datetime:
        return datetime.fromisoformat(requests.get(self._url, timeout=10).json()["now"])

    def sleep(self, seconds: float) -> None:
        until = self.now() + timedelta(seconds=seconds)
        # Step by step: a leap would let the other process's lease run out in the middle of its request.
        while (now := self.now()) < until:
            step = min(until, now + timedelta(seconds=LONGEST_STEP_S))
            requests.post(self._url, json={"now": step.isoformat()}, timeout=10)


def main() -> None:
    url, key, settings_text = sys.argv[1:4]
    settings = ExactOnlineSettings.model_validate_json(settings_text)
    clock = StandInClock(settings.site)
    with Store.open(url, clock=clock.now, vault_key=VaultKey.from_text(key, source="the test")) as store:
        books = BookSettings("polder", ZoneInfo("Europe/Amsterdam"), date(2026, 1, 1))
        connector = build_connector(settings, BuildContext("polder", books, store, clock.now, sleep=clock.sleep))
        print("ready", flush=True)  # noqa: T201
        sys.stdin.readline()
        try:
            print(len(list(connector.customers())))  # noqa: T201
        except ConnectorError as error:
            print(f"{type(error).__name__}: {error}")  # noqa: T201
        finally:
            connector.close()


if __name__ == "__main__":
    main()
