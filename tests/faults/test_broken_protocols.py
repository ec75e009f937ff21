"""The campaign would notice: protocols that are broken on purpose are found out, by schedules that the real one passes."""

from __future__ import annotations

import pytest

from connector_resources.posting.protocol import PostingProtocol
from tests.faults.broken_protocols import BelievesEveryAnswer, IgnoresTheLease, SendsBeforeItCommits, SkipsTheLookUp
from tests.faults.campaign import play, schedule_of

#: the first seeds, counted from 0, whose schedules find each of them out at Visma.net: fifty schedules find them all.
FOUND_BY = {BelievesEveryAnswer: 0, SkipsTheLookUp: 2, SendsBeforeItCommits: 2, IgnoresTheLease: 43}


@pytest.mark.parametrize("broken", FOUND_BY)
def test_a_protocol_that_breaks_a_promise_is_found_out(broken: type[PostingProtocol]) -> None:
    assert not play("visma", schedule_of("visma", FOUND_BY[broken]), broken).good


@pytest.mark.parametrize("seed", sorted(set(FOUND_BY.values())))
def test_the_protocol_that_keeps_them_passes_the_same_schedule(seed: int) -> None:
    assert play("visma", schedule_of("visma", seed)).good
