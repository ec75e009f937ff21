"""Taking back by the program itself what was planned and surely never sent."""

from __future__ import annotations

from sqlalchemy import Connection as Transaction

from connector_resources.erp.contract import Hold
from connector_resources.store.states import PostingState, SubmissionState
from connector_resources.store.store import Store

#: submissions after which the remote system surely has nothing of a posting.
_NOTHING_THERE = frozenset(
    {SubmissionState.REJECTED.value, SubmissionState.NOT_SENT.value, SubmissionState.ABSENT.value}
)


def was_never_sent(store: Store, connection: str, posting_key: str) -> bool:
    """True while the remote system surely has nothing of the posting."""
    submissions = store.submissions.of_posting(connection, posting_key)
    return all(submission.state in _NOTHING_THERE for submission in submissions)


def withdraw_unsent(
    store: Store, connection: str, posting_key: str, code: str, reason: str, *, within: Transaction
) -> None:
    """Withdraw a posting that was never sent, whatever unfinished state it is in. Raises `IllegalTransition`."""
    ledger, keys = store.ledger, [posting_key]
    state = ledger.by_key(connection, keys)[posting_key].state
    if state == PostingState.CLAIMED.value:
        ledger.unclaim(connection, keys, within=within)
    if state != PostingState.HELD.value:
        hold = Hold(posting_key, code, reason, "Nothing: it is withdrawn by itself.")
        ledger.hold(connection, [hold], within=within)
    ledger.withdraw(connection, keys, by="connector", note=reason, within=within)
