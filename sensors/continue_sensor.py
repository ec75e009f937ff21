"""The continuation sensor: starts a run for work that had to stop, when the time for it has come.

A quota that is used up or a service that is down stops a run before all is posted. Waiting inside the run would block its
place for hours, and waiting for the next news might take days. A run that was killed could not even note that it stopped:
postings that are neither settled nor held while nothing works on them show it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import dagster as dg

from bookkeeping.postings import PostingKind
from connector_assets.names import CONNECTION_TAG, erp_job_name
from connector_resources.connections.model import Connection
from connector_resources.posting.continuing import LONGEST_WAIT, Continuations
from connector_resources.posting.next_work import next_work
from connector_resources.runtime import Runtime
from sensors.running import names_on_their_way

INTERVAL_S = 30
#: how long postings are left over with nothing at work on them before a run is started; twice as long for each further one
#: that brings nothing on.
LEFT_OVER_WAIT = timedelta(minutes=5)
#: five minutes doubled so often are longer than the longest wait.
DOUBLINGS = 9


def continue_sensor(
    connections: Sequence[Connection], jobs: Sequence[dg.UnresolvedAssetJobDefinition | dg.JobDefinition]
) -> dg.SensorDefinition:
    """One sensor for all connections."""

    @dg.sensor(
        name="continue_stopped",
        jobs=list(jobs),
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Goes on with what an earlier run had to leave, when the remote system is expected to answer again.",
        required_resource_keys={"runtime"},
    )
    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        runtime: Runtime = context.resources.runtime
        busy = names_on_their_way(context.instance)
        now = runtime.clock()
        leftovers = Leftovers.parse(context.cursor)
        leftovers.forget_all_but(connection.name for connection in connections)
        requests = []
        for connection in connections:
            if connection.name in busy:
                leftovers.at_work(connection.name)
            elif (request := _request(runtime, connection, leftovers, now)) is not None:
                requests.append(request)
        skipped = None if requests else dg.SkipReason("Nothing waits to go on.")
        return dg.SensorResult(run_requests=requests, cursor=leftovers.text(), skip_reason=skipped)

    return evaluate


@dataclass(frozen=True, slots=True)
class Leftover:
    """Since when postings lie there with nothing at work on them, if they do now, and how many runs were started for them.

    Those are runs in a row in which nothing was settled; `asked_at` is when the newest was started.
    """

    since: datetime | None = None
    asked: int = 0
    asked_at: datetime | None = None


class Leftovers:
    """The cursor: what earlier looks have found, per connection."""

    def __init__(self, entries: Mapping[str, Leftover]) -> None:
        self._entries = dict(entries)

    @classmethod
    def parse(cls, cursor: str | None) -> Leftovers:
        entries = json.loads(cursor) if cursor else {}
        return cls({name: _leftover(*entry) for name, entry in entries.items()})

    def is_due(self, name: str, now: datetime, settled_at: datetime | None) -> bool:
        """There are leftovers now; whether they have been there long enough, which is noted.

        `settled_at` is when any posting of the connection was settled last.
        """
        entry = self._entries.get(name, Leftover())
        if entry.asked_at is not None and settled_at is not None and settled_at > entry.asked_at:
            entry = replace(entry, asked=0)
        if entry.since is None:
            self._entries[name] = replace(entry, since=now)
            return False
        if now - entry.since < min(LEFT_OVER_WAIT * 2 ** min(entry.asked, DOUBLINGS), LONGEST_WAIT):
            return False
        self._entries[name] = Leftover(now, entry.asked + 1, now)
        return True

    def at_work(self, name: str) -> None:
        """Somebody works on them: the wait begins anew when that is over."""
        if name in self._entries:
            self._entries[name] = replace(self._entries[name], since=None)

    def none_left(self, name: str) -> None:
        self._entries.pop(name, None)

    def forget_all_but(self, names: Iterable[str]) -> None:
        known = frozenset(names)
        self._entries = {name: entry for name, entry in self._entries.items() if name in known}

    def text(self) -> str:
        return json.dumps(
            {name: (_text(entry.since), entry.asked, _text(entry.asked_at)) for name, entry in self._entries.items()}
        )


def _leftover(since: str, asked: int, asked_at: str = "") -> Leftover:
    return Leftover(_moment(since), asked, _moment(asked_at))


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _request(runtime: Runtime, connection: Connection, leftovers: Leftovers, now: datetime) -> dg.RunRequest | None:
    today = now.astimezone(connection.zone).date()
    if today < connection.books.cut_over:
        return None
    continuations = Continuations(runtime.store.marks, connection.name)
    due = continuations.due(now)
    if due:
        reason = f"{due[0].step}:{due[0].after:%Y%m%dT%H%M%S}"
    elif continuations.any() or not _has_leftovers(runtime, connection):
        # A step that noted its stop waits for its own time, or for a person once no run is started for it any more.
        leftovers.none_left(connection.name)
        return None
    elif leftovers.is_due(connection.name, now, runtime.store.ledger.last_settled_at(connection.name)):
        reason = f"left:{now:%Y%m%dT%H%M%S}"
    else:
        return None
    # One run goes on with everything. Noted first: asked for twice would do no harm, asked for never would.
    for item in due:
        continuations.asked(item, now)
    return dg.RunRequest(
        run_key=f"{connection.name}:continue:{reason}",
        job_name=erp_job_name(connection.name),
        partition_key=today.isoformat(),
        tags={CONNECTION_TAG: connection.name},
    )


def _has_leftovers(runtime: Runtime, connection: Connection) -> bool:
    """Whether a run would find something to send or to look up. What waits for a held posting waits for a person."""
    store, every_kind = runtime.store, frozenset(PostingKind)
    return bool(next_work(store, connection.name, every_kind, limit=1) or store.submissions.open(connection.name))
