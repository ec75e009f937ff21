"""Records as JSON: feeds, single records, numbers and dates as the switches say, and the error body (section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import orjson

from sandbox.sage300.schema import EntityType, Row
from sandbox.sage300.switches import Switches

JSON_TYPE = "application/json; odata.metadata=minimal; charset=utf-8"
#: what some releases add to records and details.
_LEFTOVERS = {
    "ETag": None,
    "IsDeleted": False,
    "IsNewLine": False,
    "HasChanged": False,
    "DisplayIndex": 0,
    "PreviousKey": None,
}


class Writer:
    """Encodes the records of one answer."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._renamed = switches.renamed_members

    def record(self, kind: EntityType, row: Row, context: str, warnings: Sequence[Row] = ()) -> bytes:
        """One record, without the feed around it."""
        told = {"Warnings": warnings} if warnings else {}
        return self._bytes({"@odata.context": context, **self._shaped(kind, row, ()), **told})

    def selected(self, kind: EntityType, row: Row, select: Sequence[str], context: str) -> bytes:
        """One record with only some of its properties."""
        return self._bytes({"@odata.context": context, **self._shaped(kind, row, select)})

    def feed(
        self,
        kind: EntityType,
        rows: Iterable[Row],
        select: Sequence[str],
        *,
        context: str,
        count: int | None = None,
        next_link: str = "",
    ) -> bytes:
        prefix = self._switches.odata_prefix
        body: dict[str, Any] = {f"{prefix}odata.context": context}
        if count is not None:
            body[f"{prefix}odata.count"] = str(count) if self._switches.count_as_text else count
        body["value"] = [self._shaped(kind, row, select) for row in rows]
        if next_link:
            body[f"{prefix}odata.nextLink"] = next_link
        return self._bytes(body)

    def _shaped(self, kind: EntityType, row: Row, select: Sequence[str]) -> dict[str, Any]:
        names = select or (*kind.fields, *kind.details)
        shown: dict[str, Any] = {}
        for name in names:
            if name in kind.details:
                inner = kind.details[name].kind
                shown[name] = [self._shaped(inner, each, ()) for each in row[name]]
            else:
                shown[name] = row[name]
        if self._renamed or self._switches.padded_text:
            self._respelled(kind, shown)
        if self._switches.batch_numbers_with_decimals and isinstance(shown.get("BatchNumber"), int):
            shown["BatchNumber"] = orjson.Fragment(f"{shown['BatchNumber']}.0".encode())
        if not select:
            shown["UpdateOperation"] = "Unspecified"
            if self._switches.model_leftovers:
                shown |= _LEFTOVERS
        return shown

    def _respelled(self, kind: EntityType, shown: dict[str, Any]) -> None:
        for name, known in kind.fields.items():
            if name not in shown:
                continue
            if known.kind == "E":
                shown[name] = self._renamed.get(shown[name], shown[name])
            elif known.kind == "S" and self._switches.padded_text:
                shown[name] = shown[name].ljust(known.length)

    def _bytes(self, body: dict[str, Any]) -> bytes:
        return orjson.dumps(body, default=self._other, option=orjson.OPT_PASSTHROUGH_DATETIME)

    def _other(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return orjson.Fragment(self._number(value).encode())
        if isinstance(value, date):
            return f"{value.isoformat()}T00:00:00{'Z' if self._switches.date_style == 'z' else ''}"
        raise TypeError(type(value).__name__)

    def _number(self, value: Decimal) -> str:
        if self._switches.number_style == "scale3":
            return f"{value:.3f}"
        text = f"{value:f}"
        text = (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
        return f"{text}.0" if self._switches.number_style == "one_place" and "." not in text else text


def error(code: str, message: str) -> bytes:
    """The error body of the Web API."""
    return orjson.dumps({"error": {"code": code, "message": {"lang": "en-US", "value": message}}})
