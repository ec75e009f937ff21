"""The history log: what was inserted, changed and deleted in the logical units it is enabled for (fact sheet 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.odata.tables import OBJID, VERSION, Table

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

_WORDS = {"insert": "Insert", "update": "Modify", "delete": "Remove"}


def log(tenant: Tenant, table: Table, what: str, row: Row, former: Row) -> None:
    """Write one entry with the attributes that changed, when the unit is logged."""
    if table.name not in tenant.switches.history_units:
        return
    log_id = tenant.next_number("history")
    keys = "".join(f"{column}={row[column]}^" for column in table.keys)
    tenant.table("HistoryLog").add(
        {
            "LogId": log_id, "LuName": table.name, "Keys": keys, "TimeStamp": tenant.now(), "Username": "IFSAPP",
            "HistoryType": _WORDS[what], "Module": "ENTERP" if table.name.startswith("Customer") else "PAYLED",
        }
    )  # fmt: skip
    changed = former if what == "update" else row
    for column in changed:
        if column in (OBJID, VERSION) or (what == "update" and former[column] == row[column]):
            continue
        tenant.table("HistoryLogAttribute").add(
            {
                "LogId": log_id, "ColumnName": column, "ColumnNamePrompt": column,
                "OldValue": _text(former.get(column)), "NewValue": None if what == "delete" else _text(row.get(column)),
            }
        )  # fmt: skip


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
