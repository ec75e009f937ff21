"""What an ERP connector is built from, besides its own settings: the same for every ERP."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from bookkeeping.settings import BookSettings
from connector_resources.transport.http_transport import CallCounter
from connector_resources.transport.known_limits import KnownLimits

if TYPE_CHECKING:
    from connector_resources.store.store import Store


@dataclass(frozen=True, slots=True)
class BuildContext:
    """The connection's name and book settings, the store (vault, leases, quotas), and time.

    `counter` counts every remote call by system, for reports and budgets; `limits` are those that the transports keep to.
    `ca_file` is the PEM file of the private CA that the ERP's certificates are checked against; None for the public ones.
    GoCardless is never checked against it.
    """

    connection: str
    books: BookSettings
    store: Store
    clock: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep
    rng: random.Random = field(default_factory=random.Random)
    counter: CallCounter = field(default_factory=CallCounter)
    limits: KnownLimits = field(default_factory=KnownLimits)
    ca_file: str | None = None
