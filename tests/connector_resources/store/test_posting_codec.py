"""Postings survive their text, whatever is in them, and the same posting always gives the same text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookkeeping.money import Money
from bookkeeping.postings import AccountRole, Allocation, Line, Party, Posting, PostingKind, Side
from connector_resources.errors import StoreError
from connector_resources.store.posting_codec import Decoding, decode_posting, encode_posting

WORDS = st.text(max_size=12)
MAYBE = st.none() | WORDS
CURRENCIES = st.sampled_from(["EUR", "GBP", "JPY", "KWD"])
MONEY = st.builds(Money, st.integers(-(2**63), 2**63 - 1), CURRENCIES)
POSITIVE = st.builds(Money, st.integers(1, 2**63 - 1), CURRENCIES)
PARTIES = st.builds(Party, MAYBE, MAYBE, MAYBE)
LINES = st.builds(
    Line, st.sampled_from(AccountRole), st.sampled_from(Side), POSITIVE, WORDS, st.none() | PARTIES, MAYBE
)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
MOMENTS = st.builds(
    lambda seconds, zone: (
        datetime.fromtimestamp(seconds, UTC).astimezone(zone) + timedelta(microseconds=seconds % 10**6)
    ),
    st.integers(0, 4 * 10**9),
    ZONES,
)
POSTINGS = st.builds(
    Posting,
    key=WORDS,
    connection=WORDS,
    kind=st.sampled_from(PostingKind),
    event_id=WORDS,
    subject=WORDS,
    occurred_at=MOMENTS,
    booking_date=st.dates(date(2000, 1, 1)),
    reference=WORDS,
    text=WORDS,
    lines=st.lists(LINES, max_size=3).map(tuple),
    party=st.none() | PARTIES,
    invoices=st.lists(WORDS, max_size=2).map(tuple),
    allocations=st.lists(st.builds(Allocation, WORDS, MONEY), max_size=2).map(tuple),
    reverses=MAYBE,
    facts=st.dictionaries(WORDS, WORDS, max_size=3),
)


@given(POSTINGS)
def test_a_posting_comes_back_equal(posting):
    again = decode_posting(encode_posting(posting))

    assert again == posting
    assert again.occurred_at.tzinfo is UTC


@given(POSTINGS)
def test_equal_postings_have_equal_texts(posting):
    shuffled = replace(posting, facts=dict(reversed(posting.facts.items())))

    assert encode_posting(shuffled) == encode_posting(posting)
    assert encode_posting(decode_posting(encode_posting(posting))) == encode_posting(posting)


def test_money_is_minor_units_and_currency(make):
    content = json.loads(encode_posting(make.posting(12)))

    assert content["lines"][0]["amount"] == {"minor": 1200, "currency": "EUR"}


def test_a_layout_of_the_future_is_refused_by_name(make):
    text = encode_posting(make.posting(1)).replace('"version":1', '"version":2')

    with pytest.raises(StoreError, match="EV1:receipt is stored in layout 2") as error:
        decode_posting(text)

    assert "newer" in error.value.next_step


def test_a_time_without_a_zone_is_refused(make):
    with pytest.raises(ValueError, match="no time zone"):
        encode_posting(replace(make.posting(1), occurred_at=make.start.replace(tzinfo=None)))


def test_what_comes_back_in_the_next_question_is_decoded_once_and_then_forgotten(make):
    first, second, third = (encode_posting(make.posting(n)) for n in (1, 2, 3))
    decoding = Decoding()

    before = decoding.of([first, second])
    after = decoding.of([third, second])
    much_later = decoding.of([first])

    assert before == [make.posting(1), make.posting(2)]
    assert after == [make.posting(3), make.posting(2)]
    assert after[1] is before[1]
    assert much_later == before[:1]
    assert much_later[0] is not before[0]


def test_another_text_under_the_same_key_is_another_posting(make):
    changed = replace(make.posting(1), text="as it is written now")
    decoding = Decoding()

    decoding.of([encode_posting(make.posting(1))])

    assert decoding.of([encode_posting(changed)]) == [changed]
