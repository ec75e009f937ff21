"""From the ERP's recurring charges and the subscriptions known so far: create, amend, pause, resume, cancel, or why not.

The ERP leads: what a charge says now, its subscription is brought to, one step at a time. A step is proposed only when the
one before it has ended, so a new subscription never starts while the one it replaces may still charge. Nothing is fetched
and nothing is sent here; the same books always give the same answer. Sources: gocardless.md sections 2.5 and 6.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Literal

from bookkeeping.charge_schedule import (
    NotExpressible,
    Recurrence,
    number_from,
    occurrence,
    phase_of,
    recurrence_of,
    remaining,
)
from bookkeeping.collection_schemes import CURRENCIES, SCHEMES, LimitSettings, is_usable, statement_reference
from bookkeeping.eligibility import MANDATE_CAUSES, NoMandate, Payer, mandate_for
from bookkeeping.entities import Mandate
from bookkeeping.money import Money
from bookkeeping.recurring_charges import RecurringCharge

#: how often GoCardless lets an amount be changed (gocardless.md section 2.5).
MOST_AMENDMENTS = 10
NAME_LIMIT = 255


class SubscriptionState(StrEnum):
    """How a subscription stands. The first four follow their charge; after the others the charge may get a new one."""

    PLANNED = "planned"
    HELD = "held"
    ACTIVE = "active"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"


#: states in which a subscription charges, or may still come to.
FOLLOWING = frozenset(
    {SubscriptionState.PLANNED, SubscriptionState.HELD, SubscriptionState.ACTIVE, SubscriptionState.PAUSED}
)
_NOT_THERE_YET = frozenset({SubscriptionState.PLANNED, SubscriptionState.HELD})


class Action(StrEnum):
    """What a change asks of GoCardless."""

    AMEND = "amend"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class SubscriptionSettings:
    """The choices of one connection.

    past_start     a charge that began before it could be followed: `next` starts with its next occurrence, `refuse` not
    starts_from    no subscription charges before this day
    """

    past_start: Literal["next", "refuse"] = "next"
    starts_from: date | None = None
    limits: LimitSettings = field(default_factory=LimitSettings)
    no_statement_reference: frozenset[str] = frozenset({"bacs"})


@dataclass(frozen=True, slots=True)
class Follower:
    """A subscription of a charge as it is known now.

    number        counts the subscriptions of the charge from 1
    schedule      fingerprint of the schedule it was made for (`schedule_of`)
    start_on      the first nominal day it charges
    unsent        surely nothing of it is at GoCardless yet
    change        what was asked of it and is not settled, "" for nothing; `change_wish` is that wish's fingerprint,
                  `change_unsent` tells that GoCardless surely did not get it
    refused       fingerprint of the last wish that a person withdrew
    ours          the connector itself paused, cancelled or withdrew it
    paid_through  the latest nominal day that it can have charged, once it has ended; None when it made no payment
    unread        it has ended, and which payments it made is not known yet
    """

    reference: str
    charge: str
    number: int
    state: SubscriptionState
    mandate: str
    amount: Money
    name: str
    schedule: str
    start_on: date
    amendments: int = 0
    unsent: bool = False
    change: str = ""
    change_wish: str = ""
    change_unsent: bool = False
    refused: str = ""
    ours: bool = False
    cause: str = ""
    paid_through: date | None = None
    unread: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when charges are compared.

    payers         by ERP customer number; mandates by id
    followers      every subscription so far, in any order
    allowed_after  charge -> a person allows another subscription after the one of this number, whatever ended it
    taken_through  charge -> the latest occurrence whose invoice is collected on its own
    billed_through charge -> the latest occurrence whose invoice is open; some ERPs move a charge's start on with each
    """

    today: date
    payers: Mapping[str, Payer] = field(default_factory=dict)
    mandates: Mapping[str, Mandate] = field(default_factory=dict)
    followers: Sequence[Follower] = ()
    allowed_after: Mapping[str, int] = field(default_factory=dict)
    taken_through: Mapping[str, date] = field(default_factory=dict)
    billed_through: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Create:
    """A subscription to be made. `start_on` is an occurrence of the charge; `count` None charges without end."""

    charge: RecurringCharge
    number: int
    mandate: Mandate
    name: str
    recurrence: Recurrence
    schedule: str
    start_on: date
    count: int | None
    statement_reference: str = ""

    @property
    def reference(self) -> str:
        return f"{self.charge.number}#{self.number}"


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be asked of a subscription. `amount` and `name` are set where an amendment changes them."""

    follower: Follower
    action: Action
    code: str
    reason: str
    amount: Money | None = None
    name: str | None = None

    @property
    def wish(self) -> str:
        """Equal for equal wishes: what a person refused once is not proposed again."""
        return fingerprint(self.action, self.code, self.amount, self.name)


@dataclass(frozen=True, slots=True)
class Drop:
    """A subscription, or with `change` only what was asked of it, is not wanted as planned and was never sent."""

    follower: Follower
    code: str
    reason: str
    change: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """Nothing to do. `code` is `followed` where all is as it should be; else reason and next step say what is not."""

    charge: str
    code: str
    reason: str = ""
    next_step: str = ""
    subscription: str = ""


Answer = Create | Change | Drop | Left


def compare(charges: Iterable[RecurringCharge], known: Known, settings: SubscriptionSettings) -> list[Answer]:
    """One answer per charge, and one per followed charge that the ERP does not show any more. `charges` is complete."""
    by_charge: dict[str, list[Follower]] = {}
    for follower in sorted(known.followers, key=lambda each: (each.charge, each.number)):
        by_charge.setdefault(follower.charge, []).append(follower)
    answers: list[Answer] = []
    present: set[str] = set()
    for charge in sorted(charges, key=lambda each: each.number):
        present.add(charge.number)
        followers = by_charge.get(charge.number, [])
        live = next((each for each in followers if each.state in FOLLOWING), None)
        if live is None:
            answers.append(_start(charge, followers[-1] if followers else None, known, settings))
        else:
            answers.append(_after_change(live, _step(charge, live, known, settings)))
    for number, followers in by_charge.items():
        live = next((each for each in followers if each.state in FOLLOWING), None)
        if number not in present and live is not None:
            gone = _stopped(live, "charge_gone", f"The ERP has no recurring charge {number} any more.")
            answers.append(_after_change(live, gone))
    return answers


def schedule_of(charge: RecurringCharge) -> str:
    """Fingerprint of what no amendment can change: who pays, in which currency, on which days, until when."""
    left = remaining(charge, 0)
    last = occurrence(charge, left - 1) if left else None
    recurrence = recurrence_of(charge)
    return fingerprint(charge.customer, charge.amount.currency, recurrence, phase_of(charge), left == 0, last)


def name_of(charge: RecurringCharge) -> str:
    """What the payer sees: the charge's own words, else its number."""
    text = " ".join(charge.description.split()) or f"Recurring charge {charge.number}"
    return text if len(text) <= NAME_LIMIT else f"{text[: NAME_LIMIT - 1]}…"


def fingerprint(*parts: object) -> str:
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:16]


# --- a subscription that follows its charge --------------------------------------------------------------------------


def _after_change(follower: Follower, answer: Answer) -> Answer:
    """Nothing new is asked before the last change has ended, unless that was never sent and is not wanted any more."""
    if isinstance(answer, Change) and answer.wish == follower.refused:
        reason = f"A person withdrew this: {answer.reason}"
        step = "Bring charge and subscription into line by hand, or change the charge in the ERP."
        return _left(follower, "withdrawn_by_a_person", reason, step)
    if not follower.change:
        return answer
    if isinstance(answer, Change) and answer.wish == follower.change_wish:
        return _left(follower, "change_under_way", f"{answer.reason} This was ordered already ({follower.change}).")
    if follower.change_unsent:
        return Drop(
            follower, "not_wanted_any_more", f"{follower.change} does not fit the charge any more.", change=True
        )
    return _left(follower, "change_under_way", f"{follower.change} has not ended.")


def _step(charge: RecurringCharge, live: Follower, known: Known, settings: SubscriptionSettings) -> Answer:
    must_stop = _must_stop(charge, live, known, settings)
    if must_stop is not None:
        return _stopped(live, *must_stop)
    if live.state in _NOT_THERE_YET:
        return _waiting(charge, live, known)
    mandate = known.mandates.get(live.mandate)
    if mandate is not None and not is_usable(mandate):
        reason = (
            f"Mandate {live.mandate} is {mandate.status.replace('_', ' ')}; GoCardless ends the subscription by itself."
        )
        return _left(live, "mandate_not_usable", reason)
    if charge.on_hold:
        if live.state is SubscriptionState.PAUSED:
            return _left(live, "on_hold", "The ERP holds the charge back; the subscription is paused.")
        return Change(live, Action.PAUSE, "on_hold", f"The ERP holds charge {charge.number} back.")
    if live.state is SubscriptionState.PAUSED and not live.ours:
        step = "Resume it in GoCardless, or put the charge on hold in the ERP."
        return _left(live, "paused_by_a_person", f"{live.reference} was paused at GoCardless.", step)
    if live.amount != charge.amount or live.name != name_of(charge):
        return _amended(charge, live)
    if live.state is SubscriptionState.PAUSED:
        return Change(live, Action.RESUME, "resumed", f"The ERP bills charge {charge.number} again.")
    return _left(live, "followed")


def _must_stop(
    charge: RecurringCharge, live: Follower, known: Known, settings: SubscriptionSettings
) -> tuple[str, str] | None:
    """Why this subscription cannot go on at all; what takes its place is decided once it has ended."""
    if not charge.active:
        return "charge_ended", f"The ERP bills charge {charge.number} no more."
    objection = _not_chargeable(charge)
    if objection is not None:
        return objection.code, objection.reason
    if live.schedule != schedule_of(charge):
        return "schedule_changed", f"Charge {charge.number} has another payer, currency, schedule or end now."
    first = occurrence(charge, 0)
    is_billed = known.billed_through.get(charge.number, date.min) >= live.start_on
    if first is not None and known.today < live.start_on < first and not is_billed:
        return "schedule_changed", f"Charge {charge.number} begins on {first} now, not on {live.start_on}."
    if live.amount != charge.amount:
        mandate = known.mandates.get(live.mandate)
        too_much = _limit_reason(charge, mandate, settings) if mandate is not None else ""
        if too_much:
            return "over_limit", too_much
        if live.amendments >= MOST_AMENDMENTS and live.state not in _NOT_THERE_YET:
            reason = f"Its amount was changed {live.amendments} times, and GoCardless allows no more."
            return "amendments_used_up", reason
    return None


def _waiting(charge: RecurringCharge, live: Follower, known: Known) -> Answer:
    """It was planned, and GoCardless may not have it yet: what was never sent is planned anew when it does not fit."""
    mandate = known.mandates.get(live.mandate)
    if live.unsent:
        if charge.on_hold:
            return Drop(live, "on_hold", f"The ERP holds charge {charge.number} back.")
        if mandate is None or not is_usable(mandate):
            return Drop(live, "mandate_not_usable", f"Mandate {live.mandate} cannot be charged any more.")
        if live.start_on < _earliest(mandate, known):
            return Drop(live, "start_passed", f"It asks for {live.start_on}, which is too soon by now.")
        if live.amount != charge.amount or live.name != name_of(charge):
            return Drop(live, "charge_changed", f"Charge {charge.number} has another amount or text now.")
    if live.state is SubscriptionState.HELD:
        step = f"See `connector held`, then release or withdraw subscription:{live.reference}."
        return _left(live, "subscription_held", f"Subscription {live.reference} is held.", step)
    return _left(live, "planned", f"Subscription {live.reference} is about to be sent.")


def _stopped(live: Follower, code: str, reason: str) -> Answer:
    if live.state not in _NOT_THERE_YET:
        return Change(live, Action.CANCEL, code, reason)
    if live.unsent:
        return Drop(live, code, reason)
    return _left(
        live, "planned", f"{reason} Subscription {live.reference} may just have been sent; it is stopped next."
    )


def _amended(charge: RecurringCharge, live: Follower) -> Answer:
    name = name_of(charge)
    amount = charge.amount if live.amount != charge.amount else None
    said = [f"the amount is {charge.amount}, not {live.amount}"] if amount is not None else []
    said += ["the text has changed"] if live.name != name else []
    return Change(
        live, Action.AMEND, "charge_changed", f"Of charge {charge.number} {' and '.join(said)}.",
        amount=amount, name=name if live.name != name else None,
    )  # fmt: skip


def _left(live: Follower, code: str, reason: str = "", next_step: str = "") -> Left:
    return Left(live.charge, code, reason, next_step, live.reference)


# --- a charge that nothing follows -----------------------------------------------------------------------------------


def _start(charge: RecurringCharge, last: Follower | None, known: Known, settings: SubscriptionSettings) -> Answer:
    payer = known.payers.get(charge.customer, Payer(charge.customer))
    objection = _not_chargeable(charge) or _not_now(charge, payer)
    if objection is not None:
        return objection
    mandate = mandate_for(payer, charge.amount.currency, "The charge")
    if isinstance(mandate, NoMandate):
        return Left(charge.number, mandate.code, mandate.reason, mandate.next_step)
    objection = _ended_for_good(charge, last, mandate, known)
    if objection is not None:
        return objection
    if reason := _limit_reason(charge, mandate, settings):
        return Left(
            charge.number, "over_limit", reason, "Raise the limit (subscriptions.limits), or bill it otherwise."
        )
    return _created(charge, last, mandate, known, settings)


def _not_chargeable(charge: RecurringCharge) -> Left | None:
    if not charge.active:
        return Left(charge.number, "charge_ended", "The ERP bills it no more.")
    try:
        recurrence_of(charge)
    except NotExpressible as problem:
        step = "Change its schedule in the ERP, or let its invoices be collected one by one."
        return Left(charge.number, "interval_not_expressible", f"GoCardless has no such schedule: {problem}.", step)
    if charge.amount.minor <= 0:
        return Left(charge.number, "nothing_to_charge", f"Its amount is {charge.amount}.", "Look at it in the ERP.")
    if charge.amount.currency not in CURRENCIES:
        reason = f"No bank-debit scheme collects {charge.amount.currency}."
        return Left(charge.number, "currency_not_collectable", reason, "Bill it otherwise.")
    return None


def _not_now(charge: RecurringCharge, payer: Payer) -> Left | None:
    if charge.on_hold:
        return Left(charge.number, "on_hold", "The ERP holds it back.", "Release it in the ERP.")
    if not payer.is_active:
        return Left(charge.number, "customer_inactive", f"Customer {charge.customer} is inactive in the ERP.")
    return None


def _ended_for_good(charge: RecurringCharge, last: Follower | None, mandate: Mandate, known: Known) -> Left | None:
    """A subscription that a person or the payer ended is not made again by itself, unless only its mandate had ended."""
    if last is not None and last.unread:
        reason = f"Which payments {last.reference} made is not known yet."
        return Left(charge.number, "payments_not_read", reason, "", last.reference)
    if last is None or last.ours or known.allowed_after.get(charge.number, 0) >= last.number:
        return None
    step = "Settle it with the payer; `connector subscriptions again` allows another one."
    if last.state is SubscriptionState.WITHDRAWN:
        return Left(
            charge.number, "withdrawn_by_a_person", f"A person withdrew {last.reference}.", step, last.reference
        )
    if last.state is SubscriptionState.FINISHED:
        return None
    because = f" ({last.cause.replace('_', ' ')})" if last.cause else ""
    if last.cause in MANDATE_CAUSES and mandate.id != last.mandate:
        return None
    reason = f"{last.reference} was cancelled at GoCardless{because}."
    return Left(charge.number, "cancelled_by_a_person", reason, step, last.reference)


def _limit_reason(charge: RecurringCharge, mandate: Mandate, settings: SubscriptionSettings) -> str:
    scheme = SCHEMES.get(mandate.scheme or "")
    if scheme is None or scheme.currency != charge.amount.currency:
        return ""
    limits, amount = settings.limits.of(scheme), charge.amount
    if limits.largest is not None and amount.minor > limits.largest:
        return f"{amount} is more than {Money(limits.largest, amount.currency)}, the most that is collected at once."
    if limits.smallest is not None and amount.minor < limits.smallest:
        return f"{amount} is less than {Money(limits.smallest, amount.currency)}, the least that is collected."
    return ""


def _created(
    charge: RecurringCharge, last: Follower | None, mandate: Mandate, known: Known, settings: SubscriptionSettings
) -> Answer:
    first = occurrence(charge, 0)
    if first is None:
        return Left(charge.number, "charge_ended", "It ends before it begins.")
    if first < known.today and last is None and settings.past_start == "refuse":
        step = "Let it begin anew in the ERP, or set subscriptions.past_start to next."
        return Left(charge.number, "starts_in_the_past", f"It began on {first} already.", step)
    recurrence = recurrence_of(charge)
    through = [known.taken_through.get(charge.number), last.paid_through if last is not None else None]
    bounds = [day + timedelta(days=1) for day in through if day is not None]
    bounds += [settings.starts_from] if settings.starts_from is not None else []
    number = number_from(charge, max([_earliest(mandate, known), *bounds]))
    start_on = None if number is None else occurrence(charge, number)
    if number is None or start_on is None:
        return Left(charge.number, "charge_ended", "Nothing of it is left to be collected.")
    return Create(
        charge=charge,
        number=last.number + 1 if last is not None else 1,
        mandate=mandate,
        name=name_of(charge),
        recurrence=recurrence,
        schedule=schedule_of(charge),
        start_on=start_on,
        count=remaining(charge, number),
        statement_reference=_on_statement(charge, mandate, settings),
    )


def _earliest(mandate: Mandate, known: Known) -> date:
    return max(known.today, mandate.next_possible_charge_date or known.today)


def _on_statement(charge: RecurringCharge, mandate: Mandate, settings: SubscriptionSettings) -> str:
    """The charge's number on the payer's statement. Not where each payment needs a reference of its own."""
    scheme = mandate.scheme or ""
    if scheme in settings.no_statement_reference or SCHEMES[scheme].unique_reference:
        return ""
    return statement_reference(charge.number, scheme)
