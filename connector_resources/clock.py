"""What time it is for one process: the machine's time, or, for a sandbox, the time of the stand-ins it is tied to.

A month of business that passes in minutes must pass for everybody: invoices fall due, retries wait and tokens expire by the
same clock as GoCardless and the ERP have. The stand-ins say in a file how far that clock stands from the machine's; it goes
on by itself and now and then jumps ahead. Such a clock is refused where anything real could be reached.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connector_resources.connections.loopback_only import addresses_elsewhere
from connector_resources.connections.model import Connection
from connector_resources.errors import ConfigurationError

Clock = Callable[[], datetime]

#: how often somebody who sleeps by the stand-ins' clock looks at it.
LOOK_EVERY_S = 0.2


def utc_now() -> datetime:
    """The machine's time, aware UTC."""
    return datetime.now(UTC)


def clock_of(sandbox_clock: Path | None, connections: Sequence[Connection]) -> Clock:
    """The machine's clock, or that of the stand-ins when `sandbox_clock` names its file.

    Raises `ConfigurationError` when a connection could reach anything but stand-ins on this machine, or the file cannot be
    read; the clock itself raises the same when the file is gone later.
    """
    if sandbox_clock is None:
        return utc_now
    for connection in connections:
        elsewhere = addresses_elsewhere(connection)
        if elsewhere:
            raise ConfigurationError(
                f"CONNECTOR_SANDBOX_CLOCK is for stand-ins on this machine, but {', '.join(elsewhere)} is not one",
                connection=connection.name,
                next_step="unset CONNECTOR_SANDBOX_CLOCK, or take this connection out of the home",
            )
    moved = SandboxTime(sandbox_clock)
    moved()
    return moved


def sleep_of(clock: Clock) -> Callable[[float], None]:
    """How to wait by `clock`: when the stand-ins' time jumps ahead, so does whoever waits for it."""
    if clock is utc_now:
        return time.sleep

    def sleep(seconds: float) -> None:
        until = clock() + timedelta(seconds=seconds)
        while (left_s := (until - clock()).total_seconds()) > 0:
            time.sleep(min(left_s, LOOK_EVERY_S))

    return sleep


class SandboxTime:
    """The machine's time moved by the whole seconds that stand in `path`, looked up at every call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> datetime:
        try:
            seconds = int(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"the sandbox clock {self._path} cannot be read: {error}",
                next_step="start the stand-ins that keep it, or unset CONNECTOR_SANDBOX_CLOCK",
            ) from error
        return utc_now() + timedelta(seconds=seconds)
