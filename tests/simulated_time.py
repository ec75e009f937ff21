"""Time that passes only while everybody waits, for workers that share a quota: ten minutes of it take seconds.

Workers are threads or processes of their own. One of them works at a time, the one that is due first, so that every run of the
same story is the same; what it does takes no time at all.
"""

from __future__ import annotations

import heapq
import multiprocessing
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from typing import Any

from sandbox.clock import SandboxClock

#: `work(turn, …)` is what a worker does; its arguments must be such that a process can be given them.
Work = Callable[..., None]


@dataclass(slots=True)
class Turn:
    """A worker's side: what time it is, and how it waits."""

    line: Connection
    now: datetime = field(init=False)

    def begin(self) -> None:
        self.now = self.line.recv()

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.line.send(seconds)
            self.now = self.line.recv()


def play(clock: SandboxClock, work: Work, given: Sequence[tuple[Any, ...]], *, processes: bool = False) -> None:
    """One worker for each tuple of arguments; `clock`, the stand-ins' own, goes ahead with them until all have ended."""
    lines: list[Connection] = []
    workers: list[Any] = []
    for arguments in given:
        ours, theirs = multiprocessing.Pipe()
        start = multiprocessing.get_context("spawn").Process if processes else threading.Thread
        worker = start(target=_live, args=(theirs, work, arguments))
        worker.start()
        lines.append(ours)
        workers.append(worker)
    due = [(clock.now(), place) for place in range(len(lines))]
    while due:
        moment, place = heapq.heappop(due)
        clock.set(max(moment, clock.now()))
        lines[place].send(clock.now())
        said = lines[place].recv()
        if isinstance(said, str):
            raise AssertionError(said)
        if said is not None:
            heapq.heappush(due, (clock.now() + timedelta(seconds=said), place))
    for worker in workers:
        worker.join()


def _live(line: Connection, work: Work, arguments: tuple[Any, ...]) -> None:
    turn = Turn(line)
    turn.begin()
    try:
        work(turn, *arguments)
    except BaseException as error:
        line.send(f"a worker failed: {error!r}")
        raise
    line.send(None)
