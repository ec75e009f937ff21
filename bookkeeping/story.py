"""From the story of a resource to the postings its books still lack, whatever the order in which events became known.

Payments, refunds and payouts share one shape: some events open a document (a receipt), some take it back. This module
walks the ordered story and compares the state it implies with the state that is booked. It decides no action's effect
and writes no posting itself: the rules classify the events (`Step`) and supply the documents (`Documents`).
Sources: gocardless.md section 11, ledger invariants 2, 5 and 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from bookkeeping.entities import Event
from bookkeeping.occurrences import OccurrenceKind, occurrence_of
from bookkeeping.postings import Posting, PostingKind
from bookkeeping.settings import BookSettings, activity_day


class Outcome(StrEnum):
    """What was decided about an event."""

    POSTED = "posted"
    COVERED = "covered"
    NOTHING_TO_POST = "nothing_to_post"
    BEFORE_CUT_OVER = "before_cut_over"
    TRANSIENT_PAIR = "transient_pair"
    SUPERSEDED = "superseded"
    WAITING = "waiting"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one event, once and for all; only `WAITING` is decided again. `reason` is for a person."""

    event_id: str
    subject: str
    outcome: Outcome
    reason: str
    posting_key: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is new; both may be empty. A posting may belong to an event that was decided before."""

    postings: tuple[Posting, ...] = ()
    decisions: tuple[Decision, ...] = ()


class Effect(Enum):
    OPENS = 1
    CLOSES = 0
    NONE = -1


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a story, classified. `meaning` explains an event without effect; `waiting_for` postpones it."""

    event: Event
    effect: Effect
    before_cut_over: bool
    meaning: str
    waiting_for: str = ""
    ignored: bool = False


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of one resource: `open_kinds` open it, `close_kind` takes it back.

    open         writes the opening posting of an event; the flag says whether it is the resource's first
    close        writes the reversal of a posting, or of a document that the books held before the cut-over (None)
    name         what the document is called in reasons: "receipt"
    keeps_pair   whether an opening and its reversal that became known together are both booked
    """

    open_kinds: frozenset[PostingKind]
    close_kind: PostingKind
    open: Callable[[Event, bool], Posting]
    close: Callable[[Event, Posting | None], Posting]
    name: str
    keeps_pair: Callable[[Event, Event], bool]


def undecided(event: Event, decided: Mapping[str, Decision]) -> bool:
    """True while `event` has no decision, or only `WAITING`."""
    earlier = decided.get(event.id)
    return earlier is None or earlier.outcome is Outcome.WAITING


def ordered(story: Sequence[Event]) -> list[Event]:
    """The story in the order things happened, each event once."""
    return sorted({event.id: event for event in story}.values(), key=lambda event: event.order)


def classified(
    event: Event, effect: Effect, decided: Mapping[str, Decision], settings: BookSettings, waiting_for: str = ""
) -> Step:
    """The step of `event`. Once decided, it stays on its side of the cut-over, whatever the setting says now."""
    occurrence = occurrence_of(event)
    early = activity_day(event.created_at, settings) < settings.cut_over
    if not undecided(event, decided):
        early = decided[event.id].outcome is Outcome.BEFORE_CUT_OVER
    waiting = waiting_for if undecided(event, decided) and not early else ""
    return Step(event, effect, early, occurrence.meaning, waiting, occurrence.kind is OccurrenceKind.UNKNOWN)


def settle(
    steps: Sequence[Step],
    subject: str,
    decided: Mapping[str, Decision],
    booked: Sequence[Posting],
    documents: Documents,
) -> Verdict:
    """Bring the books of one resource to the state its ordered `steps` imply, and decide every undecided event.

    Events newer than everything decided so far are booked one by one. An event that arrives late changes the books
    only by the difference between the state the story now implies and the state that is booked.
    """
    if not any(undecided(step.event, decided) for step in steps):
        return Verdict()
    desk = _Desk(subject, decided, documents, list(booked))
    desk.held_before = bool(_state([step for step in steps if step.before_cut_over and desk.moves(step)]))
    last = max((i for i, s in enumerate(steps) if desk.moves(s) and not undecided(s.event, decided)), default=-1)
    known, new = list(steps[: last + 1]), list(steps[last + 1 :])
    for step in steps:
        desk.decide_without_movement(step)
    desk.correct(known)
    desk.walk(known, new)
    new_decisions = tuple(desk.decisions[s.event.id] for s in steps if s.event.id in desk.decisions)
    return Verdict(tuple(desk.postings), new_decisions)


@dataclass(slots=True)
class _Desk:
    """The work of one `settle`: what is booked, what is being added, and why."""

    subject: str
    decided: Mapping[str, Decision]
    documents: Documents
    booked: list[Posting]
    held_before: bool = False
    postings: list[Posting] = field(default_factory=list)
    decisions: dict[str, Decision] = field(default_factory=dict)

    def moves(self, step: Step) -> bool:
        return step.effect is not Effect.NONE and not step.waiting_for

    def decide(self, step: Step, outcome: Outcome, reason: str, key: str | None = None) -> None:
        decision = Decision(step.event.id, self.subject, outcome, reason, key)
        if undecided(step.event, self.decided) and self.decided.get(step.event.id) != decision:
            self.decisions[step.event.id] = decision

    def decide_without_movement(self, step: Step) -> None:
        name = self.documents.name
        if step.waiting_for:
            self.decide(step, Outcome.WAITING, step.waiting_for)
        elif step.before_cut_over:
            self.decide(step, Outcome.BEFORE_CUT_OVER, f"Before the cut-over ({step.meaning}): in the books already.")
        elif step.ignored:
            self.decide(step, Outcome.IGNORED, step.meaning)
        elif step.effect is Effect.NONE:
            self.decide(step, Outcome.NOTHING_TO_POST, f"Nothing to post: {step.meaning}.")
        else:
            self.decide(
                step,
                Outcome.COVERED if step.effect is Effect.OPENS else Outcome.SUPERSEDED,
                f"Arrived late ({step.meaning}); the booked {name} already shows how the story went on.",
            )

    def correct(self, known: Sequence[Step]) -> None:
        """Post the difference that late events make among the steps up to the newest decided one."""
        movements = [step for step in known if self.moves(step)]
        missing = _state(movements) - self._effective(movements)
        for _ in range(abs(missing)):
            wanted = Effect.OPENS if missing > 0 else Effect.CLOSES
            step = self._carrier(movements, wanted)
            posting = self._open(step.event) if missing > 0 else self._close(step.event)
            reason = f"The {self.documents.name} follows the whole story, part of which arrived late ({step.meaning})."
            # An event from before the cut-over stays one, even if its late arrival makes a correction necessary.
            outcome = Outcome.BEFORE_CUT_OVER if step.before_cut_over else Outcome.POSTED
            self.decide(step, outcome, reason, posting.key)

    def walk(self, known: Sequence[Step], new: Sequence[Step]) -> None:
        """Book the steps that are newer than everything decided, in order."""
        name = self.documents.name
        state = _state([step for step in known if self.moves(step)])
        planned: list[Step] = []
        for step in (s for s in new if self.moves(s)):
            wanted = step.effect.value
            if step.before_cut_over:
                state = wanted
            elif state == wanted and step.effect is Effect.OPENS:
                self.decide(step, Outcome.COVERED, f"Already covered: a {name} is open for {self.subject}.")
            elif state == wanted:
                self.decide(step, Outcome.NOTHING_TO_POST, f"Nothing to take back ({step.meaning}): no {name} is open.")
            else:
                planned.append(step)
                state = wanted
        for step in self._without_pairs(planned):
            posting = self._open(step.event) if step.effect is Effect.OPENS else self._close(step.event)
            booked_as = posting.kind.replace("_", " ")
            self.decide(step, Outcome.POSTED, f"Booked as {booked_as}: {step.meaning}.", posting.key)

    def _without_pairs(self, planned: Sequence[Step]) -> list[Step]:
        kept: list[Step] = []
        for step in planned:
            opening = kept[-1] if kept and kept[-1].effect is Effect.OPENS else None
            if step.effect is Effect.CLOSES and opening and not self.documents.keeps_pair(opening.event, step.event):
                kept.pop()
                both = f"{opening.event.id} ({opening.meaning}) and {step.event.id} ({step.meaning})"
                reason = f"{both} became known together and cancel out; no {self.documents.name} was ever booked."
                self.decide(opening, Outcome.TRANSIENT_PAIR, reason)
                self.decide(step, Outcome.TRANSIENT_PAIR, reason)
            else:
                kept.append(step)
        return kept

    def _effective(self, movements: Sequence[Step]) -> int:
        """How many documents the books show open: one in good order, more or fewer after late arrivals."""
        opened = sum(posting.kind in self.documents.open_kinds for posting in self.booked)
        closed = sum(posting.kind is self.documents.close_kind for posting in self.booked)
        return _state([step for step in movements if step.before_cut_over]) + opened - closed

    def _carrier(self, movements: Sequence[Step], wanted: Effect) -> Step:
        """The event a correction is booked on: the newest of that effect that bears no posting, else any without."""
        bearing = {posting.event_id for posting in self.booked}
        free = [step for step in movements if step.event.id not in bearing]
        fitting = [step for step in free if step.effect is wanted and not step.before_cut_over]
        assert free, f"{self.subject}: the books differ from the story although no event is new"
        return (fitting or [step for step in free if undecided(step.event, self.decided)] or free)[-1]

    def _open(self, event: Event) -> Posting:
        first = not self.booked and not self.held_before
        return self._add(self.documents.open(event, first))

    def _close(self, event: Event) -> Posting:
        """Take back the document that stands; the one from before the cut-over first, being the oldest."""
        taken_back = {posting.reverses for posting in self.booked if posting.kind is self.documents.close_kind}
        standing = [p for p in self.booked if p.kind in self.documents.open_kinds and p.key not in taken_back]
        from_before = self.held_before and None not in taken_back
        return self._add(self.documents.close(event, None if from_before or not standing else standing[-1]))

    def _add(self, posting: Posting) -> Posting:
        self.booked.append(posting)
        self.postings.append(posting)
        return posting


def _state(movements: Sequence[Step]) -> int:
    """1 when the last movement left the document open, else 0."""
    return movements[-1].effect.value if movements else 0
