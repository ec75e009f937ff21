"""Plays what a merchant does and what the banks do in one order of time, a day at a time, in a GoCardless world.

After each day the deliveries of that day's events are handed out, shuffled, some twice, some never: nothing is sent here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sandbox.gocardless.webhook_desk import Delivery, Mischief
from sandbox.gocardless.world import World

#: How webhooks misbehave in the month.
MISCHIEF = Mischief(shuffle=True, duplicate_percent=8, drop_percent=5, batch=40)

Action = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Day:
    """One played day: the ids of its events, also of those no webhook tells, and the deliveries to send."""

    day: date
    event_ids: tuple[str, ...]
    deliveries: tuple[Delivery, ...]


class Agenda:
    """What a merchant is going to do. Equal times keep the order in which the actions are given."""

    def __init__(
        self,
        world: World,
        actions: Iterable[tuple[datetime, Action]],
        chance: random.Random,
        mischief: Mischief = MISCHIEF,
    ) -> None:
        self._world = world
        self._chance = chance
        self._mischief = mischief
        numbered = [(moment, number, action) for number, (moment, action) in enumerate(actions)]
        self._actions = sorted(numbered, key=lambda entry: entry[:2])

    def play_day(self, day: date, until: time) -> Day:
        """Everything up to `until` (UTC) of that day. Days must be played in order."""
        world, end = self._world, datetime.combine(day, until, UTC)
        with world.lock:
            while self._actions and self._actions[0][0] <= end:
                moment, _, action = self._actions.pop(0)
                world.autopilot.run_until(moment)
                action()
            world.autopilot.run_until(end)
            world.release_late_events()
            deliveries = world.webhook_desk.plan(self._mischief, self._chance)
            recorded = [event.id for event in world.events if event.created_at[:10] == day.isoformat()]
        return Day(day, tuple(recorded), tuple(deliveries))
