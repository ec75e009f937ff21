"""Answers as bytes: verbose OData JSON (`d`, `results`, `__next`, `__metadata`, `/Date()/`) or Atom, and both error shapes.

Sections 3.1, 3.3 and 3.4 of the fact sheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import orjson

from sandbox.exact_online.calls import Answer, literal
from sandbox.exact_online.schema import EDM, EntityType, Property, Row

_ATOM = "http://www.w3.org/2005/Atom"
_DATA = "http://schemas.microsoft.com/ado/2007/08/dataservices"
_META = f"{_DATA}/metadata"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: what binary doubles do to decimals in their last place.
_NOISE = Decimal("0.00000000000001")

JSON_TYPE = "application/json; charset=utf-8"
ATOM_TYPE = "application/atom+xml; charset=utf-8"
for prefix, space in (("", _ATOM), ("d", _DATA), ("m", _META)):
    ElementTree.register_namespace(prefix, space)


@dataclass(frozen=True, slots=True)
class Writer:
    """Encodes entities of one request. `base` is the address of the division, `expand` the lines to write in full."""

    base: str
    noise: bool = False
    expand: Mapping[str, list[Row]] | None = None

    def json(self, answer: Answer) -> bytes:
        if answer.row is not None:
            assert answer.kind is not None
            return orjson.dumps({"d": self._entity(answer.kind, answer.path, answer.row, answer.select)})
        assert answer.kind is not None
        assert answer.rows is not None
        rows = self._entities(answer)
        if answer.bare:
            return orjson.dumps({"d": rows})
        body: dict[str, Any] = {"results": rows}
        if answer.next_link:
            body["__next"] = answer.next_link
        if answer.count is not None:
            body["__count"] = str(answer.count)
        return orjson.dumps({"d": body})

    def _entities(self, answer: Answer) -> list[dict[str, Any]]:
        assert answer.kind is not None
        return [self._entity(answer.kind, answer.path, row, answer.select) for row in answer.rows or ()]

    def address(self, kind: EntityType, path: str, row: Row) -> str:
        return f"{self.base}/{path}({literal(row[kind.key])})"

    def _entity(self, kind: EntityType, path: str, row: Row, select: tuple[str, ...]) -> dict[str, Any]:
        uri = self.address(kind, path, row)
        shown: dict[str, Any] = {"__metadata": {"uri": uri, "type": f"Exact.Web.Api.Models.{kind.name}"}}
        for known in self._shown(kind, select):
            shown[known.name] = self._value(row.get(known.name))
        if kind.lines and (not select or kind.lines in select):
            shown[kind.lines] = self._lines(kind, row, uri)
        return shown

    def _lines(self, kind: EntityType, row: Row, uri: str) -> dict[str, Any]:
        assert kind.line_type is not None
        if self.expand is None:
            return {"__deferred": {"uri": f"{uri}/{kind.lines}"}}
        lines = self.expand.get(row[kind.key], [])
        return {"results": [self._entity(kind.line_type, kind.lines, line, ()) for line in lines]}

    @staticmethod
    def _shown(kind: EntityType, select: tuple[str, ...]) -> list[Property]:
        if select:
            return [kind.properties[name] for name in select if name != kind.lines]
        return [known for known in kind.properties.values() if known.name not in kind.hidden]

    def _value(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return date_text(value)
        if isinstance(value, Decimal):
            return orjson.Fragment(self.number(value).encode())
        return value

    def number(self, value: Decimal) -> str:
        """A JSON number as a double prints: no trailing zeros, and with binary noise when asked for."""
        if self.noise and value:
            value += _NOISE.copy_sign(value)
        text = f"{value:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"

    def atom(self, answer: Answer) -> bytes:
        assert answer.kind is not None
        if answer.row is not None:
            root = self._entry(answer, answer.row)
        else:
            root = ElementTree.Element(f"{{{_ATOM}}}feed")
            for row in answer.rows or ():
                root.append(self._entry(answer, row))
            if answer.next_link:
                ElementTree.SubElement(root, f"{{{_ATOM}}}link", rel="next", href=answer.next_link)
        return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))

    def _entry(self, answer: Answer, row: Row) -> ElementTree.Element:
        assert answer.kind is not None
        entry = ElementTree.Element(f"{{{_ATOM}}}entry")
        ElementTree.SubElement(entry, f"{{{_ATOM}}}id").text = self.address(answer.kind, answer.path, row)
        content = ElementTree.SubElement(entry, f"{{{_ATOM}}}content", type="application/xml")
        properties = ElementTree.SubElement(content, f"{{{_META}}}properties")
        for known in self._shown(answer.kind, answer.select):
            element = ElementTree.SubElement(properties, f"{{{_DATA}}}{known.name}")
            if known.kind != "S":
                element.set(f"{{{_META}}}type", EDM[known.kind])
            value = row.get(known.name)
            if value is None:
                element.set(f"{{{_META}}}null", "true")
            else:
                element.text = self._xml_text(value)
        return entry

    def _xml_text(self, value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Decimal):
            return self.number(value)
        return value.isoformat() if isinstance(value, datetime) else str(value)


def date_text(value: datetime) -> str:
    """`/Date(ms)/` of the zone-less moment read as UTC."""
    return f"/Date({(value.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)})/"


def error(message: str, language: str, *, as_json: bool) -> tuple[bytes, str]:
    """The envelope of refusals and its content type."""
    lang = "nl-NL" if language == "nl" else "en-US"
    if as_json:
        return orjson.dumps({"error": {"code": "", "message": {"lang": lang, "value": message}}}), JSON_TYPE
    root = ElementTree.Element(f"{{{_META}}}error")
    ElementTree.SubElement(root, f"{{{_META}}}code")
    element = ElementTree.SubElement(root, f"{{{_META}}}message")
    element.set("{http://www.w3.org/XML/1998/namespace}lang", lang)
    element.text = message
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)), "application/xml; charset=utf-8"
