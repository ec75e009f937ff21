"""Of each system's limit nearly all is used, by several processes at once, and none of them is ever refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from benchmarks.quotas import UTILISATION, Limit, utilisation
from connector_resources.transport.quota import spread


@pytest.mark.parametrize(
    "limit",
    [
        Limit("gocardless", 80, 60),
        Limit("exact_online", 60, 60),
        Limit("ifs_cloud", 80, 60),
        Limit("visma", 150, 3600),
    ],
    ids=lambda limit: limit.system,
)
def test_ten_windows_of_a_limit_are_used_up_without_a_refusal(tmp_path: Path, limit: Limit) -> None:
    share, refused = utilisation(tmp_path, limit, processes=False)

    assert refused == 0
    assert UTILISATION <= share <= 1


@pytest.mark.parametrize("calls", [1, 2, 39, 40, 60, 1000, 15_000])
def test_what_comes_at_once_and_what_follows_are_never_more_than_the_limit(calls: int) -> None:
    at_once, refill_per_s = spread(calls, 60)

    assert 1 <= at_once <= max(1, calls // 40)
    # In 60 s, the end not included: those at once, and one for each whole refill before the end.
    latest = refill_per_s * 60
    assert at_once + (latest.numerator - 1) // latest.denominator <= calls
    assert at_once + latest >= Fraction(97, 100) * calls
