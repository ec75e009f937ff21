"""Erases what is personal of one customer, and old raw bodies, from the store. The trail is not touched.

The trail holds ids and hashes, never a name, so that it verifies afterwards as before; the erasure is one more row of it.
Rows stay with their ids, amounts and hashes: the books must still be provable. What the remote systems keep is theirs to
erase, and to be erased there first: what they still tell is read again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Table, and_, delete, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from connector_resources.errors import StoreError
from connector_resources.store.engine import Database
from connector_resources.store.json_text import dump_json, load_json
from connector_resources.store.schema import (
    CUSTOMER_AGREEMENTS,
    CUSTOMER_LINKS,
    ENTITIES,
    ERP_CUSTOMERS,
    INBOX_DELIVERIES,
    MANDATE_SETUPS,
    POSTINGS,
    SUBMISSION_IS_OPEN,
    SUBMISSION_POSTINGS,
    SUBMISSIONS,
)
from connector_resources.store.states import DeliveryState, PostingState
from connector_resources.store.trail import Trail, TrailEntry

FORGOTTEN = "[forgotten]"
#: what stays of a GoCardless customer: that there was one, since when, and what of ours is noted there.
KEPT_OF_CUSTOMER = ("id", "created_at", "metadata", "creditor", "links")
#: fields of a GoCardless customer whose values are looked for in postings and requests; places alone name nobody.
NAMING_FIELDS = (
    "given_name", "family_name", "company_name", "email", "phone_number", "address_line1", "address_line2", "address_line3",
    "danish_identity_number", "swedish_identity_number", "account_holder_name", "vat_number",
)  # fmt: skip
#: shorter values are parts of other words and numbers.
SHORTEST_VALUE = 4
#: the narrowest field of a file that holds a name, and the longest value that is followed to its end.
SHORTEST_BEGINNING = 10
LONGEST_VALUE = 80
#: postings in these states may still be sent, or sent again.
OPEN_STATES = (PostingState.PENDING.value, PostingState.CLAIMED.value, PostingState.HELD.value)


@dataclass(frozen=True, slots=True)
class Erased:
    """The ids that were one customer, and how many rows of each table were changed or removed."""

    gocardless_customers: tuple[str, ...]
    erp_customers: tuple[str, ...]
    rows: Mapping[str, int]


class Erasure:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    def forget(self, connection: str, customer: str, *, by: str) -> Erased:
        """Erase names, addresses, e-mail and numbers of a customer: a GoCardless id or an ERP customer number.

        Raises `StoreError` when nobody of that name is known, or while a posting or a request of the customer is open:
        what is not sent yet needs the data.
        """
        with self._database.write() as transaction:
            if self._database.is_sqlite:
                transaction.exec_driver_sql("PRAGMA secure_delete = ON")
            self._trail.lock(connection, within=transaction)
            gocardless, erp = _who_is(transaction, connection, customer)
            postings = _postings_of(transaction, connection, {*gocardless, *erp})
            _refuse_open(transaction, connection, customer, postings)
            values = sorted(_values(transaction, connection, gocardless, erp), key=len, reverse=True)
            rows = {
                "entities": _blank_customers(transaction, connection, gocardless),
                "erp_customers": _blank_erp_customers(transaction, connection, erp),
                "customer_agreements": _drop_agreements(transaction, connection, gocardless),
                "mandate_setups": _blank_setups(transaction, connection, erp),
                "postings": _replace_in_postings(transaction, connection, postings, values),
                "submissions": _replace_in_submissions(transaction, connection, postings, values),
            }
            subject = min(gocardless | erp)
            payload = {"gocardless": sorted(gocardless), "erp": sorted(erp), "rows": rows, "by": by}
            self._trail.append(connection, [TrailEntry("customer_forgotten", subject, payload)], within=transaction)
        self._leave_no_copy()
        return Erased(tuple(sorted(gocardless)), tuple(sorted(erp)), rows)

    def prune(self, connection: str, before: datetime) -> int:
        """Empty the raw bodies of webhooks received before; returns how many. Their hashes and their events stay.

        GoCardless and the receiver never need them again: they are kept to look into a dispute about what was received. A body
        whose events nobody has taken yet is left; one that could not be taken apart is emptied like the others.
        """
        with self._database.write() as transaction:
            if self._database.is_sqlite:
                transaction.exec_driver_sql("PRAGMA secure_delete = ON")
            self._trail.lock(connection, within=transaction)
            old = update(INBOX_DELIVERIES).where(
                INBOX_DELIVERIES.c.connection == connection,
                INBOX_DELIVERIES.c.received_at < before,
                INBOX_DELIVERIES.c.body != b"",
                INBOX_DELIVERIES.c.state != DeliveryState.WAITING.value,
            )
            count = transaction.execute(old.values(body=b"")).rowcount
            if count:
                payload = {"bodies": count, "received_before": before.isoformat()}
                self._trail.append(connection, [TrailEntry("bodies_pruned", "", payload)], within=transaction)
        if count:
            self._leave_no_copy()
        return count

    def _leave_no_copy(self) -> None:
        """SQLite's log of writes still holds the pages as they were."""
        if self._database.is_sqlite:
            with self._database.engine.connect() as link:
                link.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _who_is(transaction: Connection, connection: str, customer: str) -> tuple[set[str], set[str]]:
    """All GoCardless ids and ERP numbers of one customer: a payer may have signed up more than once."""
    links = CUSTOMER_LINKS.c
    gocardless, erp = {customer}, {customer}
    while True:
        found = transaction.execute(
            select(links.gocardless_customer, links.erp_customer).where(
                links.connection == connection,
                or_(links.gocardless_customer.in_(gocardless), links.erp_customer.in_(erp)),
            )
        ).all()
        more_gocardless = gocardless | {row[0] for row in found}
        more_erp = erp | {row[1] for row in found}
        if (more_gocardless, more_erp) == (gocardless, erp):
            break
        gocardless, erp = more_gocardless, more_erp
    known_gocardless = _present(transaction, ENTITIES, ENTITIES.c.id, connection, gocardless)
    known_erp = _present(transaction, ERP_CUSTOMERS, ERP_CUSTOMERS.c.number, connection, erp)
    gocardless = (gocardless & {row[0] for row in found}) | known_gocardless
    erp = (erp & {row[1] for row in found}) | known_erp
    if not gocardless and not erp:
        raise StoreError(
            f"no customer {customer} is known",
            connection=connection,
            subject=customer,
            next_step="give a GoCardless id (CU…) or the customer number of the ledger; `connector customers list` shows both",
        )
    return gocardless, erp


def _present(
    transaction: Connection, table: Table, column: Column[str], connection: str, ids: Collection[str]
) -> set[str]:
    wanted = select(column).where(table.c.connection == connection, column.in_(ids))
    if table is ENTITIES:
        wanted = wanted.where(ENTITIES.c.resource_type == "customers")
    return set(transaction.scalars(wanted))


def _postings_of(transaction: Connection, connection: str, ids: Collection[str]) -> dict[str, str]:
    """Key -> state of the postings whose text names one of the customer's ids as a whole value."""
    body = POSTINGS.c.body
    wanted = select(POSTINGS.c.key, POSTINGS.c.state).where(
        POSTINGS.c.connection == connection, or_(*(body.contains(f'"{each}"', autoescape=True) for each in ids))
    )
    return {row.key: row.state for row in transaction.execute(wanted)}


def _refuse_open(transaction: Connection, connection: str, customer: str, postings: Mapping[str, str]) -> None:
    waiting = sorted(key for key, state in postings.items() if state in OPEN_STATES)
    under_way = transaction.scalars(
        select(SUBMISSIONS.c.reference)
        .join(SUBMISSION_POSTINGS, SUBMISSION_POSTINGS.c.submission_id == SUBMISSIONS.c.id)
        .where(SUBMISSIONS.c.connection == connection, SUBMISSION_IS_OPEN)
        .where(SUBMISSION_POSTINGS.c.posting_key.in_(list(postings)))
    ).all()
    if waiting or under_way:
        named = ", ".join([*waiting, *under_way][:3])
        raise StoreError(
            f"{len(waiting) + len(set(under_way))} postings of {customer} are not finished ({named})",
            connection=connection,
            subject=customer,
            next_step="let them be posted, or withdraw what is held, then forget the customer",
        )


def _values(
    transaction: Connection, connection: str, gocardless: Collection[str], erp: Collection[str]
) -> Iterator[str]:
    """What names the customer, in every spelling that is stored."""
    found: set[str] = set()
    entities = select(ENTITIES.c.body).where(*_customers(connection, gocardless))
    for text in transaction.scalars(entities):
        body = load_json(text)
        found.update(str(body.get(name) or "") for name in NAMING_FIELDS)
        found.add(" ".join(str(body.get(name) or "") for name in ("given_name", "family_name")).strip())
    rows = select(ERP_CUSTOMERS).where(ERP_CUSTOMERS.c.connection == connection, ERP_CUSTOMERS.c.number.in_(erp))
    for row in transaction.execute(rows):
        address = load_json(row.address)
        lines = (address.get(f"address_line{number}") or "" for number in (1, 2, 3))
        found.update((row.name, row.email, row.email_key, row.name_key, row.vat_number, *lines))
    return (value for value in found if len(value) >= SHORTEST_VALUE)


def _customers(connection: str, gocardless: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    entities = ENTITIES.c
    return (
        entities.connection == connection,
        entities.resource_type == "customers",
        entities.id.in_(gocardless),
    )


def _blank_customers(transaction: Connection, connection: str, gocardless: Collection[str]) -> int:
    where = _customers(connection, gocardless)
    rows = transaction.execute(select(ENTITIES.c.id, ENTITIES.c.body).where(*where)).all()
    for row in rows:
        body = load_json(row.body)
        kept = {name: body[name] for name in KEPT_OF_CUSTOMER if name in body} | {"forgotten": True}
        transaction.execute(update(ENTITIES).where(*where, ENTITIES.c.id == row.id).values(body=dump_json(kept)))
    return len(rows)


def _blank_erp_customers(transaction: Connection, connection: str, erp: Collection[str]) -> int:
    customers = ERP_CUSTOMERS.c
    blank = dict.fromkeys(("name", "email", "email_key", "name_key", "vat_number"), "") | {"address": "{}"}
    changed = update(ERP_CUSTOMERS).where(customers.connection == connection, customers.number.in_(erp))
    return transaction.execute(changed.values(active=False, **blank)).rowcount


def _drop_agreements(transaction: Connection, connection: str, gocardless: Collection[str]) -> int:
    agreements = CUSTOMER_AGREEMENTS.c
    removed = delete(CUSTOMER_AGREEMENTS).where(
        agreements.connection == connection, agreements.gocardless_customer.in_(gocardless)
    )
    return transaction.execute(removed).rowcount


def _blank_setups(transaction: Connection, connection: str, erp: Collection[str]) -> int:
    """The address of a page on which bank details are entered leads to the person."""
    setups = MANDATE_SETUPS.c
    changed = update(MANDATE_SETUPS).where(
        and_(setups.connection == connection, setups.customer.in_(erp), setups.url != "")
    )
    return transaction.execute(changed.values(url="")).rowcount


def _replace_in_postings(
    transaction: Connection, connection: str, postings: Collection[str], values: Collection[str]
) -> int:
    count = 0
    for key in postings:
        where = (POSTINGS.c.connection == connection, POSTINGS.c.key == key)
        row = transaction.execute(select(POSTINGS.c.body, POSTINGS.c.held_reason).where(*where)).one()
        body = dump_json(_without(load_json(row.body), values))
        reason = _without(row.held_reason, values)
        if (body, reason) != (row.body, row.held_reason):
            transaction.execute(update(POSTINGS).where(*where).values(body=body, held_reason=reason))
            count += 1
    return count


def _without(value: Any, values: Collection[str]) -> Any:
    """The same value with every text of the person replaced, in the case in which it is written or another."""
    if isinstance(value, dict):
        return {name: _without(inner, values) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without(inner, values) for inner in value]
    if not isinstance(value, str):
        return value
    for each in values:
        value = re.sub(re.escape(each), FORGOTTEN, value, flags=re.IGNORECASE)
    return value


def _replace_in_submissions(
    transaction: Connection, connection: str, postings: Collection[str], values: Collection[str]
) -> int:
    """Requests keep their shape, and the hash of what was really sent."""
    wanted = (
        select(SUBMISSIONS)
        .where(SUBMISSIONS.c.connection == connection)
        .where(
            SUBMISSIONS.c.id.in_(
                select(SUBMISSION_POSTINGS.c.submission_id).where(
                    SUBMISSION_POSTINGS.c.connection == connection,
                    SUBMISSION_POSTINGS.c.posting_key.in_(list(postings)),
                )
            )
        )
    )
    patterns = [re.compile(spelt, re.IGNORECASE) for value in values for spelt in _spellings(value)]
    count = 0
    for row in transaction.execute(wanted).all():
        body = bytes(row.body)
        for pattern in patterns:
            body = pattern.sub(FORGOTTEN.encode(), body)
        texts = {
            name: _without(getattr(row, name), values) for name in ("path", "summary", "reason", "document_details")
        }
        if body != bytes(row.body) or any(getattr(row, name) != text for name, text in texts.items()):
            transaction.execute(update(SUBMISSIONS).where(SUBMISSIONS.c.id == row.id).values(body=body, **texts))
            count += 1
    return count


def _spellings(value: str) -> set[bytes]:
    """Patterns of a text as JSON with and without escapes, as XML, and in the code pages of accounting files."""
    written = {value.encode(), orjson.dumps(value)[1:-1], json.dumps(value)[1:-1].encode()}
    written.add(value.replace("&", "&amp;").replace("<", "&lt;").encode())
    written.add(value.encode("cp1252", "replace"))
    return {_or_its_beginning(each) for each in written}


def _or_its_beginning(written: bytes) -> bytes:
    """A pattern of as much of a text as stands there: fields of accounting files cut names to their width."""
    pieces = [re.escape(written[place : place + 1]) for place in range(len(written))]
    pattern = b""
    for piece in reversed(pieces[SHORTEST_BEGINNING:][:LONGEST_VALUE]):
        pattern = b"(?:" + piece + pattern + b")?"
    return b"".join(pieces[:SHORTEST_BEGINNING]) + pattern
