"""What GoCardless and the ERP were last known to say of each linked customer. What follows from it, the rules decide."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select

from bookkeeping.customer_rules import Agreement, CustomerDetails, Known
from connector_resources.store.engine import AnyRow, Database, chunks
from connector_resources.store.json_text import dump_json, load_json
from connector_resources.store.rows import put_rows
from connector_resources.store.schema import CUSTOMER_AGREEMENTS
from connector_resources.store.trail import Trail

_agreements = CUSTOMER_AGREEMENTS.c


class CustomerAgreements:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    def get(self, connection: str, gocardless_ids: Collection[str]) -> dict[str, Agreement]:
        """The agreements of those customers that have one, by GoCardless id."""
        found: dict[str, Agreement] = {}
        with self._database.read() as reading:
            for slice_ids in chunks(sorted(set(gocardless_ids))):
                wanted = select(CUSTOMER_AGREEMENTS).where(
                    _agreements.connection == connection, _agreements.gocardless_customer.in_(slice_ids)
                )
                found.update((row.gocardless_customer, _agreement(row)) for row in reading.execute(wanted))
        return found

    def put(self, connection: str, agreements: Sequence[Agreement], *, within: Connection | None = None) -> None:
        """Keep each as the newest of its customer; write it together with the postings that carry the change."""
        now = self._database.now()
        rows = [
            {
                "connection": connection,
                "gocardless_customer": agreement.gocardless_customer,
                "number": agreement.number,
                "revision": agreement.revision,
                "gocardless": _text(agreement.gocardless),
                "erp": None if agreement.erp is None else _text(agreement.erp),
                "agreed_at": now,
            }
            for agreement in agreements
        ]
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            put_rows(transaction, CUSTOMER_AGREEMENTS, rows)


def _text(known: Known) -> str:
    return dump_json({"seen": known.seen.as_mapping(), "sent": dict(known.sent)})


def _known(text: str) -> Known:
    content = load_json(text)
    sent = {name: tuple(values) for name, values in content["sent"].items()}
    return Known(CustomerDetails(**content["seen"]), sent)


def _agreement(row: AnyRow) -> Agreement:
    return Agreement(
        gocardless_customer=row.gocardless_customer,
        gocardless=_known(row.gocardless),
        erp=None if row.erp is None else _known(row.erp),
        number=row.number,
        revision=row.revision,
    )
