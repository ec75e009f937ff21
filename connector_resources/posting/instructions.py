"""What a person is told of a submission that was sent, is not booked, and cannot be sent again by the program itself."""

from __future__ import annotations


def never_arrived(attempts: int, begun: str) -> str:
    """After the last try. `begun` names what the tries left unfinished, "" when they left nothing."""
    if begun:
        return (
            f"The request was sent {attempts} times, and each time its answer was lost. It left {begun}, which books nothing. "
            "Look at the ERP's own log for our reference, then `connector release` its postings together: it is gone on "
            f"with. If you withdraw any of them, cancel {begun} in the ERP first."
        )
    return (
        f"The request was sent {attempts} times, each time without an answer, and every look-up says it never arrived. "
        "Look at the ERP's own log for our reference, then `connector release` the posting to try again."
    )


def not_whole(begun: str) -> str:
    """Of what was begun for several postings not all are to be sent any more, or not yet."""
    return (
        f"An earlier try left {begun}, which books nothing and was begun for more postings than are released now. Release "
        "them all together, and it is gone on with; or cancel it in the ERP, then `connector release` those that are wanted."
    )
