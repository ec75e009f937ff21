"""Each step of the page about uncertain postings has a test that takes it, at a stand-in that lost an answer."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "when-a-posting-is-uncertain.md"
PROTOCOL = "connector_resources/posting/test_posting_protocol.py"
#: words of the page -> the test that does what they say.
STEPS = {
    "the next run settles it by itself": f"{PROTOCOL}::"
    "test_what_is_turned_away_when_sent_again_is_looked_up_before_it_is_sent_once_more",
    "connector trace PM000123": "connector/test_cli_looking.py::test_trace_follows_a_payment_from_event_to_document",
    "**The document is there, once, and right.**": "runbook/test_runbook_uncertain_steps.py::"
    "test_there_once_and_right_it_is_adopted_and_nothing_is_sent",
    "**It is there several times, or with a wrong amount.**": "runbook/test_runbook_uncertain_steps.py::"
    "test_there_twice_one_is_removed_and_the_other_adopted",
    "**It is not there.**": "runbook/test_runbook_uncertain_steps.py::test_not_there_the_same_bytes_are_sent_again",
    "**You booked it by hand under another reference.**": "runbook/test_runbook_uncertain_steps.py::"
    "test_booked_by_hand_it_is_withdrawn_and_never_sent",
    "## When it was tried three times": f"{PROTOCOL}::"
    "test_a_write_that_never_arrives_is_parked_after_three_attempts_and_sent_again_when_released",
    "writes in a row were not answered": f"{PROTOCOL}::test_three_unanswered_writes_in_a_row_stop_the_run",
}


@pytest.mark.parametrize("words", list(STEPS), ids=str)
def test_a_step_of_the_page_is_taken_by_a_test(words: str) -> None:
    assert words in PAGE.read_text(encoding="utf-8").replace("\n", " ")
    file, _, name = STEPS[words].partition("::")
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_no_decision_of_the_page_is_without_one() -> None:
    bold = [line.split("**")[1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("**")]
    assert [f"**{each}**" for each in bold] == [words for words in STEPS if words.startswith("**")]
