"""The store against the model of the posting protocol: it makes every move of the model, and refuses every other."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from sqlalchemy import delete

from connector_resources.erp.contract import Complete
from connector_resources.errors import IllegalTransition
from connector_resources.store.schema import POSTINGS, SUBMISSION_POSTINGS, SUBMISSIONS
from tests.model.posting_model import MAX_ATTEMPTS, SENT_AGAIN, Books, Bounds, search

#: two releases, so that every state that is held has its way out.
MOVES = search(Bounds(faults=2, runs=2, releases=2)).moves
OPERATIONS = (
    "claim", "complete", "release", "settle posted", "settle absent", "settle parked", "settle rejected",
    "settle not_sent", "settle unknown", SENT_AGAIN,
)  # fmt: skip
#: what the protocol never does though the store would let it: after the last attempt it asks a person.
LEFT_TO_THE_PROTOCOL = ("settle absent", SENT_AGAIN)


def ways() -> dict[Books, list[str]]:
    """The shortest list of operations that leads to each of the model's books."""
    found: dict[Books, list[str]] = {Books(): []}
    queue = deque([Books()])
    while queue:
        here = queue.popleft()
        for before, operation, after in sorted(MOVES):
            if before == here and after not in found:
                found[after] = [*found[here], operation]
                queue.append(after)
    return found


WAYS = ways()


class Following:
    """One posting in the real store, moved by the model's operations."""

    def __init__(self, store: Any, books: Any, make: Any) -> None:
        self._store, self._books, self._make = store, books, make
        self._posting = make.posting(1)
        self._submission = 0
        store.ledger.plan("acme", [self._posting])

    def do(self, operation: str) -> None:
        key = self._posting.key
        if operation == "claim":
            (self._submission,) = self._books.claim(self._make.planned(self._posting))
        elif operation == SENT_AGAIN:
            with self._store.begin() as transaction:
                self._books.settle(self._submission, "absent", within=transaction)
                self._books.claim(self._make.planned(self._posting), within=transaction)
        elif operation == "complete":
            self._store.ledger.complete("acme", [Complete(key)], settled_state="posted")
        elif operation == "release":
            self._store.ledger.release("acme", [key], by="ada", note="looked at it")
        else:
            self._books.settle(self._submission, operation.removeprefix("settle "))

    def books(self) -> Books:
        rows = self._store.submissions.of_posting("acme", self._posting.key)
        state = self._books.state_of(self._posting.key)
        return Books(state, rows[0].state, rows[0].attempts) if rows else Books(state)


@pytest.mark.parametrize("here", sorted(WAYS), ids=lambda books: "-".join(map(str, books)))
def test_in_each_state_the_store_makes_the_models_moves_and_no_others(here, store, books, make):
    expected = {operation: after for before, operation, after in MOVES if before == here}
    for operation in OPERATIONS:
        if operation.startswith("settle") and not here.submission:
            continue
        at = Following(store, books, make)
        for step in WAYS[here]:
            at.do(step)
        assert at.books() == here
        if operation in expected:
            at.do(operation)
            assert at.books() == expected[operation], operation
        elif operation in LEFT_TO_THE_PROTOCOL and here.attempts == MAX_ATTEMPTS:
            pass
        else:
            with pytest.raises(IllegalTransition):
                at.do(operation)
            assert at.books() == here, operation
        _forget(store)


def _forget(store: Any) -> None:
    with store.begin() as transaction:
        for table in (SUBMISSION_POSTINGS, SUBMISSIONS, POSTINGS):
            transaction.execute(delete(table))


def test_every_state_of_the_model_is_reached_by_committed_moves():
    assert {after for _, _, after in MOVES} <= set(WAYS)
    assert len(WAYS) >= 20
