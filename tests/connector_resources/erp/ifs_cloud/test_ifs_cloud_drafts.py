"""A payment that was begun is finished, taken away, or shown to a person: no draft stays behind in IFS Cloud."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event

from bookkeeping.postings import Posting
from sandbox.ifs_cloud import mixed_payments

BEGIN, ROW, APPROVE, CANCEL = (
    "MixedPaymentSet$",
    "MixedPaymentLumpSumArray",
    "MixedPayment_Approve",
    "MixedPayment_Cancel",
)
AN_HOUR = {"headers": {"Retry-After": "3600"}}


def pair(given: SimpleNamespace) -> tuple[Posting, Posting]:
    return given.receipt("PM1", 12_100, event="EV1"), given.receipt("PM2", 5_000, event="EV2", customer="10:C2")


def drafts(site: Any) -> list[int]:
    """Ids of the payments that are neither approved nor cancelled."""
    heads = site.tenant.table("MixedPayment")
    return [head["MixedPaymentId"] for head in heads if head["Objstate"] not in ("Approved", "Cancelled")]


def approved(site: Any) -> list[int]:
    """How many transactions each approved payment has, smallest first."""
    heads = {head["MixedPaymentId"] for head in site.tenant.table("MixedPayment") if head["Objstate"] == "Approved"}
    rows = Counter(row["MixedPaymentId"] for row in site.tenant.table("MixedPaymentLumpSum"))
    return sorted(rows[number] for number in heads)


def cancel_by_hand(site: Any) -> None:
    for head in site.tenant.table("MixedPayment"):
        if head["Objstate"] != "Approved":
            with site.tenant.transaction():
                mixed_payments.cancel(site.tenant, head)


def later(site: Any, *postings: Posting) -> Any:
    """The report of a run an hour later, when nothing is in its way."""
    site.tenant.clock.advance(timedelta(hours=1))
    site.sandbox.faults.clear()
    return site.post(*postings)


def next_steps(site: Any) -> str:
    return "\n".join(row.held_next_step for row in site.store.ledger.held("enterprise"))


def submissions(site: Any, posting: Posting) -> list[str]:
    return [row.state for row in site.store.submissions.of_posting("enterprise", posting.key)]


# --- held up -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "skip"), [(ROW, 0), (ROW, 1), (APPROVE, 0)])
def test_a_payment_that_was_held_up_is_finished_before_a_newer_receipt_joins_its_postings(
    site: Any, given: SimpleNamespace, path: str, skip: int
) -> None:
    """The quota is used up between two of its calls; until it is free again, another receipt of the same day is due."""
    first, second = pair(given)
    site.break_next("rate_limit", path, skip=skip, **AN_HOUR)
    report = site.post(first, second)
    assert (report.retry_after_s, len(drafts(site))) == (3600, 1)
    assert "was begun, and broke off" in report.stopped
    assert submissions(site, first) == ["unknown"]

    later(site, given.receipt("PM3", 700, event="EV3"))

    assert site.states() == {"posted": 3}, site.reasons()
    assert (drafts(site), approved(site)) == ([], [1, 2])
    assert site.balance("10", "1940", "EUR") == 17_800


def test_a_payment_of_which_nothing_was_made_is_planned_anew_with_the_newer_receipt(
    site: Any, given: SimpleNamespace
) -> None:
    first, second = pair(given)
    site.break_next("rate_limit", BEGIN, **AN_HOUR)
    site.post(first, second)
    assert submissions(site, first) == ["not_sent"]

    later(site, given.receipt("PM3", 700, event="EV3"))

    assert (site.states(), approved(site)) == ({"posted": 3}, [3])


def test_being_held_up_again_and_again_never_counts_as_a_lost_answer(site: Any, given: SimpleNamespace) -> None:
    first, second = pair(given)
    site.break_next("rate_limit", ROW, **AN_HOUR)
    site.post(first, second)
    for path, method in ((BEGIN, "GET"), (ROW, "GET"), (ROW, "POST"), (ROW, "POST"), (APPROVE, "POST")):
        site.sandbox.faults.clear()
        site.tenant.clock.advance(timedelta(hours=1))
        # Of several reads of the same set the last one is the recipe's own.
        site.break_next("rate_limit", path.replace("$", ""), method=method, skip=int(path is BEGIN), **AN_HOUR)
        assert site.post().stopped, (path, method)
        assert submissions(site, first) == ["unknown"]
        assert len(drafts(site)) == 1
    later(site)
    assert (site.states(), drafts(site), approved(site)) == ({"posted": 2}, [], [2])


def test_what_is_sent_again_is_written_off_and_claimed_by_one_commit(site: Any, given: SimpleNamespace) -> None:
    """A process that dies between the two would leave a draft that its postings are planned past."""
    first, second = pair(given)
    site.break_next("rate_limit", ROW, **AN_HOUR)
    site.post(first, second)
    seen: list[str] = []
    asked = "SELECT state FROM submissions ORDER BY id LIMIT 1"
    event.listen(site.store.database.engine, "commit", lambda at: seen.append(at.exec_driver_sql(asked).scalar_one()))
    later(site)
    assert {"unknown", "claimed", "posted"} <= set(seen)
    assert "absent" not in seen


# --- refused -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "details"), [("rate_limit", AN_HOUR), ("drop_before", {}), ("drop_after", {}), ("error_before", {})]
)
def test_a_refused_payment_that_cannot_be_taken_away_at_once_is_taken_away_by_the_next_run(
    site: Any, given: SimpleNamespace, kind: str, details: Any
) -> None:
    first, strange = pair(given)[0], given.receipt("PX", 50, event="EX", customer="10:NOBODY")
    site.break_next(kind, CANCEL, **details)
    site.post(first, strange)
    later(site, given.receipt("PM3", 700, event="EV3"))
    assert site.held() == {"PX": "customer_missing"}, site.reasons()
    assert (drafts(site), site.balance("10", "1940", "EUR")) == ([], 12_800)


def test_a_refused_payment_that_may_not_be_taken_away_is_shown_to_a_person(site: Any, given: SimpleNamespace) -> None:
    first, strange = pair(given)[0], given.receipt("PX", 50, event="EX", customer="10:NOBODY")
    site.tenant.refusals.add(20110, "MixedPayment.NO_CANCEL", "it cannot be cancelled", path=CANCEL)
    site.post(first, strange)
    assert site.held() == {"PM1": "cannot_tell", "PX": "cannot_tell"}
    assert "It could not be taken away either" in next_steps(site)
    assert "cancel it" in next_steps(site)

    cancel_by_hand(site)
    site.release()
    site.post()

    assert site.held() == {"PX": "customer_missing"}
    assert (drafts(site), approved(site)) == ([], [1])


# --- a person in between -------------------------------------------------------------------------------------------------


def lost_three_times(site: Any, given: SimpleNamespace) -> tuple[Posting, Posting]:
    """Two receipts that are held, and their draft."""
    first, second = pair(given)
    site.break_next("drop_before", ROW, skip=1, times=3)
    for postings in ((first, second), (), ()):
        assert site.post(*postings).stopped == ""
    assert site.held() == {"PM1": "cannot_tell", "PM2": "cannot_tell"}
    (number,) = drafts(site)
    assert f"mixed payment 10/{number} (GC-EUR-" in next_steps(site)
    site.sandbox.faults.clear()
    return first, second


def test_a_draft_whose_answers_were_lost_is_gone_on_with_once_all_of_it_is_released(
    site: Any, given: SimpleNamespace
) -> None:
    lost_three_times(site, given)
    site.release()
    site.post(given.receipt("PM3", 700, event="EV3"))
    assert (site.states(), drafts(site), approved(site)) == ({"posted": 3}, [], [1, 2])


def test_turned_away_right_after_its_release_it_is_not_planned_anew(site: Any, given: SimpleNamespace) -> None:
    lost_three_times(site, given)
    site.release()
    site.break_next("rate_limit", "MixedPaymentSet", method="GET", skip=1, **AN_HOUR)
    assert site.post().stopped
    later(site, given.receipt("PM3", 700, event="EV3"))
    assert (site.states(), drafts(site), approved(site)) == ({"posted": 3}, [], [1, 2])


def test_a_draft_one_of_whose_receipts_was_withdrawn_is_named_until_a_person_cancels_it(
    site: Any, given: SimpleNamespace
) -> None:
    first, second = lost_three_times(site, given)
    site.store.ledger.withdraw("enterprise", [second.key], by="Ada", note="entered by hand")
    newer = given.receipt("PM3", 700, event="EV3")
    for postings in ((newer,), ()):
        site.release()
        site.post(*postings)
        assert site.held() == {"PM1": "cannot_tell"}, "it would be paid beside the draft"
        assert "release them all together" in next_steps(site).lower()
        assert f"mixed payment 10/{drafts(site)[0]} (GC-EUR-" in next_steps(site)
    assert (site.state(newer), approved(site)) == ("posted", [1])

    cancel_by_hand(site)
    site.release()
    site.post()

    assert (site.state(first), site.state(second)) == ("posted", "withdrawn")
    assert (drafts(site), approved(site)) == ([], [1, 1])
    assert site.balance("10", "1940", "EUR") == 12_800


def test_released_one_after_the_other_the_receipts_of_a_draft_wait_for_each_other(
    site: Any, given: SimpleNamespace
) -> None:
    first, _ = lost_three_times(site, given)
    site.store.ledger.release("enterprise", [first.key], by="Ada", note="looked at it")
    site.post()
    assert site.held() == {"PM1": "cannot_tell", "PM2": "cannot_tell"}
    site.release()
    site.post()
    assert (site.states(), drafts(site), approved(site)) == ({"posted": 2}, [], [2])


def test_a_draft_that_a_person_approves_is_what_its_receipts_became(site: Any, given: SimpleNamespace) -> None:
    """Three answers to the approval are lost, so that all rows are there."""
    site.break_next("drop_before", APPROVE, times=3)
    for postings in (pair(given), (), ()):
        site.post(*postings)
    assert site.states() == {"held": 2}
    (head,) = site.tenant.table("MixedPayment")
    with site.tenant.transaction():
        mixed_payments.approve(site.tenant, head)
    site.release()
    site.post()
    assert (site.states(), approved(site)) == ({"posted": 2}, [2])
