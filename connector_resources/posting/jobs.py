"""Polls asynchronous jobs to their end, politely: first when the server asked for it, then ever more slowly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from connector_resources.erp.contract import Accepted, CannotTell, ErpConnector, Outcome
from connector_resources.errors import BadAnswer, NotSent
from connector_resources.store.submissions import OpenRow


@dataclass(frozen=True, slots=True)
class JobLimits:
    """How long one run waits for jobs. What is not finished by then is polled by a later run, never sent again."""

    first_poll_s: float = 5.0
    longest_pause_s: float = 60.0
    patience_s: float = 180.0
    #: each pause is longer by a random part of this share, so that many connections do not ask at once.
    jitter: float = 0.2


def await_jobs(
    connector: ErpConnector,
    rows: Sequence[OpenRow],
    limits: JobLimits,
    sleep: Callable[[float], None],
    renew: Callable[[], None],
    chance: Callable[[], float],
) -> Iterator[tuple[OpenRow, Outcome | CannotTell]]:
    """Yield each job's final outcome as it becomes known; jobs still running when patience ends are left out.

    A poll that could not be made counts as "still running": a job is never failed by our own trouble to ask.
    """
    running = list(rows)
    pause = limits.first_poll_s
    waited = 0.0
    while running and waited < limits.patience_s:
        paused = pause * (1 + limits.jitter * chance())
        sleep(paused)
        renew()
        waited += paused
        pause = min(pause * 2, limits.longest_pause_s)
        for row in list(running):
            outcome = _poll(connector, row)
            if not isinstance(outcome, Accepted):
                running.remove(row)
                yield row, outcome


def _poll(connector: ErpConnector, row: OpenRow) -> Outcome | CannotTell:
    try:
        return connector.poll(row.open)
    except (NotSent, BadAnswer):
        return Accepted(row.open.job_id)
