"""How many postings may share one document with each other in a run, once their common document was refused.

A document of many postings that is refused for one of its lines is planned again in smaller ones, so that only that line's
posting ends up held. A refusal that is nobody's fault alone must not be met a hundred times: there is a bound.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector_resources.erp.contract import PlannedSubmission, Rejected
from connector_resources.errors import StaleVersion

#: into how many parts a refused document is divided, and how often in one run.
PARTS, MOST_DIVISIONS = 8, 12


class Crowds:
    """The bounds of one run. `system` and `connection` are what errors name; `document` is the ledger's word for it."""

    def __init__(self, *, system: str, connection: str, document: str) -> None:
        self._system = system
        self._connection = connection
        self._document = document
        self._divisions = 0
        self._most: dict[str, int] = {}

    @property
    def most(self) -> Mapping[str, int]:
        """By posting key: how many postings, itself included, may share its document; a missing key may with all."""
        return self._most

    def divide(self, planned: PlannedSubmission, refusal: Rejected) -> None:
        """Raises `StaleVersion`, so that its postings are planned again, unless too many documents were divided already."""
        self._divisions += 1
        if self._divisions > MOST_DIVISIONS:
            return
        size = max(1, len(planned.posting_keys) // PARTS)
        self._most.update(dict.fromkeys(planned.posting_keys, size))
        raise StaleVersion(
            f"{refusal.reason} The {self._document} is planned again in parts of {size}.",
            system=self._system,
            connection=self._connection,
            subject=planned.reference,
        )
