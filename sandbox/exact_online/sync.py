"""The log of deletions and the way from a date to a row version (fact sheet, section 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.exact_online.filters import parse
from sandbox.exact_online.master_types import SYNC_TIMESTAMP
from sandbox.exact_online.refusals import BadRequest
from sandbox.exact_online.schema import Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

#: how long deletions are told.
HORIZON = timedelta(days=61)
#: `EntityType` of the tables whose deletions are logged.
ENTITY_TYPES = {
    "TransactionLines": 1, "Accounts": 2, "Documents": 6, "GLAccounts": 7, "Terms": 10, "SalesInvoices": 13,
    "BankAccounts": 48,
}  # fmt: skip
#: end points a date can be turned into a version for.
DATED = ("TransactionLines", "SalesInvoices")


def log_deletion(division: Division, table: str, key: str) -> None:
    if table in ENTITY_TYPES:
        division.tables["Deleted"].add(
            {
                "ID": division.new_id(),
                "EntityType": ENTITY_TYPES[table],
                "EntityKey": key,
                "DeletedBy": division.user_id,
                "DeletedDate": division.local_time(),
                "Division": division.code,
            }
        )


def still_told(division: Division, row: Row) -> bool:
    deleted: datetime = row["DeletedDate"]
    return deleted > division.local_time() - HORIZON


def timestamp(division: Division, query: Mapping[str, str]) -> Row:
    """The version to start from for a date: the greatest one of rows modified before it. Raises `BadRequest`."""
    moment, end_point = query.get("modified", ""), query.get("endPoint", "").strip("'")
    if not moment or not end_point:
        raise BadRequest("The parameters modified and endPoint are mandatory.")
    if end_point not in DATED:
        raise BadRequest(f"The end point {end_point} is not supported.")
    bound = parse(f"Modified gt {moment}", SYNC_TIMESTAMP).above["Modified"]
    versions = [row["Timestamp"] for row in division.tables[end_point] if row["Modified"] < bound]
    return {"EndPoint": end_point, "Modified": bound, "TimeStampAsBigInt": max(versions, default=1)}
