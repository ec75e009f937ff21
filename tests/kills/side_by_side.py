"""Plays campaigns side by side, each in a process of its own; told to stop, none of them leaves a process behind."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from rich.console import Console

from tests.kills.campaign import Verdict, play
from tests.kills.installation import Ground
from tests.postgres import running_postgres

console = Console(highlight=False, soft_wrap=True, markup=False)


@dataclass(frozen=True, slots=True)
class Order:
    """One campaign that is asked for."""

    ground: Ground
    kills: int
    postgres: bool


def side_by_side(orders: Sequence[Order], jobs: int) -> Iterator[Verdict]:
    """`jobs` campaigns at a time; each verdict as soon as there is one."""
    context = multiprocessing.get_context("spawn")
    waiting = list(orders)
    running: dict[Connection, tuple[Order, SpawnProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                order = waiting.pop(0)
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_play, args=(order, theirs))
                process.start()
                theirs.close()
                running[ours] = (order, process)
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                order, process = running.pop(ready)
                yield _heard(ready, order, process)
    finally:
        for _, process in running.values():
            process.terminate()
        for _, process in running.values():
            process.join()


def _heard(told: Connection, order: Order, process: SpawnProcess) -> Verdict:
    try:
        verdict: Verdict = told.recv()
    except EOFError:
        process.join()
        ended = f"the campaign's process ended without a verdict, exit status {process.exitcode}"
        return Verdict(order.ground.erp, order.ground.seed, differing=[ended])
    process.join()
    return verdict


def end_when_told() -> None:
    """A process that is told to end leaves its blocks, and so takes all that it started with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def _play(order: Order, told: Connection) -> None:
    end_when_told()
    told.send(_verdict(order))


def _verdict(order: Order) -> Verdict:
    try:
        with _database(order.postgres) as url:
            return play(replace(order.ground, database_url=url), order.kills, console.print)
    except Exception:  # noqa: BLE001
        # What the campaign did not foresee is a finding as well; it must not end the other ledgers' campaigns.
        return Verdict(order.ground.erp, order.ground.seed, differing=[traceback.format_exc(limit=-6)])


@contextlib.contextmanager
def _database(postgres: bool) -> Iterator[str | None]:
    if not postgres:
        yield None
        return
    with running_postgres() as server:
        yield server.url(server.create())
