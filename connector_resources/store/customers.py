"""Which ERP customer each GoCardless customer is.

Holds the links, the numbers handed out to new customers, and what was read of the ERP's own customers for matching.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, func, or_, select

from connector_resources.erp.contract import ErpCustomer
from connector_resources.errors import StoreError
from connector_resources.store.among import among
from connector_resources.store.engine import AnyRow, Database, chunks
from connector_resources.store.forgotten import go_on_with_numbers, numbers_are_forgotten
from connector_resources.store.json_text import dump_json, load_json
from connector_resources.store.rows import insert_absent, put_rows
from connector_resources.store.schema import CUSTOMER_LINKS, CUSTOMER_NUMBERS, ENTITIES, ERP_CUSTOMERS
from connector_resources.store.trail import Trail, TrailEntry

#: how many numbers are looked at in one query when the next free one is sought.
NUMBERS_AT_ONCE = 200
#: how a link was found whose number we handed out: the ERP knows of it only by the customer's own posting.
ALLOCATED = "allocated"
#: how a link was found that a person put in the place of another one.
REPLACED = "by_hand"
#: what of an ERP customer is kept as one text, because nothing searches in it.
ADDRESS = ("address_line1", "address_line2", "address_line3", "city", "postal_code")

_links = CUSTOMER_LINKS.c
_erp = ERP_CUSTOMERS.c

# Built once for each column that is asked by: each slice of a plan asks for its payers.
_LINKED: dict[ColumnElement[str], Select[*tuple[Any, ...]]] = {
    column: select(_links.gocardless_customer, _links.erp_customer, _links.method, _links.linked_at)
    .where(
        _links.connection == bindparam("wanted_connection"),
        among(column, "wanted_values"),
    )
    .order_by(_links.gocardless_customer)
    for column in (_links.gocardless_customer, _links.erp_customer)
}


@dataclass(frozen=True, slots=True)
class CustomerLink:
    """A GoCardless customer's ERP customer number, how it was found, and when."""

    gocardless_customer: str
    erp_customer: str
    method: str
    linked_at: datetime


class CustomerLinks:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    # --- links -----------------------------------------------------------------------------------------------------

    def get(self, connection: str, gocardless_ids: Collection[str]) -> dict[str, CustomerLink]:
        """The links of those ids that have one."""
        rows = self._linked(connection, _links.gocardless_customer, gocardless_ids)
        return {link.gocardless_customer: link for link in rows}

    def by_erp(self, connection: str, numbers: Collection[str]) -> dict[str, list[CustomerLink]]:
        """ERP number -> the GoCardless customers linked to it: several, when a payer signed up more than once."""
        found: dict[str, list[CustomerLink]] = {}
        for link in self._linked(connection, _links.erp_customer, numbers):
            found.setdefault(link.erp_customer, []).append(link)
        return found

    def unlinked(self, connection: str) -> list[str]:
        """Ids of the GoCardless customers that were read and have no link, sorted."""
        linked = exists().where(_links.connection == connection, _links.gocardless_customer == ENTITIES.c.id)
        wanted = (
            select(ENTITIES.c.id)
            .where(ENTITIES.c.connection == connection, ENTITIES.c.resource_type == "customers", ~linked)
            .order_by(ENTITIES.c.id)
        )
        with self._database.read() as reading:
            return list(reading.scalars(wanted))

    def put(
        self,
        connection: str,
        gocardless_customer: str,
        erp_customer: str,
        method: str,
        *,
        within: Connection | None = None,
    ) -> None:
        """Link a customer, with a trail row. The same link again changes nothing.

        Raises `StoreError` when it is linked to another ERP customer: only `replace` changes a link.
        """
        self.put_all(connection, [(gocardless_customer, erp_customer, method)], within=within)

    def put_all(
        self, connection: str, links: Sequence[tuple[str, str, str]], *, within: Connection | None = None
    ) -> None:
        """`put` for many (GoCardless id, ERP number, method) in one transaction: all of them or none."""
        now = self._database.now()
        rows = [
            {
                "connection": connection,
                "gocardless_customer": gocardless_customer,
                "erp_customer": erp_customer,
                "method": method,
                "linked_at": now,
            }
            for gocardless_customer, erp_customer, method in links
        ]
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            new = insert_absent(transaction, CUSTOMER_LINKS, rows, returning="gocardless_customer")
            entries = []
            for gocardless_customer, erp_customer, method in links:
                if gocardless_customer in new:
                    payload = {"erp_customer": erp_customer, "method": method}
                    entries.append(TrailEntry("customer_linked", gocardless_customer, payload))
                else:
                    self._require_same(transaction, connection, gocardless_customer, erp_customer)
            self._trail.append(connection, entries, within=transaction)

    def _require_same(
        self, transaction: Connection, connection: str, gocardless_customer: str, erp_customer: str
    ) -> None:
        present = self._number(transaction, connection, gocardless_customer)
        if present != erp_customer:
            raise StoreError(
                f"customer {gocardless_customer} is linked to {present}, not to {erp_customer}",
                connection=connection,
                subject=gocardless_customer,
                next_step=f"`connector customers link --replace {connection} {gocardless_customer} {erp_customer}`",
            )

    def replace(
        self,
        connection: str,
        gocardless_customer: str,
        erp_customer: str,
        *,
        by: str,
        note: str,
        within: Connection | None = None,
    ) -> None:
        """A person links a customer to another ERP customer, or for the first time; the trail keeps both numbers."""
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            before = self._number(transaction, connection, gocardless_customer)
            row = {
                "connection": connection,
                "gocardless_customer": gocardless_customer,
                "erp_customer": erp_customer,
                "method": REPLACED,
                "linked_at": self._database.now(),
            }
            put_rows(transaction, CUSTOMER_LINKS, [row])
            payload = {"erp_customer": erp_customer, "before": before, "by": by, "note": note}
            self._record(transaction, connection, "customer_link_replaced", gocardless_customer, payload)

    def count(self, connection: str) -> int:
        with self._database.read() as reading:
            return reading.execute(select(func.count()).where(_links.connection == connection)).scalar_one()

    def numbers_are_forgotten(self, connection: str) -> bool:
        """Whether numbers may have been handed out that this store, restored from a backup, does not know."""
        with self._database.read() as reading:
            return numbers_are_forgotten(reading, connection)

    def continue_numbers_at(self, connection: str, number: int, *, by: str) -> None:
        """A person has looked up that `number` and those after it are free in the ERP."""
        with self._database.write() as transaction:
            self._trail.lock(connection, within=transaction)
            go_on_with_numbers(transaction, connection, number)
            self._record(transaction, connection, "customer_numbers_continue", str(number), {"by": by})

    def allocate_number(self, connection: str, first: int, last: int, *, within: Connection | None = None) -> int:
        """The next ERP customer number from `first` to `last` that was never handed out, linked, or seen in the ERP.

        Raises `StoreError` when the range is used up.
        """
        return self.allocate_numbers(connection, first, last, 1, within=within)[0]

    def allocate_numbers(
        self, connection: str, first: int, last: int, count: int, *, within: Connection | None = None
    ) -> list[int]:
        """`allocate_number`, `count` times: all of them or none."""
        allocated: list[int] = []
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            wanted = select(CUSTOMER_NUMBERS.c.next_number).where(CUSTOMER_NUMBERS.c.connection == connection)
            number = max(first, transaction.scalar(wanted.with_for_update()) or first)
            while number <= last and len(allocated) < count:
                candidates = range(number, min(number + NUMBERS_AT_ONCE, last + 1))
                taken = self._taken(transaction, connection, [str(n) for n in candidates])
                free = [n for n in candidates if str(n) not in taken]
                allocated.extend(free[: count - len(allocated)])
                number = candidates[-1] + 1
            if len(allocated) == count:
                if allocated:
                    row = {"connection": connection, "next_number": allocated[-1] + 1}
                    put_rows(transaction, CUSTOMER_NUMBERS, [row])
                entries = [TrailEntry("customer_number_allocated", str(n), {}) for n in allocated]
                self._trail.append(connection, entries, within=transaction)
                return allocated
        raise StoreError(
            f"no customer number from {first} to {last} is free",
            connection=connection,
            next_step="widen the connection's customer number range",
        )

    # --- the ERP's customers -----------------------------------------------------------------------------------------

    def put_erp(self, connection: str, customers: Sequence[ErpCustomer], *, within: Connection | None = None) -> None:
        """Keep what was read of the ERP's customers, by number."""
        read_at = self._database.now()
        rows = {
            customer.number: {
                "connection": connection,
                "number": customer.number,
                "name": customer.name,
                "name_key": _comparable(customer.name),
                "email": customer.email,
                "email_key": _comparable(customer.email),
                "currency": customer.currency,
                "active": customer.active,
                "gocardless_customer": customer.gocardless_customer,
                "mandate": customer.mandate,
                "vat_number": customer.vat_number,
                "country_code": customer.country_code,
                "read_at": read_at,
                "address": dump_json({name: value for name in ADDRESS if (value := getattr(customer, name))}),
            }
            for customer in customers
        }
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            put_rows(transaction, ERP_CUSTOMERS, list(rows.values()))

    def erp_all(self, connection: str) -> Iterator[ErpCustomer]:
        """Every ERP customer read so far, by number; streamed."""
        wanted = select(ERP_CUSTOMERS).where(_erp.connection == connection).order_by(_erp.number)
        return (_erp_customer(row) for row in self._database.stream(wanted))

    def erp_by(
        self,
        connection: str,
        *,
        email: str | None = None,
        gocardless_customer: str | None = None,
        number: str | None = None,
    ) -> list[ErpCustomer]:
        """ERP customers that agree with every value given; upper and lower case of an email are the same."""
        conditions: list[ColumnElement[bool]] = []
        if email is not None:
            conditions.append(_erp.email_key == _comparable(email))
        if gocardless_customer is not None:
            conditions.append(_erp.gocardless_customer == gocardless_customer)
        if number is not None:
            conditions.append(_erp.number == number)
        if not conditions:
            raise ValueError("erp_by needs an email, a GoCardless customer or a number")
        return self._erp_where(connection, *conditions)

    def erp_candidates(
        self, connection: str, *, gocardless_customer: str, email: str, name: str, numbers: Collection[str]
    ) -> list[ErpCustomer]:
        """ERP customers that agree with at least one of the values; an empty one agrees with nobody."""
        conditions: list[ColumnElement[bool]] = []
        if gocardless_customer:
            conditions.append(_erp.gocardless_customer == gocardless_customer)
        if email:
            conditions.append(_erp.email_key == _comparable(email))
        if name:
            conditions.append(_erp.name_key == _comparable(name))
        if numbers:
            conditions.append(_erp.number.in_(sorted(set(numbers))))
        return self._erp_where(connection, or_(*conditions)) if conditions else []

    def _erp_where(self, connection: str, *conditions: ColumnElement[bool]) -> list[ErpCustomer]:
        wanted = select(ERP_CUSTOMERS).where(_erp.connection == connection, *conditions).order_by(_erp.number)
        with self._database.read() as reading:
            return [_erp_customer(row) for row in reading.execute(wanted)]

    def _linked(self, connection: str, column: ColumnElement[str], values: Collection[str]) -> Iterator[CustomerLink]:
        if not values:
            return
        with self._database.read() as reading:
            for slice_values in chunks(sorted(set(values))):
                told = {"wanted_connection": connection, "wanted_values": slice_values}
                for row in reading.execute(_LINKED[column], told):
                    yield CustomerLink(*row)

    def _number(self, transaction: Connection, connection: str, gocardless_customer: str) -> str | None:
        return transaction.scalar(
            select(_links.erp_customer).where(
                _links.connection == connection, _links.gocardless_customer == gocardless_customer
            )
        )

    def _taken(self, transaction: Connection, connection: str, numbers: Sequence[str]) -> set[str]:
        linked = select(_links.erp_customer).where(_links.connection == connection, _links.erp_customer.in_(numbers))
        in_erp = select(_erp.number).where(_erp.connection == connection, _erp.number.in_(numbers))
        return {*transaction.scalars(linked), *transaction.scalars(in_erp)}

    def _record(
        self, transaction: Connection, connection: str, kind: str, subject: str, payload: dict[str, Any]
    ) -> None:
        self._trail.append(connection, [TrailEntry(kind, subject, payload)], within=transaction)


def _comparable(text: str) -> str:
    return " ".join(text.split()).casefold()


def _erp_customer(row: AnyRow) -> ErpCustomer:
    return ErpCustomer(
        number=row.number,
        name=row.name,
        email=row.email,
        currency=row.currency,
        active=row.active,
        gocardless_customer=row.gocardless_customer,
        mandate=row.mandate,
        vat_number=row.vat_number,
        country_code=row.country_code,
        **load_json(row.address),
    )
