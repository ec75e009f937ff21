"""Why payments brought no money in a month, how often per scheme, and what to do about each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from bookkeeping.entities import Event, Payment
from bookkeeping.failure_advice import Advice, Ending, advice, advice_for_cause
from bookkeeping.settings import activity_day
from connector_resources.connections.model import Connection
from connector_resources.gocardless.wire import event_of, payment_of
from connector_resources.posting.planning import SLICE, slices
from connector_resources.reports.figures import words
from connector_resources.reports.model import (
    Amount,
    Cell,
    Column,
    Fact,
    Kind,
    Mark,
    Report,
    Section,
    Share,
    State,
    Table,
    share_bars,
)
from connector_resources.reports.sources import NOBODY, Month, at_gocardless, head_of, people
from connector_resources.store.store import Store

TITLE = "Failure reasons"
QUESTION = "Why did payments bring no money, and what is the next best thing to do?"

FAILED, LATE, CHARGED_BACK, CANCELLED = "failed", "failed late", "charged back", "cancelled"
#: events that answer whether a payment brings money.
ANSWERS = ("confirmed", "failed", "charged_back", "cancelled")

_MARKS = {
    Advice.NOTHING: Mark.GOOD, Advice.WAIT: Mark.WAITS, Advice.RETRY: Mark.WAITS, Advice.NEW_MANDATE: Mark.BAD,
    Advice.CONTACT: Mark.BAD,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """One event by which a payment brought no money. `how`: failed, failed late, charged back or cancelled."""

    payment: Payment
    how: str
    day: date
    ending: Ending
    reason_code: str

    @property
    def advice(self) -> Advice:
        return advice(self.ending, self.payment.status)


@dataclass(slots=True)
class SchemeCount:
    """How many payments of a scheme the banks answered in the month, and how; each once."""

    answered: int = 0
    by: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class MonthOfFailures:
    failures: list[Failure] = field(default_factory=list)
    schemes: dict[str, SchemeCount] = field(default_factory=dict)


def failure_report(store: Store, connection: Connection, month: Month, now: datetime) -> Report:
    """The failures of the month, in groups and one by one."""
    found = failures_of_month(store, connection, month)
    failures = found.failures
    todo = [each for each in failures if each.advice not in (Advice.NOTHING, Advice.WAIT)]
    counts = Counter(each.advice for each in failures)
    answered = sum(each.answered for each in found.schemes.values())
    without = len({each.payment.id for each in failures})
    return Report(
        head=head_of(connection, now),
        title=TITLE,
        question=QUESTION,
        period=month.title,
        facts=(
            Fact(
                Share(Decimal(without), Decimal(answered)), "of the answered payments brought no money",
                f"{without} of {answered}",
            ),
            *(Fact(counts[each], each.title.lower()) for each in Advice if counts[each]),
        ),
        sections=(
            Section("By cause", tables=(_cause_table(failures),)),
            Section("By scheme", SCHEME_LEAD, tables=(_scheme_table(found.schemes),)),
            Section("What to do", f"{len(todo)} of them wait for you.", tables=(_work_table(store, connection, failures),)),
        ),
        landscape=True,
    )  # fmt: skip


SCHEME_LEAD = (
    "Of the payments that the banks answered in the month, each counted once per way. A late failure and a chargeback take "
    "back money that had been confirmed."
)


def failures_of_month(store: Store, connection: Connection, month: Month) -> MonthOfFailures:
    """Every failure, chargeback and bank-side cancellation of the month's activity days, oldest first."""
    name, books = connection.name, connection.book_settings
    subjects = list(
        store.inbox.subjects(
            name, month.first_day, month.last_day, only_new=False, resource_type="payments", actions=ANSWERS
        )
    )
    found = MonthOfFailures()
    for ids in slices(subjects, SLICE):
        stories = store.inbox.story(name, ids)
        for key, body in store.entities.get(name, "payments", ids).items():
            payment = payment_of(body)
            events = [event_of(each) for each in stories.get(key, ())]
            in_month = [activity_day(event.created_at, books) in month for event in events]
            count = found.schemes.setdefault(payment.scheme or "unknown", SchemeCount())
            own = list(_failures(payment, events, in_month, [activity_day(e.created_at, books) for e in events]))
            was_answered = any(
                here and event.action in ANSWERS[:3] for here, event in zip(in_month, events, strict=True)
            )
            count.answered += was_answered or bool(own)
            count.by.update({each.how for each in own})
            found.failures += own
    found.failures.sort(key=lambda each: (each.day, each.payment.id))
    return found


def _failures(
    payment: Payment, events: Sequence[Event], in_month: Sequence[bool], days: Sequence[date]
) -> Iterator[Failure]:
    confirmed = False
    for event, here, day in zip(events, in_month, days, strict=True):
        ending = Ending(event.action, event.cause or "other", bool(event.will_attempt_retry))
        how = ""
        if event.action == "failed":
            how, confirmed = (LATE if confirmed else FAILED), False
        elif event.action == "charged_back":
            how, confirmed = CHARGED_BACK, False
        elif event.action == "cancelled" and advice_for_cause(ending) is Advice.NEW_MANDATE:
            how = CANCELLED
        elif event.action in ("confirmed", "chargeback_cancelled"):
            confirmed = True
        if how and here:
            yield Failure(payment, how, day, ending, event.reason_code or "")


def _cause_table(failures: Sequence[Failure]) -> Table:
    groups: dict[tuple[str, str, str], list[Failure]] = {}
    for each in failures:
        groups.setdefault((each.ending.cause, each.how, each.payment.amount.currency), []).append(each)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    bars = share_bars([Decimal(len(group)) for _, group in ordered])
    rows: list[tuple[Cell, ...]] = []
    for ((cause, how, currency), group), bar in zip(ordered, bars, strict=True):
        best = advice_for_cause(group[0].ending)
        rows.append(
            (
                words(cause), how, len(group), bar, Share(Decimal(len(group)), Decimal(len(failures))),
                _sum(group, currency), ", ".join(sorted({each.reason_code for each in group} - {""})),
                State(best.title, _MARKS[best]), best.meaning,
            )
        )  # fmt: skip
    return Table(
        sheet="Causes",
        caption="Causes, most frequent first",
        columns=(
            Column("Cause"), Column("How"), Column("Count", Kind.COUNT), Column("Share of all", Kind.BAR),
            Column("Share", Kind.SHARE), Column("Amount", Kind.AMOUNT), Column("Banks' codes", Kind.CODE, optional=True),
            Column("Next best action", Kind.STATE), Column("That is", Kind.NOTE),
        ),
        rows=tuple(rows),
        empty="No payment failed in this month.",
    )  # fmt: skip


def _scheme_table(schemes: dict[str, SchemeCount]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for scheme, count in sorted(schemes.items()):
        cells: list[Cell] = []
        for how in (FAILED, LATE, CHARGED_BACK, CANCELLED):
            cells += [count.by[how], Share(Decimal(count.by[how]), Decimal(count.answered))]
        rows.append((words(scheme), count.answered, *cells))
    return Table(
        sheet="Schemes",
        caption="How often, per scheme",
        columns=(
            Column("Scheme"), Column("Answered", Kind.COUNT),
            *(Column(title, kind) for how in (FAILED, LATE, CHARGED_BACK, CANCELLED)
              for title, kind in ((how.capitalize(), Kind.COUNT), (f"{how.capitalize()}, rate", Kind.SHARE))),
        ),
        rows=tuple(rows),
        empty="The banks answered no payment in this month.",
    )  # fmt: skip


def _work_table(store: Store, connection: Connection, failures: Sequence[Failure]) -> Table:
    known = people(store, connection.name, [each.payment.id for each in failures])
    order = (Advice.CONTACT, Advice.NEW_MANDATE, Advice.RETRY, Advice.WAIT, Advice.NOTHING)
    ordered = sorted(failures, key=lambda each: (order.index(each.advice), each.day, each.payment.id))
    rows: list[tuple[Cell, ...]] = [
        (
            at_gocardless(connection, each.payment.id), str(known.get(each.payment.id, NOBODY)), each.day,
            Amount.of(each.payment.amount), each.how, words(each.ending.cause), each.reason_code,
            words(each.payment.scheme or ""), words(each.payment.status),
            State(each.advice.title, _MARKS[each.advice]),
        )
        for each in ordered
    ]  # fmt: skip
    return Table(
        sheet="Payments",
        caption="Each payment, what needs you first",
        columns=(
            Column("Payment", Kind.CODE), Column("Customer"), Column("Day", Kind.DATE), Column("Amount", Kind.AMOUNT),
            Column("How"), Column("Cause"), Column("Bank's code", Kind.CODE, optional=True), Column("Scheme"), Column("Now"),
            Column("Next best action", Kind.STATE),
        ),
        rows=tuple(rows),
        empty="No payment failed in this month.",
    )  # fmt: skip


def _sum(failures: Iterable[Failure], currency: str) -> Amount:
    return Amount(Decimal(sum(each.payment.amount.minor for each in failures)), currency)
