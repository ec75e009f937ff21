"""Exact Online's two limits in its headers: which of them a refusal means, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from connector_resources.store.store import Store
from connector_resources.transport.messages import Response
from connector_resources.transport.quota import (
    Allowance,
    SeveralQuotas,
    SharedQuota,
    exact_day_allowance,
    exact_minute_allowance,
)

NOW = datetime(2026, 3, 2, 10, 0, 30, tzinfo=UTC)
MINUTE = {"x-ratelimit-minutely-limit": "60", "x-ratelimit-minutely-reset": "1772445660000"}
DAY = {"x-ratelimit-limit": "5000", "x-ratelimit-reset": "1772496000000"}


def answer(status: int = 200, minute: int | None = None, day: int | None = None) -> Response:
    headers: dict[str, str] = {}
    if minute is not None:
        headers |= {**MINUTE, "x-ratelimit-minutely-remaining": str(minute)}
    if day is not None:
        headers |= {**DAY, "x-ratelimit-remaining": str(day)}
    return Response(status, headers, b"")


@pytest.mark.parametrize(
    ("response", "of_minute", "of_day"),
    [
        (answer(minute=12, day=4000), Allowance(12, 30), Allowance(4000, 50370)),
        (answer(429, minute=0), Allowance(0, 30), None),
        (answer(429, minute=0, day=4000), Allowance(0, 30), None),
        (answer(429, minute=50, day=0), None, Allowance(0, 50370)),
        (answer(429), Allowance(0, 60), None),
        (answer(), None, None),
        (Response(429, {**MINUTE, "x-ratelimit-minutely-remaining": "0", "x-ratelimit-limit": "0",
                        "x-ratelimit-remaining": "0", "x-ratelimit-reset": "0"}, b""), Allowance(0, 30), None),
        (Response(200, {"x-ratelimit-minutely-remaining": "x", "x-ratelimit-minutely-reset": "-1"}, b""), None, None),
    ],
)  # fmt: skip
def test_each_limit_is_read_for_itself(
    response: Response, of_minute: Allowance | None, of_day: Allowance | None
) -> None:
    assert exact_minute_allowance(response, NOW) == of_minute
    assert exact_day_allowance(response, NOW) == of_day


def several(store: Store) -> SeveralQuotas:
    return SeveralQuotas(
        [
            SharedQuota(
                store.quotas,
                name,
                capacity=100,
                refill_per_s=Fraction(100, seconds),
                read_headers=reader,
                now=lambda: NOW,
            )
            for name, seconds, reader in (("minute", 60, exact_minute_allowance), ("day", 86_400, exact_day_allowance))
        ]
    )


def test_the_longer_wait_counts(store: Store) -> None:
    quotas = several(store)
    assert quotas.before() == 0
    assert quotas.after(answer(429, minute=0)) == 30
    assert 29 <= quotas.before() <= 30
    assert quotas.after(answer(429, minute=50, day=0)) == 50370
    assert quotas.before() > 50_000


def test_an_ordinary_answer_names_no_wait(store: Store) -> None:
    assert several(store).after(answer(minute=12, day=4000)) is None


def test_a_bucket_tells_how_long_it_is_closed_without_taking_a_place(store: Store) -> None:
    assert store.quotas.blocked_for("unknown") == 0
    store.quotas.block("closed", 120)
    assert 119 < store.quotas.blocked_for("closed") <= 120
