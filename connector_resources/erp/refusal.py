"""The reason why a posting cannot become documents of its ERP as it is, and the hold for a person that planning makes of it."""

from __future__ import annotations

from bookkeeping.postings import Posting
from connector_resources.erp.contract import Hold, PostingWork


class CannotBook(Exception):
    """`code` is stable, `reason` says what is wrong, `next_step` what a person does about it before the posting is released."""

    def __init__(self, code: str, reason: str, next_step: str) -> None:
        self.code = code
        self.reason = reason
        self.next_step = next_step
        super().__init__(f"{code}: {reason}")


def hold_of(problem: CannotBook, posting: Posting) -> Hold:
    """The posting waits until a person has done what the problem asks for, and released it."""
    next_step = f"{problem.next_step[:1].upper()}{problem.next_step[1:]}; then release {posting.key}."
    return Hold(posting.key, problem.code, f"{posting.subject}: {problem.reason}.", next_step)


def unread(work: PostingWork, where: str) -> Hold | None:
    """Nothing is built upon a document that was not read back. `where` is where a person looks at it."""
    if not work.done or work.done[-1].verified:
        return None
    document, key = work.done[-1].document, work.posting.key
    return Hold(
        key,
        "not_read_back",
        f"{document.kind} {document.number} was not read back yet.",
        f"Run the posting again; if it stays, look at {where}, then release {key}.",
    )
