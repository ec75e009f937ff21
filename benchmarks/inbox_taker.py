"""Takes the events out of webhooks as they come, as the sensor does, beside the receiver that is measured.

`python -m benchmarks.inbox_taker` goes on until it is stopped, over the store that `CONNECTOR_HOME` or `CONNECTOR_DATABASE_URL`
names.
"""

from __future__ import annotations

from connector_resources.runtime import Runtime
from connector_resources.store.store import Store
from sensors.drop_sensor import MOST_DELIVERIES, WAIT_S


def take_for_ever(store: Store) -> None:
    while True:
        store.deliveries.take(most=MOST_DELIVERIES)
        store.inbox.wait_for_new(store.inbox.highest_seq(), WAIT_S)


if __name__ == "__main__":
    with Runtime.open() as runtime:
        take_for_ever(runtime.store)
