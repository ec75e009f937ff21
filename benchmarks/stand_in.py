"""One ERP's stand-in in a process of its own, with as much latency as a measurement wants.

`python -m benchmarks.stand_in visma --latency-ms 50` prints its address and serves until its standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.clock import SandboxClock
from sandbox.datev.app import create_app as create_datev
from sandbox.exact_online.app import create_app as create_exact_online
from sandbox.ifs_cloud.app import create_app as create_ifs_cloud
from sandbox.sage300.app import create_app as create_sage300
from sandbox.serve import running
from sandbox.visma.app import create_app as create_visma
from tests.evenings import datacentre, evening_company, evening_division, evening_sage300, evening_tenant

CUSTOMERS = 50


class Latency:
    """Holds every request for a while before the application sees it."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._seconds:
            await asyncio.sleep(self._seconds)
        await self._app(scope, receive, send)


def application(kind: str) -> ASGIApp:
    """The stand-in with `CUSTOMERS` customers, 10001 and so on, and without limits of calls."""
    match kind:
        case "visma":
            return create_visma(evening_company(CUSTOMERS))
        case "exact_online":
            division = evening_division(CUSTOMERS)
            division.switches.calls_per_minute = division.switches.calls_per_day = 10_000_000
            return create_exact_online(division)
        case "sage300":
            return create_sage300(evening_sage300(CUSTOMERS))
        case "datev":
            # A job is done when it is first looked at; whoever sent it waits as long as DATEV's rule says before that.
            centre = datacentre(SandboxClock())
            centre.behaviour.pending_polls = 0
            return create_datev(centre)
        case "ifs_cloud":
            return create_ifs_cloud(evening_tenant(CUSTOMERS))
    raise ValueError(f"there is no stand-in {kind!r} to be measured")


@contextlib.contextmanager
def stand_in(kind: str, latency_ms: int) -> Iterator[str]:
    """Its address; the process ends with the block, or with this process."""
    command = [sys.executable, "-m", "benchmarks.stand_in", kind, "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(timeout=30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind")
    parser.add_argument("--latency-ms", type=int, default=0)
    given = parser.parse_args()
    with running(Latency(application(given.kind), given.latency_ms / 1000), dated=False) as address:
        print(address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
