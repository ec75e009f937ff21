"""The campaign would notice: protocols that are broken on purpose are found out, by schedules that the real one passes."""

from __future__ import annotations

import pytest

from connector_resources.posting.protocol import PostingProtocol
from tests.faults.broken_protocols import BelievesEveryAnswer, SendsBeforeItCommits, SkipsTheLookUp
from tests.faults.campaign import play
from tests.faults.schedule import draw

#: its schedule brings writes that took effect with a late answer and with an error, and a full disk beside them.
SEED = 4


@pytest.mark.parametrize("broken", [SkipsTheLookUp, SendsBeforeItCommits, BelievesEveryAnswer])
def test_a_protocol_that_breaks_a_promise_is_found_out(broken: type[PostingProtocol]) -> None:
    assert not play("visma", draw(SEED), broken).good


def test_the_protocol_that_keeps_them_passes_the_same_schedule() -> None:
    assert play("visma", draw(SEED)).good
