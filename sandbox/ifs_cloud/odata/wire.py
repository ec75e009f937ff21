"""Answers in the provider's JSON: contexts, ETags, system members, decimals and timestamps as the request wants them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson

from sandbox.ifs_cloud.odata.addresses import address_of
from sandbox.ifs_cloud.odata.edm import EntityType, Row
from sandbox.ifs_cloud.odata.etags import etag
from sandbox.ifs_cloud.odata.literals import number
from sandbox.ifs_cloud.odata.service import Call, Service
from sandbox.ifs_cloud.odata.tables import OBJID
from sandbox.ifs_cloud.refusals import Business, Refusal

JSON = "application/json;odata.metadata=minimal"
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes for one call. `system_members` are `luname` and `keyref`; a server written by others has none."""

    call: Call
    service: Service
    system_members: bool = True

    def collection(self, kind: EntityType, name: str, page: Page) -> bytes:
        body: dict[str, Any] = {"@odata.context": f"{self.call.root}/$metadata#{name}"}
        if page.count is not None:
            body["@odata.count"] = page.count
        body["value"] = [self.entity(kind, row, page.select) for row in page.rows]
        if page.next_link:
            body["@odata.nextLink"] = page.next_link
        return self.dumped(body)

    def single(self, kind: EntityType, name: str, row: Row, select: tuple[str, ...] = ()) -> bytes:
        context = {"@odata.context": f"{self.call.root}/$metadata#{name}/$entity"}
        return self.dumped(context | self.entity(kind, row, select))

    def value(self, name: str, value: Any) -> bytes:
        context = {"@odata.context": f"{self.call.root}/$metadata#{name}"}
        return self.dumped(context | (value if isinstance(value, dict) else {"value": value}))

    def entity(self, kind: EntityType, row: Row, select: tuple[str, ...] = ()) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        if OBJID in row:
            shown["@odata.etag"] = self.etag(row)
            if self.system_members:
                shown["luname"] = kind.lu
                shown["keyref"] = keyref(kind, row)
        for name in select or kind.properties:
            known = kind.properties[name]
            if known.kind != "X":
                shown[name] = row.get(known.column)
        return shown

    def etag(self, row: Row) -> str:
        return etag(row, self.call.database, weak=self.call.switches.etag_style == "weak")

    def location(self, kind: EntityType, path: str, row: Row) -> str:
        return f"{self.call.root}/{path}{address_of(kind, row, self.service.namespace)}"

    def dumped(self, body: Any) -> bytes:
        return orjson.dumps(body, default=self._default, option=orjson.OPT_PASSTHROUGH_DATETIME)

    def _default(self, value: object) -> Any:
        if isinstance(value, Decimal):
            return number(value) if self._decimals_as_strings else orjson.Fragment(number(value))
        if isinstance(value, datetime):
            return f"{self.call.zone.shown(value):%Y-%m-%dT%H:%M:%SZ}"
        if isinstance(value, date):
            return value.isoformat()
        raise TypeError(f"{value!r} has no form on the wire")

    @property
    def _decimals_as_strings(self) -> bool:
        switches = self.call.switches
        asked = "ieee754compatible=true" in self.call.headers.get("accept", "").lower().replace(" ", "")
        return switches.decimals_as_strings or (asked and switches.ieee754_honoured)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one answer, what is shown of them, how many there are in all (when asked), and where to go on."""

    rows: Iterable[Row]
    select: tuple[str, ...] = ()
    count: int | None = None
    next_link: str = ""


def keyref(kind: EntityType, row: Row) -> str:
    """`COMPANY=10^INVOICE_ID=1234^`."""
    return "".join(f"{_WORDS.sub('_', column).upper()}={row[column]}^" for column in kind.key_columns)


_TRANSLATED = {
    "de": "Datenbankfehler. Wenden Sie sich an den Administrator.",
    "sv": "Databasfel. Kontakta administratören.",
    "en": "Database error occurred. Contact administrator.",
}
_RULE_TEXT = {"de": "Die Anwendung hat dies abgelehnt", "sv": "Applikationen nekade detta"}


def error(refusal: Refusal, *, language: str, details: bool, code_as_text: bool) -> bytes:
    """The error envelope of section 6.1. Tags are never translated, texts are."""
    if not isinstance(refusal, Business):
        return orjson.dumps({"error": {"code": refusal.code, "message": str(refusal)}})
    text = f"{_RULE_TEXT[language]}: {refusal}" if language in _RULE_TEXT else str(refusal)
    body: dict[str, Any] = {"code": refusal.code, "message": _TRANSLATED[language]}
    line = f"ORA-{refusal.ora:05d}: {refusal.tag}: {text}"
    if details:
        body["details"] = [{"code": str(refusal.ora) if code_as_text else refusal.ora, "message": line}]
    else:
        body["message"] = line
    return orjson.dumps({"error": body})
