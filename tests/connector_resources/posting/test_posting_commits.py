"""What the protocol writes down in one commit: the answers of one group with the claim of the next, and a look-up's outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from bookkeeping.postings import PostingKind
from connector_resources.erp.contract import Hold, Outcome, PlannedSubmission
from connector_resources.errors import IllegalTransition
from connector_resources.posting.planning import Scope
from connector_resources.store.backup import back_up
from tests.evenings import DAY
from tests.restoring import back_in_time
from tests.sites import LAST, Site


class OneByOne:
    """A connector that is claimed for one request at a time; `beside` happens at its first write."""

    def __init__(self, connector: Any, beside: Callable[[], None] = lambda: None) -> None:
        self._connector = connector
        self._beside: Callable[[], None] | None = beside
        self.traits = replace(connector.traits, claim_group=1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    def submit(self, submission: PlannedSubmission) -> Outcome:
        outcome: Outcome = self._connector.submit(submission)
        if self._beside is not None:
            self._beside()
            self._beside = None
        return outcome


@pytest.fixture
def planned(visma: Site) -> Site:
    """Three receipts, planned and not posted."""
    for customer in (1, 2, 3):
        visma.merchant.collected(customer=customer)
    scope = Scope(DAY, LAST, only_new=False)
    visma.at.read(scope)
    visma.at.link()
    visma.at.plan(scope)
    return visma


def waiting(site: Site) -> list[str]:
    work = site.at.runtime.store.ledger.next_work(site.name, {PostingKind.RECEIPT}, limit=10)
    return [item.posting.key for item in work]


def post_one_by_one(site: Site, beside: Callable[[], None] = lambda: None) -> None:
    runtime, connection = site.at.runtime, site.at.connection
    with runtime.erp(connection) as connector:
        wrapped: Any = OneByOne(connector, beside)
        runtime.protocol(connection, wrapped).run({PostingKind.RECEIPT})


def test_what_was_answered_is_kept_when_the_next_group_is_not_to_be_had(planned: Site) -> None:
    store = planned.at.runtime.store
    first, second, third = waiting(planned)

    def put_aside() -> None:
        store.ledger.hold(planned.name, [Hold(second, "by_hand", "a person looks at it", "release it")])

    with pytest.raises(IllegalTransition, match=f"{second} is held"):
        post_one_by_one(planned, put_aside)

    assert [row.state for row in store.submissions.of_posting(planned.name, first)] == ["posted"]
    assert [store.submissions.of_posting(planned.name, key) for key in (second, third)] == [[], []]
    planned.release()
    planned.at.post()
    assert (planned.unfinished(), planned.clearing()) == ({}, 30_000)
    assert max(planned.documents().values()) == 1
    assert planned.trail_is_whole()


def test_answers_and_the_next_claim_are_one_commit(planned: Site) -> None:
    """Each of three is made and released by itself: claim, two commits between, the last answer; the third pass completes."""
    store = planned.at.runtime.store
    wrote: list[bool] = []
    event.listen(store.database.engine, "before_cursor_execute", _notes_new_heads(wrote))
    post_one_by_one(planned)
    assert len(wrote) == 4 + 4 + 1
    assert (waiting(planned), planned.clearing()) == ([], 30_000)


def _notes_new_heads(wrote: list[bool]) -> Callable[..., None]:
    """One entry for each transaction that adds to the trail, however often it does."""
    seen: set[int] = set()

    def note(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        transaction = connection.get_transaction()
        if statement.startswith("UPDATE trail_heads") and id(transaction) not in seen:
            seen.add(id(transaction))
            kept.append(transaction)
            wrote.append(True)

    #: a number is given again as soon as its transaction is gone.
    kept: list[object] = []
    return note


def test_what_a_restored_store_puts_aside_is_held_by_the_same_commit(exact_online: Site, tmp_path: Path) -> None:
    """A process that dies between the two would leave postings that nothing says why they wait."""
    site = exact_online
    for customer in (1, 2):
        site.merchant.collected(10_000 + customer, customer=customer)
    site.run_new()
    backup = tmp_path / "store.backup"
    back_up(site.at.runtime.store.database, backup)
    site.merchant.collected(20_001, customer=1)
    site.run_new()
    site.merchant.collected(20_002, customer=2)
    back_in_time(site, backup)
    engine = site.at.runtime.store.database.engine
    seen: list[tuple[int, int]] = []
    event.listen(engine, "commit", lambda connection: seen.append(_put_aside(connection)))

    site.run_new()

    assert set(site.held().values()) == {"cannot_tell"}
    assert max(seen)[0] == 2
    assert [unheld for _, unheld in seen if unheld] == []


def _put_aside(connection: Connection) -> tuple[int, int]:
    """How many postings are in a submission that was put aside, and how many of those are not held."""
    question = (
        "SELECT count(*), coalesce(sum(p.state <> 'held'), 0) FROM submissions s "
        "JOIN submission_postings l ON l.submission_id = s.id "
        "JOIN postings p ON p.connection = l.connection AND p.key = l.posting_key WHERE s.code = 'put_aside'"
    )
    found, unheld = connection.exec_driver_sql(question).one()
    return int(found), int(unheld)
