"""Collects a connection in a process of its own, and dies where it is told to: `python -m tests.collector <home> …`.

The product runs as it is; only the two systems it talks to are wrapped, so that the process can end between two calls.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from connector_resources.collections.reading import read_open_invoices
from connector_resources.collections.run import collect
from connector_resources.connections.model import Connection
from connector_resources.erp.registry import ERPS
from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from tests.poster import DEAD, Mortal

#: where the process can die: an invoice was read, collections are planned, the claim is committed, GoCardless has
#: answered, the answer is committed, everything is settled and nothing is linked yet.
POINTS = ("mid_read", "planned", "before_send", "after_send", "before_verify", "settled", "never")


@dataclasses.dataclass(slots=True)
class Death:
    """The process ends at the `left`-th arrival at `point`."""

    point: str
    left: int


class Counted(Mortal):
    """One count for all the systems that a process talks to."""

    def __init__(self, connector: Any, death: Death) -> None:
        super().__init__(connector, death.point, death.left)
        self._death = death

    def _pass(self, point: str) -> None:
        self._death.left -= point == self._death.point
        if self._death.left <= 0:
            os._exit(DEAD)


class MortalTarget(Counted):
    """Ends the process also before anything is claimed, and when all is settled."""

    def prepare(self, postings: Any) -> Any:
        if postings:
            self._pass("planned")
        return self._connector.prepare(postings)

    def close(self) -> None:
        self._pass("settled")
        self._connector.close()


class MortalErp(Counted):
    def open_invoices(self) -> Iterator[Any]:
        for invoice in self._connector.open_invoices():
            self._pass("mid_read")
            yield invoice


class MortalRuntime(Runtime):
    """`death` says where the process ends."""

    __slots__ = ("death",)
    death: Death

    @contextlib.contextmanager
    def gocardless_target(self, connection: Connection) -> Iterator[Any]:
        with super().gocardless_target(connection) as target:
            mortal = MortalTarget(target, self.death)
            yield mortal
            mortal.close()

    @contextlib.contextmanager
    def erp(self, connection: Connection) -> Iterator[Any]:
        with super().erp(connection) as connector:
            yield MortalErp(connector, self.death)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("connection")
    parser.add_argument("now", type=datetime.fromisoformat)
    parser.add_argument("--die", choices=POINTS, default="never")
    parser.add_argument("--count", type=int, default=1)
    given = parser.parse_args()
    visma = ERPS["visma"]
    ERPS["visma"] = dataclasses.replace(  # type: ignore[index]
        visma, traits=dataclasses.replace(visma.traits, collects=True)
    )
    with MortalRuntime.open(Settings(home=given.home), clock=lambda: given.now) as runtime:
        assert isinstance(runtime, MortalRuntime)
        runtime.sleep = lambda _seconds: None
        runtime.death = Death(given.die, given.count)
        connection = runtime.connection(given.connection)
        with runtime.erp(connection) as connector:
            read_open_invoices(runtime.store, connection.name, connector)
        collect(runtime, connection)
    return 0


__all__ = ["DEAD", "POINTS"]

if __name__ == "__main__":
    raise SystemExit(main())
