"""Which open invoices are ready to be collected, by the strategy of the connection (ifs_cloud.md section 3.5).

IFS has no single field for it. Heads of invoices are read only from the oldest open due date on, so that settled ones are not
read for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from connector_resources.erp.ifs_cloud import odata, wire
from connector_resources.erp.ifs_cloud.client import IfsCloudClient, references
from connector_resources.erp.ifs_cloud.invoices import CUSTOMER, ItemKey
from connector_resources.erp.ifs_cloud.odata import day_of
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings, Marker
from connector_resources.erp.ifs_cloud.wire import Invoice, OpenItem

#: sets that hold heads of invoices.
HEADS = ("invoices", "order_invoices")


class Markers:
    """Reads what marks the invoices of one company."""

    def __init__(self, client: IfsCloudClient, settings: IfsCloudSettings) -> None:
        self._client = client
        self._settings = settings

    def ready(self, company: str, items: Sequence[OpenItem]) -> set[ItemKey] | None:
        """The marked ones of these items; None when all are. Raises `NotSent`, `BadAnswer`, `Refused`."""
        marker = self._settings.marker
        if marker is None or not items:
            return set()
        if marker.strategy == "all":
            return None
        strategies: dict[str, Callable[[Marker, str, Sequence[OpenItem]], set[ItemKey]]] = {
            "pay_term": self._by_term,
            "payment_way": self._by_way,
            "field": self._by_field,
            "proposal": self._by_proposal,
        }
        return strategies[marker.strategy](marker, company, items)

    def heads(self, company: str, items: Iterable[OpenItem], condition: str = "", select: str = "") -> list[Invoice]:
        """Heads of the invoices that are open, and of some that are not, from every set that the map names."""
        oldest = min((day for item in items if (day := day_of(item.due))), default=None)
        found: list[Invoice] = []
        for name in HEADS:
            projection = self._client.projections[name]
            if not projection.set:
                continue
            since = f"{projection.member('due')} ge {odata.literal(oldest)}" if oldest else ""
            options = {"select": select} if select else {}
            found += self._client.rows(name, wire.Invoice, odata.every(condition, since), company=company, **options)
        return found

    def _by_term(self, marker: Marker, company: str, items: Sequence[OpenItem]) -> set[ItemKey]:
        """By payment term; one that is blocked for direct debiting never counts (section 3.5, A)."""
        terms = set(marker.values) - self._blocked(marker, company)
        if not terms:
            return set()
        condition = references(self._client.projections["invoices"].member("pay_term"), terms)
        return _keys(self.heads(company, items, condition))

    def _blocked(self, marker: Marker, company: str) -> set[str]:
        member = self._client.projections["payment_terms"].member("term")
        condition = references(member, marker.values)
        rows = self._client.rows("payment_terms", wire.PaymentTerm, condition, company=company)
        return {row.term for row in rows if row.blocked}

    def _by_way(self, marker: Marker, company: str, items: Sequence[OpenItem]) -> set[ItemKey]:
        projection = self._client.projections["payment_ways"]
        party = projection.equals("party", CUSTOMER)
        ways = references(projection.member("way"), marker.values)
        rows = self._client.rows("payment_ways", wire.PaymentWay, odata.every(party, ways), company=company)
        payers = {row.customer for row in rows}
        return {_key(item) for item in items if item.customer in payers}

    def _by_field(self, marker: Marker, company: str, items: Sequence[OpenItem]) -> set[ItemKey]:
        if marker.on == "open_items":
            return {_key(item) for item in items if _is_true(item.raw.get(marker.member))}
        select = ",".join({*filter(None, self._client.projections["invoices"].fields.values()), marker.member})
        return _keys(
            self.heads(company, items, f"{marker.member} eq true", select if self._settings.use_select else "")
        )

    def _by_proposal(self, marker: Marker, company: str, items: Sequence[OpenItem]) -> set[ItemKey]:
        """Items of the proposals in one of the states, and for one of the payment methods if any is named."""
        heads = self._client.projections["proposals"]
        states = [heads.enumeration("state", state) for state in marker.states]
        condition = odata.any_of(heads.member("state"), states) if states else ""
        ways = references(heads.member("way"), marker.values) if marker.values else ""
        found = self._client.rows("proposals", wire.Proposal, odata.every(condition, ways), company=company)
        member = self._client.projections["proposal_items"].member("proposal")
        numbers = [row.proposal for row in found]
        if not numbers:
            return set()
        chosen = odata.any_of(member, numbers)
        rows = self._client.rows("proposal_items", wire.Item, chosen, company=company)
        open_keys = {_key(item) for item in items}
        return {key for row in rows if (key := (row.company, row.series, row.number)) in open_keys}


def _key(item: OpenItem) -> ItemKey:
    return item.company, item.series, item.number


def _keys(heads: Iterable[Invoice]) -> set[ItemKey]:
    return {(head.company, head.series, head.number) for head in heads}


def _is_true(value: object) -> bool:
    return value is True or str(value).upper() == "TRUE"
