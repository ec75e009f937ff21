"""A short campaign in every test run.

`make faults` plays thousands of schedules; a schedule that fails there fails here when its seed is put into `SEEDS`.
"""

from __future__ import annotations

import pytest

from tests.faults.campaign import SITES, play
from tests.faults.schedule import LOCAL, REMOTE, draw

SEEDS = range(200, 205)


@pytest.mark.parametrize("erp", sorted(SITES))
@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_trouble_the_ledger_shows_what_happened_and_nothing_twice(erp: str, seed: int) -> None:
    verdict = play(erp, draw(seed))

    assert (verdict.lost, verdict.doubled, verdict.differing, verdict.wrong) == ([], [], [], [])


def test_the_schedules_know_every_kind_of_trouble() -> None:
    kinds = set().union(*(draw(seed).kinds() for seed in SEEDS), *(draw(seed).kinds() for seed in range(200)))
    assert kinds == {*REMOTE, *LOCAL}
    assert draw(7) == draw(7) != draw(8)
