"""Column types that mean the same on SQLite and PostgreSQL: text that sorts by bytes, and instants as UTC text."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator

#: Text sorted by code point on both databases, so that paging and ordering agree with Python's.
TEXT = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

#: A number the database hands out. SQLite counts only columns that are exactly INTEGER.
SERIAL = BigInteger().with_variant(Integer, "sqlite")


class UtcText(TypeDecorator[datetime]):
    """An aware instant, stored as `2026-03-01T09:30:00.000000Z`: 27 characters that sort as the time does.

    Text, because the trail's hashes cover it and it must read back byte for byte on every database.
    """

    impl = TEXT
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else utc_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


def utc_text(moment: datetime) -> str:
    """`moment` as fixed-width UTC text. Raises `ValueError` for a naive time: its zone would be a guess."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; the store takes aware times only")
    # Written by the JSON library: `isoformat` takes ten times as long, which for rows by the thousand is felt.
    text = orjson.dumps(moment.astimezone(UTC), option=orjson.OPT_UTC_Z)[1:-2].decode()
    return f"{text}Z" if moment.microsecond else f"{text}.000000Z"
