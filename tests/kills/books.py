"""What the stand-ins' own books say in the end, in a form that goes over a wire and can be compared to the letter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.datev.app import DatevApp
from tests.sites import Site

Document = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger's documents and balances, and what was collected at GoCardless by the connector."""

    documents: Counter[Document]
    balances: Mapping[str, int]
    collections: Counter[Document]

    def told(self) -> dict[str, Any]:
        return {
            "documents": [list(document) for document in self.documents.elements()],
            "balances": dict(self.balances),
            "collections": [list(document) for document in self.collections.elements()],
        }

    @classmethod
    def heard(cls, told: Mapping[str, Any]) -> Books:
        return cls(
            Counter(tuple(each) for each in told["documents"]),
            told["balances"],
            Counter(tuple(each) for each in told["collections"]),
        )


@dataclass(slots=True)
class Differences:
    """What two books do not share. `doubled` are documents that are right, and there too often."""

    lost: list[Document]
    doubled: list[Document]
    differing: list[str]

    @property
    def none(self) -> bool:
        return not (self.lost or self.doubled or self.differing)


def compare(found: Books, truth: Books) -> Differences:
    lost: list[Document] = []
    doubled: list[Document] = []
    differing: list[str] = []
    for mine, theirs in ((found.documents, truth.documents), (found.collections, truth.collections)):
        lost += (theirs - mine).elements()
        more = list((mine - theirs).elements())
        doubled += [document for document in more if document in theirs]
        differing += [f"not in the undisturbed books: {document}" for document in more if document not in theirs]
    for name in sorted(found.balances.keys() | truth.balances.keys()):
        mine_minor, theirs_minor = found.balances.get(name, 0), truth.balances.get(name, 0)
        if mine_minor != theirs_minor:
            differing.append(f"{name}: {mine_minor} instead of {theirs_minor} minor units")
    return Differences(lost, doubled, differing)


def books_of(site: Site) -> Books:
    """Documents that are in effect. An entry begun at IFS whose key was lost on the way books nothing (ifs_cloud.md section
    6.3, step 4); rows at DATEV name the payout only when there already is one.
    """
    shown: Counter[Document] = Counter()
    for document, count in site.documents().items():
        if document[0] != "Draft":
            shown[_texts(document[:8] if isinstance(site.at.erp, DatevApp) else document)] += count
    world = site.merchant.world
    with world.lock:
        collections = Counter(
            _texts((row.body["metadata"]["mlc_ref"], row.body["amount"], row.body["links"]["mandate"], row.status))
            for row in world.payments.ordered
            if "mlc_ref" in row.body["metadata"]
        )
    return Books(shown, site.ledger_balances(), collections)


def _texts(values: Sequence[Any]) -> Document:
    return tuple(str(value) for value in values)
