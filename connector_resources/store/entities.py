"""The newest JSON of every GoCardless resource we read, by id, and the items of every payout.

History is in the inbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from connector_resources.store.among import among
from connector_resources.store.engine import Database
from connector_resources.store.json_text import dump_json, load_json
from connector_resources.store.rows import put_rows
from connector_resources.store.schema import ENTITIES, PAYOUT_ITEMS, PAYOUT_READS
from connector_resources.store.trail import Trail

_entities = ENTITIES.c


@dataclass(frozen=True, slots=True)
class Changes:
    """How many bodies were new, changed something, or were what we already had."""

    new: int
    changed: int
    same: int


class Entities:
    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    def put(
        self,
        connection: str,
        resource_type: str,
        bodies: Sequence[Mapping[str, Any]],
        *,
        day_of: Callable[[datetime], date],
        told_at: datetime | None = None,
        within: Connection | None = None,
    ) -> Changes:
        """Keep each body as the newest state of its `id`. `day_of` gives the activity day of its `created_at`.

        `told_at` is when GoCardless says that it told this: it counts where our clock is ahead of that.
        """
        now = self._database.now()
        fetched_at = min(now, told_at or now)
        rows: dict[str, dict[str, Any]] = {}
        for body in bodies:
            created_at = datetime.fromisoformat(body["created_at"]) if body.get("created_at") else None
            rows[body["id"]] = {
                "connection": connection,
                "resource_type": resource_type,
                "id": body["id"],
                "created_at": created_at,
                "activity_day": None if created_at is None else day_of(created_at),
                "fetched_at": fetched_at,
                "body": dump_json(body),
            }
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            known = _texts(transaction, connection, resource_type, list(rows))
            put_rows(transaction, ENTITIES, list(rows.values()))
        same = sum(1 for key, row in rows.items() if known.get(key) == row["body"])
        return Changes(new=len(rows) - len(known), changed=len(known) - same, same=same)

    def get(self, connection: str, resource_type: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The bodies of those `ids` that were ever read."""
        if not ids:
            return {}
        with self._database.read() as reading:
            texts = _texts(reading, connection, resource_type, ids)
        return {key: load_json(text) for key, text in texts.items()}

    def fetched_at(self, connection: str, resource_type: str, entity_id: str) -> datetime:
        """When the body was read last. Raises `NoResultFound` when it never was."""
        wanted = select(_entities.fetched_at).where(
            _entities.connection == connection, _entities.resource_type == resource_type, _entities.id == entity_id
        )
        with self._database.read() as reading:
            moment: datetime = reading.execute(wanted).scalar_one()
        return moment

    def missing(self, connection: str, resource_type: str, ids: Sequence[str]) -> list[str]:
        """Those of `ids` that were never read, in the order given, each once."""
        if not ids:
            return []
        told = {"of_connection": connection, "of_type": resource_type, "ids": list(dict.fromkeys(ids))}
        with self._database.read() as reading:
            known = set(reading.scalars(_KNOWN_IDS, told))
        return [key for key in told["ids"] if key not in known]

    def of_day(self, connection: str, resource_type: str, first_day: date, last_day: date) -> Iterator[dict[str, Any]]:
        """Bodies of resources created on these activity days, by day and id; streamed."""
        wanted = (
            select(_entities.body)
            .where(_entities.connection == connection, _entities.resource_type == resource_type)
            .where(_entities.activity_day.between(first_day, last_day))
            .order_by(_entities.activity_day, _entities.id)
        )
        return (load_json(row.body) for row in self._database.stream(wanted))

    def all(self, connection: str, resource_type: str) -> Iterator[dict[str, Any]]:
        """Every body of this type, by id; streamed."""
        wanted = (
            select(_entities.body)
            .where(_entities.connection == connection, _entities.resource_type == resource_type)
            .order_by(_entities.id)
        )
        return (load_json(row.body) for row in self._database.stream(wanted))

    def count(self, connection: str, resource_type: str) -> int:
        wanted = select(func.count()).where(
            _entities.connection == connection, _entities.resource_type == resource_type
        )
        with self._database.read() as reading:
            return reading.execute(wanted).scalar_one()

    def put_payout_items(
        self,
        connection: str,
        payout_id: str,
        items: Sequence[Mapping[str, Any]],
        *,
        within: Connection | None = None,
    ) -> None:
        """Keep the complete list of a payout's items, in place of an earlier one."""
        rows = [
            {"connection": connection, "payout_id": payout_id, "position": position, "body": dump_json(item)}
            for position, item in enumerate(items)
        ]
        read = {
            "connection": connection,
            "payout_id": payout_id,
            "item_count": len(rows),
            "fetched_at": self._database.now(),
        }
        with self._database.write(within) as transaction:
            self._trail.lock(connection, within=transaction)
            put_rows(transaction, PAYOUT_READS, [read])
            earlier = (PAYOUT_ITEMS.c.connection == connection, PAYOUT_ITEMS.c.payout_id == payout_id)
            transaction.execute(delete(PAYOUT_ITEMS).where(*earlier))
            if rows:
                transaction.execute(insert(PAYOUT_ITEMS), rows)

    def payout_items(self, connection: str, payout_id: str) -> list[dict[str, Any]] | None:
        """The payout's items in GoCardless's order; None when they were never read, which is not the same as none."""
        read = select(PAYOUT_READS.c.item_count).where(
            PAYOUT_READS.c.connection == connection, PAYOUT_READS.c.payout_id == payout_id
        )
        items = (
            select(PAYOUT_ITEMS.c.body)
            .where(PAYOUT_ITEMS.c.connection == connection, PAYOUT_ITEMS.c.payout_id == payout_id)
            .order_by(PAYOUT_ITEMS.c.position)
        )
        with self._database.snapshot() as reading:
            if reading.scalar(read) is None:
                return None
            return [load_json(body) for body in reading.scalars(items)]


def _texts(reading: Connection, connection: str, resource_type: str, ids: Sequence[str]) -> dict[str, str]:
    if not ids:
        return {}
    wanted = {"of_connection": connection, "of_type": resource_type, "ids": list(dict.fromkeys(ids))}
    found = reading.execute(_BY_IDS, wanted)
    return {row.id: row.body for row in found}


_KNOWN_IDS = select(_entities.id).where(
    _entities.connection == bindparam("of_connection"),
    _entities.resource_type == bindparam("of_type"),
    among(_entities.id, "ids"),
)
_BY_IDS = select(_entities.id, _entities.body).where(
    _entities.connection == bindparam("of_connection"),
    _entities.resource_type == bindparam("of_type"),
    among(_entities.id, "ids"),
)
