"""Whatever the ERP does to its charges: subscriptions come to rest where the charges are, and no occurrence is charged twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bookkeeping.charge_schedule import nearest, number_from, occurrence
from bookkeeping.eligibility import Payer
from bookkeeping.entities import Mandate
from bookkeeping.money import Money
from bookkeeping.recurring_charges import IntervalUnit, RecurringCharge
from bookkeeping.subscribing import (
    FOLLOWING,
    MOST_AMENDMENTS,
    Action,
    Answer,
    Change,
    Create,
    Drop,
    Follower,
    Known,
    Left,
    SubscriptionSettings,
    SubscriptionState,
    compare,
)

START = date(2026, 6, 3)
STATE = SubscriptionState
NUMBERS = ("RC1", "RC2")
#: GoCardless makes a payment this long before it is charged, and a cancelled subscription does not take it back.
AHEAD = timedelta(days=5)
#: more steps than any charge ever needs to come to rest.
MANY = 6


def usable(number: int) -> Mandate:
    return Mandate(f"MD{number}", datetime(2026, 1, 1, tzinfo=UTC), "active", "sepa_core", customer_id=f"CU{number}")


PAYERS = {
    f"1000{number}": Payer(f"1000{number}", gocardless_customers=(f"CU{number}",), mandates=(usable(number),))
    for number in (1, 2)
}


@dataclass
class GoCardless:
    """What became of the answers: every subscription ever made, and which days each has charged."""

    today: date = START
    followers: dict[str, Follower] = field(default_factory=dict)
    orders: dict[str, Create] = field(default_factory=dict)
    charged: Counter[tuple[str, date]] = field(default_factory=Counter)
    amounts: list[tuple[str, Money, Money]] = field(default_factory=list)

    def known(self, reverse: bool = False) -> Known:
        mandates = {mandate.id: mandate for payer in PAYERS.values() for mandate in payer.mandates}
        followers = sorted(self.followers.values(), key=lambda each: each.reference, reverse=reverse)
        return Known(self.today, PAYERS, mandates, followers)

    def apply(self, answers: list[Answer]) -> int:
        """Do what is asked; gives how much that was."""
        asked = [answer for answer in answers if not isinstance(answer, Left)]
        for answer in asked:
            assert not isinstance(answer, Drop), "everything here is sent at once"
            if isinstance(answer, Create):
                self._create(answer)
            elif isinstance(answer, Change):
                self._change(answer)
        return len(asked)

    def _create(self, wanted: Create) -> None:
        assert not [f for f in self.followers.values() if f.charge == wanted.charge.number and f.state in FOLLOWING]
        assert wanted.start_on >= self.today
        self.orders[wanted.reference] = wanted
        self.followers[wanted.reference] = Follower(
            wanted.reference, wanted.charge.number, wanted.number, STATE.ACTIVE, wanted.mandate.id, wanted.charge.amount,
            wanted.name, wanted.schedule, wanted.start_on,
        )  # fmt: skip

    def _change(self, change: Change) -> None:
        known = self.followers[change.follower.reference]
        assert known.state in FOLLOWING
        match change.action:
            case Action.AMEND:
                assert known.amendments < MOST_AMENDMENTS or change.amount is None
                after = replace(
                    known,
                    amount=change.amount or known.amount,
                    name=change.name or known.name,
                    amendments=known.amendments + (change.amount is not None),
                )
            case Action.PAUSE:
                assert known.state is STATE.ACTIVE
                after = replace(known, state=STATE.PAUSED, ours=True)
            case Action.RESUME:
                assert known.state is STATE.PAUSED
                after = replace(known, state=STATE.ACTIVE, ours=False)
            case Action.CANCEL:
                days = [day for (reference, day) in self.charged if reference == known.reference]
                after = replace(known, state=STATE.CANCELLED, ours=True, paid_through=max(days, default=None))
        self.followers[known.reference] = after

    def pass_time(self, days: int, charges: dict[str, RecurringCharge]) -> None:
        """Every subscription charges the occurrences it was made for."""
        until = self.today + timedelta(days=days)
        for reference, follower in list(self.followers.items()):
            made_for = self.orders[reference]
            days = [day for (other, day) in self.charged if other == reference]
            from_here = max(days) + timedelta(days=1) if days else follower.start_on
            number = number_from(made_for.charge, max(self.today, from_here))
            while follower.state is STATE.ACTIVE and number is not None:
                day = occurrence(made_for.charge, number)
                if day is None or day >= until + AHEAD:
                    break
                self.charged[reference, day] += 1
                current = charges.get(follower.charge)
                if current is not None:
                    self.amounts.append((reference, follower.amount, current.amount))
                number += 1
        self.today = until


AMOUNTS = st.integers(1, 50).map(lambda units: Money(units * 100, "EUR"))
CHARGES = st.builds(
    RecurringCharge,
    st.just("RC?"),
    st.sampled_from(sorted(PAYERS)),
    AMOUNTS,
    st.just(IntervalUnit.MONTHLY),
    st.sampled_from([1, 2, 3]),
    st.dates(date(2026, 1, 1), date(2026, 9, 1)),
    day_of_month=st.sampled_from([1, 15, 28, -1]),
    count=st.none() | st.integers(1, 8),
    active=st.sampled_from([True, True, True, False]),
    on_hold=st.sampled_from([False, False, True]),
    description=st.sampled_from(["Hosting", "Rent", ""]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from(NUMBERS), CHARGES),
        st.tuples(st.just("amount"), st.sampled_from(NUMBERS), AMOUNTS),
        st.tuples(st.just("payer"), st.sampled_from(NUMBERS), st.sampled_from(sorted(PAYERS))),
        st.tuples(st.just("days"), st.integers(25, 31), st.none()),
        st.tuples(st.just("gone"), st.sampled_from(NUMBERS), st.none()),
        st.tuples(st.just("days"), st.integers(1, 70), st.none()),
    ),
    max_size=12,
)


def coming(charge: RecurringCharge, since: date) -> list[date]:
    """The next days of a charge, at most five."""
    number = number_from(charge, since)
    if number is None:
        return []
    days = [occurrence(charge, number + more) for more in range(5)]
    return [day for day in days if day is not None]


def come_to_rest(world: GoCardless, charges: dict[str, RecurringCharge]) -> list[Answer]:
    for _ in range(MANY):
        answers = compare(charges.values(), world.known(), SubscriptionSettings())
        if not world.apply(answers):
            return answers
    raise AssertionError(f"still something to ask after {MANY} rounds: {answers}")


@settings(max_examples=300)
@given(STEPS)
def test_subscriptions_come_to_rest_where_the_charges_are(steps):
    world, charges = GoCardless(), {}
    for what, name, value in steps:
        if what == "set":
            charges[name] = replace(value, number=name)
        elif what == "amount" and name in charges:
            charges[name] = replace(charges[name], amount=value)
        elif what == "payer" and name in charges:
            charges[name] = replace(charges[name], customer=value)
        elif what == "gone":
            charges.pop(name, None)
        elif what == "days":
            world.pass_time(name, charges)

        answers = come_to_rest(world, charges)

        codes = {answer.charge: answer.code for answer in answers if isinstance(answer, Left)}
        live = {each.charge: each for each in world.followers.values() if each.state in FOLLOWING}
        assert set(codes) == set(charges)
        assert set(live) <= set(charges)
        for number, follower in live.items():
            charge = charges[number]
            assert charge.active
            assert codes[number] == ("on_hold" if charge.on_hold else "followed")
            assert (follower.state is STATE.PAUSED) is charge.on_hold
            assert charge.on_hold or follower.amount == charge.amount
            since = max(world.today, follower.start_on)
            assert coming(world.orders[follower.reference].charge, since) == coming(charge, since)
            assert world.orders[follower.reference].charge.customer == charge.customer
        # What was compared once gives the same answers in any order.
        backwards = compare(reversed(list(charges.values())), world.known(reverse=True), SubscriptionSettings())
        assert backwards == answers
    assert all(amount == wanted for _, amount, wanted in world.amounts)


@settings(max_examples=300)
@given(STEPS)
def test_no_occurrence_is_charged_twice_whichever_subscription_took_it(steps):
    """Occurrences of different schedules are the same when they lie in the same half interval of the newer one."""
    world, charges = GoCardless(), {}
    for what, name, value in steps:
        if what == "set":
            charges[name] = replace(value, number=name)
        elif what == "payer" and name in charges:
            charges[name] = replace(charges[name], customer=value)
        elif what == "gone":
            charges.pop(name, None)
        elif what == "days":
            world.pass_time(name, charges)
        come_to_rest(world, charges)
    world.pass_time(100, charges)

    assert max(world.charged.values(), default=1) == 1
    for reference, day in world.charged:
        order = world.orders[reference]
        assert nearest(order.charge, day) == day
        earlier = [
            other
            for (other_reference, other) in world.charged
            if world.orders[other_reference].charge.number == order.charge.number
            and world.orders[other_reference].number < order.number
        ]
        assert all(other < day for other in earlier), (reference, day, earlier)
