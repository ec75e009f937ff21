"""Alerts of one connection that are still to be delivered, and what was told today: each thing is told once a day.

Kept in the store, so that an alert outlives a mail server that is away. Noting an alert is cheap and safe to repeat;
delivering is left to the caller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date

from connector_resources.alerts.alert import Alert
from connector_resources.store.marks import Marks

DUE = "alerts_due"
TOLD = "alerts_told:"
#: alerts that wait for a channel that is away; beyond these the oldest are given up.
MOST_DUE = 50


@dataclass(frozen=True, slots=True)
class Due:
    """An alert and the channels that have not taken it yet."""

    alert: Alert
    channels: tuple[str, ...]


class Outbox:
    """One connection's alerts. Not for two processes at once: a sensor has one evaluation at a time."""

    def __init__(self, marks: Marks, connection: str) -> None:
        self._marks = marks
        self._connection = connection

    def untold(self, kind: str, day: date, subjects: Collection[str]) -> list[str]:
        """Those of `subjects` that were not told on `day`, in their order."""
        told = self._told(kind, day)
        return [subject for subject in subjects if subject not in told]

    def note(self, alert: Alert, channels: Sequence[str], day: date, subjects: Collection[str]) -> None:
        """`alert` is to be delivered, and `subjects` count as told on `day`."""
        told = sorted(self._told(alert.kind, day) | set(subjects))
        # The alert first: after a crash in between it is told twice, never not at all.
        self._keep([*self.due(), Due(alert, tuple(channels))][-MOST_DUE:])
        self._marks.set(self._connection, TOLD + alert.kind, json.dumps({"day": day.isoformat(), "subjects": told}))

    def due(self) -> list[Due]:
        """What is still to be delivered, oldest first."""
        text = self._marks.get(self._connection, DUE)
        return [Due(Alert.from_json(e["alert"]), tuple(e["channels"])) for e in json.loads(text)] if text else []

    def deliver(self, deliver: Callable[[str, Alert], str]) -> list[str]:
        """Give every due alert to its channels; `deliver` answers with what went wrong, empty when delivered.

        What did not go through stays due. The answer is the problems, each once.
        """
        due = self.due()
        left: list[Due] = []
        problems: dict[str, None] = {}
        away: set[str] = set()
        for each in due:
            waiting = []
            for channel in each.channels:
                # A channel that has just refused one alert is not asked again in the same round.
                problem = "" if channel in away else deliver(channel, each.alert)
                if problem or channel in away:
                    waiting.append(channel)
                if problem:
                    away.add(channel)
                    problems[problem] = None
            if waiting:
                left.append(Due(each.alert, tuple(waiting)))
        if left != due:
            self._keep(left)
        return list(problems)

    def _told(self, kind: str, day: date) -> set[str]:
        text = self._marks.get(self._connection, TOLD + kind)
        noted = json.loads(text) if text else {"day": "", "subjects": []}
        return set(noted["subjects"]) if noted["day"] == day.isoformat() else set()

    def _keep(self, due: Sequence[Due]) -> None:
        rows = [{"alert": each.alert.to_json(), "channels": each.channels} for each in due]
        self._marks.set(self._connection, DUE, json.dumps(rows))
