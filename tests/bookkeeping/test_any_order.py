"""Whatever the order and batching in which events become known, the books end the same: shuffled legal life cycles."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

NEXT = {
    "": ["submitted"],
    "submitted": ["confirmed", "failed", "cancelled"],
    "confirmed": ["paid_out", "failed", "charged_back"],
    "paid_out": ["failed", "charged_back"],
    "failed": ["resubmission_requested", "late_failure_settled"],
    "late_failure_settled": ["resubmission_requested"],
    "resubmission_requested": ["confirmed", "failed"],
    "charged_back": ["chargeback_cancelled", "chargeback_settled"],
    "chargeback_settled": ["chargeback_cancelled"],
    "chargeback_cancelled": ["charged_back", "paid_out"],
}


@st.composite
def life_cycles(draw: st.DrawFn) -> list[str]:
    """The actions of a legal payment story of up to seven events (gocardless.md section 7.2)."""
    actions: list[str] = []
    while len(actions) < 7:
        following = NEXT.get(actions[-1] if actions else "", [])
        if not following or (len(actions) > 1 and draw(st.integers(0, 9)) == 0):
            break
        actions.append(draw(st.sampled_from(following)))
    return actions


@st.composite
def deliveries(draw: st.DrawFn, actions: st.SearchStrategy[list[str]]) -> tuple[list[str], list[int], list[list[int]]]:
    """A story, its days (several events may share one), and batches of indices: shuffled, repeated, complete."""
    story = draw(actions)
    days, day = [], 0
    for _ in story:
        day += draw(st.integers(0, 2))
        days.append(day)
    order = draw(st.permutations(list(range(len(story)))))
    batches: list[list[int]] = [[]]
    for index in order:
        if batches[-1] and draw(st.booleans()):
            batches.append([])
        batches[-1].append(index)
        if draw(st.integers(0, 3)) == 0:
            batches[-1].append(draw(st.sampled_from(order)))
    return story, days, batches


def implied(story: list[str], trigger: str, direct: bool) -> bool:
    """Whether the whole story leaves a receipt open, said independently of the rules."""
    state, paid_out = False, False
    opening = "confirmed" if trigger == "confirmed" or direct else "paid_out"
    for action in story:
        paid_out |= action == "paid_out"
        if action == opening or (action == "chargeback_cancelled" and (opening == "confirmed" or paid_out)):
            state = True
        elif action in ("failed", "charged_back", "cancelled"):
            state = False
    return state


@given(
    deliveries(life_cycles()), st.sampled_from(["confirmed", "paid_out"]), st.booleans(), st.booleans(),
    st.integers(-1, 8),
)  # fmt: skip
@settings(max_examples=500, deadline=None)
def test_every_order_of_a_payments_events_ends_in_the_state_its_story_implies(
    make, delivery, trigger, pairs, direct, cut_day
):
    story, days, batches = delivery
    cut_over = (make.start + timedelta(days=cut_day)).date()
    keeper = make.Bookkeeper(
        make.payment(payout_id="PO1" if "paid_out" in story else None),
        mandate=make.mandate(funds_settlement="direct" if direct else "managed"),
        settings=make.settings(receipt_trigger=trigger, post_transient_pairs=pairs, cut_over=cut_over),
    )
    events = [make.event(i, action, day=days[i]) for i, action in enumerate(story)]
    make.feed_all(keeper, [[events[i] for i in batch] for batch in batches])

    before = [action for action, day in zip(story, days, strict=True) if day < cut_day]
    due = implied(story, trigger, direct) - implied(before, trigger, direct)
    money = "bank" if direct else "clearing"
    expected = {(money, "", "GBP"): due * 10000, ("receivable", "CU1", "GBP"): due * -10000} if due else {}
    assert make.balances(keeper.booked) == expected
    assert {event.id for event in events} == set(keeper.decided)
    assert "waiting" not in {decision.outcome for decision in keeper.decided.values()}
    assert all(posting.booking_date >= cut_over for posting in keeper.booked)


def test_all_orders_of_a_story_with_chargeback_and_retry_one_by_one(make):
    story = ["confirmed", "failed", "resubmission_requested", "confirmed", "charged_back", "chargeback_cancelled"]
    events = [make.event(i, action) for i, action in enumerate(story)]
    expected = {("clearing", "", "GBP"): 10000, ("receivable", "CU1", "GBP"): -10000}
    for order in permutations(events):
        keeper = make.feed_all(make.Bookkeeper(make.payment()), [[event] for event in order])
        assert make.balances(keeper.booked) == expected, [event.action for event in order]


REFUND_STORIES = [
    ["created", "paid"],
    ["created", "paid", "refund_settled"],
    ["created", "paid", "refund_settled", "failed", "funds_returned"],
    ["paid", "bounced", "failed"],
    ["paid", "funds_returned"],
]


@given(deliveries(st.sampled_from(REFUND_STORIES)), st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_order_of_a_refunds_events_ends_in_the_same_books(make, delivery, paid_before_cut_over):
    story, _, batches = delivery
    paid = story.index("paid")
    cut_over = (make.start + timedelta(days=paid + 1)).date() if paid_before_cut_over else date(2024, 1, 1)
    keeper = make.Bookkeeper(make.refund(), settings=make.settings(cut_over=cut_over))
    events = [make.event(i, action, "RF1") for i, action in enumerate(story)]
    make.feed_all(keeper, [[events[i] for i in batch] for batch in batches])

    outgoing = 0 if paid_before_cut_over else 2500
    returned = 2500 if {"failed", "bounced", "funds_returned"} & set(story) else 0
    expected = {
        ("sales_returns", "", "GBP"): outgoing,
        ("clearing", "", "GBP"): returned - outgoing,
        ("receivable", "CU1", "GBP"): -returned,
    }
    assert make.balances(keeper.booked) == {key: units for key, units in expected.items() if units}


PAYOUT_STORIES = [
    ["paid"],
    ["paid", "tax_exchange_rates_confirmed"],
    ["paid", "bounced_payout"],
    ["paid", "bounced_payout", "paid"],
    ["paid", "bounced_payout", "paid", "bounced_payout"],
    ["paid", "bounced_payout", "paid", "bounced_payout", "paid"],
]


@given(deliveries(st.sampled_from(PAYOUT_STORIES)))
@settings(max_examples=200, deadline=None)
def test_every_order_of_a_payouts_events_ends_in_the_same_books(make, delivery):
    story, _, batches = delivery
    bounced = [action for action in story if action in ("paid", "bounced_payout")][-1] == "bounced_payout"
    keeper = make.Bookkeeper(make.payout(status="bounced" if bounced else "paid"))
    events = [make.event(i, action, "PO1") for i, action in enumerate(story)]
    make.feed_all(keeper, [[events[i] for i in batch] for batch in batches])

    one_by_one = make.feed_all(make.Bookkeeper(keeper.resource), [[event] for event in events])
    # The whole story in order, but a bounce is only believed once the payout reads bounced or is paid again.
    assert make.balances(keeper.booked) == make.balances(one_by_one.booked)
    assert make.balances(keeper.booked)["payout_transit" if bounced else "bank", "", "GBP"] == 12292
