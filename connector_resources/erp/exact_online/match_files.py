"""Puts the match sets of many postings into few files, and writes their requests (exact_online.md section 3.7). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from connector_resources.erp.contract import PlannedSubmission
from connector_resources.erp.exact_online import documents, match_sets
from connector_resources.erp.exact_online.match_sets import MatchSet

MATCH_STEP = "match"
#: most sets of one file: an answer has a message for each.
SETS_PER_FILE = 100


class MatchDesk:
    """Collects the sets of postings."""

    def __init__(self, division: int) -> None:
        self._division = division
        self._sets: list[tuple[str, tuple[MatchSet, ...]]] = []

    def add(self, posting_key: str, sets: Sequence[MatchSet]) -> None:
        self._sets.append((posting_key, tuple(sets)))

    def requests(self) -> Iterator[PlannedSubmission]:
        """One upload per file, in the order in which sets were added. No posting is torn apart."""
        chunk: list[tuple[str, tuple[MatchSet, ...]]] = []
        for each in self._sets:
            if chunk and sum(len(sets) for _, sets in chunk) + len(each[1]) > SETS_PER_FILE:
                yield self._request(chunk)
                chunk = []
            chunk.append(each)
        if chunk:
            yield self._request(chunk)

    def _request(self, chunk: Sequence[tuple[str, tuple[MatchSet, ...]]]) -> PlannedSubmission:
        keys = tuple(key for key, _ in chunk)
        sets = [each for _, some in chunk for each in some]
        name = keys[0] if len(keys) == 1 else f"match:{hashlib.sha256(chr(10).join(keys).encode()).hexdigest()[:16]}"
        return PlannedSubmission(
            reference=f"{name}/{MATCH_STEP}",
            step=MATCH_STEP,
            method="POST",
            path=f"{documents.UPLOAD_PATH}?Topic={documents.MATCH_SETS}&_Division_={self._division}",
            body=match_sets.document(sets),
            content_type=documents.XML,
            posting_keys=keys,
            headers=(("accept", "text/xml, application/xml"),),
            summary=f"{len(sets)} match sets of {len(keys)} postings",
        )
