"""When work that had to stop goes on: quota used up, service down, nightly maintenance. Kept in the store, one mark a step.

A run says that it stopped; a sensor starts the run that goes on when the wait is over. After a few runs in a row that stopped,
nothing is started any more and the step says so: what stays away for hours needs a person.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from connector_resources.store.marks import Marks

PREFIX = "continue:"
#: waits before each further run; a remote system that names a later time is believed up to `LONGEST_WAIT`.
WAITS = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4))
LONGEST_WAIT = timedelta(hours=25)
#: a run that was started and has not come as far as the step is started again after this time, and twice that, and so on.
ASK_AGAIN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Continuation:
    """A step's work is left over. `after` is when a run may go on with it; None once nobody starts one any more.

    stops  runs in a row that stopped, each counted once and only when its wait was over
    run    the newest run that counted
    asked  how many runs were started for it since then
    """

    step: str
    reason: str
    after: datetime | None
    stops: int
    run: str
    asked: int = 0

    def to_text(self) -> str:
        return json.dumps({**asdict(self), "after": self.after.isoformat() if self.after else None})

    @classmethod
    def from_text(cls, text: str) -> Continuation:
        fields = json.loads(text)
        after = fields.pop("after")
        return cls(**fields, after=datetime.fromisoformat(after) if after else None)


class Continuations:
    """One connection's work that is left over."""

    def __init__(self, marks: Marks, connection: str) -> None:
        self._marks = marks
        self._connection = connection

    def stopped(self, step: str, *, reason: str, retry_after_s: float, run: str, now: datetime) -> Continuation:
        """Note that `step` of `run` had to stop; the answer says when it goes on, if it does by itself."""
        before = self._all().get(step)
        wait = timedelta(seconds=retry_after_s)
        if before is not None and (before.run == run or (before.after is not None and now < before.after)):
            # The same run, or one that was started for other news while this one waits.
            later = max(before.after, now + min(wait, LONGEST_WAIT)) if before.after else None
            noted = replace(before, reason=reason, after=later)
        else:
            stops = before.stops + 1 if before else 1
            after = now + min(max(wait, WAITS[stops - 1]), LONGEST_WAIT) if stops <= len(WAITS) else None
            noted = Continuation(step, reason, after, stops, run)
        self._keep(noted)
        return noted

    def ended(self, step: str) -> None:
        """`step` has come to its end: nothing is left over."""
        if step in self._all():
            self._marks.set(self._connection, PREFIX + step, "")

    def due(self, now: datetime) -> list[Continuation]:
        """What may go on now, oldest first."""
        waiting = [(each.after, each) for each in self._all().values() if each.after is not None]
        return [each for after, each in sorted(waiting, key=lambda pair: pair[0]) if after <= now]

    def any(self) -> bool:
        """Whether work of a step that noted its stop is left over, also where no run is started for it any more."""
        return bool(self._all())

    def asked(self, item: Continuation, now: datetime) -> None:
        """A run was started for it; another one is due later, in case that one does not come as far as the step."""
        again = now + min(ASK_AGAIN * 2**item.asked, LONGEST_WAIT)
        self._keep(replace(item, after=again, asked=item.asked + 1))

    def _all(self) -> dict[str, Continuation]:
        texts = self._marks.starting_with(self._connection, PREFIX)
        return {name.removeprefix(PREFIX): Continuation.from_text(text) for name, text in texts.items() if text}

    def _keep(self, item: Continuation) -> None:
        self._marks.set(self._connection, PREFIX + item.step, item.to_text())
