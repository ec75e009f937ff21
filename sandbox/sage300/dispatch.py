"""What an admitted request does: feeds with their pages, single records, inserts, updates, deletions and processes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sandbox.sage300 import filters, inserting, metadata, wire
from sandbox.sage300.addresses import APP, Address, action, read_key
from sandbox.sage300.processes import PROCESSES, template
from sandbox.sage300.refusals import (
    InvalidAction,
    InvalidParameters,
    InvalidPayload,
    MethodNotAllowed,
    RecordNotFound,
    ResourceNotFound,
)
from sandbox.sage300.resources import RESOURCES, Resource
from sandbox.sage300.schema import Row, fitted, read
from sandbox.sage300.tables import Key

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

_OPTIONS = frozenset({"$filter", "$select", "$skip", "$top", "$count"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the resources see it; `query` holds its parameters decoded."""

    method: str
    query: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: bytes = b""
    content_type: str = wire.JSON_TYPE


def answer(company: Company, address: Address, call: Call) -> Answer:
    """Raises a `Refusal`. The caller has checked credentials and rights and holds the lock."""
    if address.resource == "$metadata":
        return Answer(200, metadata.document(company, address.module), "application/xml; charset=utf-8")
    process = PROCESSES.get(address.resource)
    if process is not None and address.resource.startswith(address.module):
        return _run(company, address, call)
    resource = RESOURCES.get(address.resource)
    if resource is None or resource.module != address.module:
        raise ResourceNotFound(f"The resource '{address.module}/{address.resource}' was not found.")
    if call.method not in resource.verbs:
        raise MethodNotAllowed(f"The method '{call.method}' is not supported by '{address.resource}'.")
    return _Exchange(company, resource, call).answer(address.key)


def _run(company: Company, address: Address, call: Call) -> Answer:
    process = PROCESSES[address.resource]
    if call.method != "POST":
        raise MethodNotAllowed(f"The method '{call.method}' is not supported by '{address.resource}'.")
    named = action(address.key)
    if named == "$template":
        return Answer(200, json.dumps(template(process, company.switches), default=str).encode())
    if named != "$process":
        raise InvalidAction(f"'{address.key}' is not an action of '{address.resource}'.")
    kind = process.kind(company.switches)
    given = read(parsed(call.body), kind, company.switches)
    row = kind.blank()
    for name, value in given.values:
        row[name] = fitted(kind.fields[name], value, company.switches)
    process.run(company, row)
    return Answer(204)


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=Decimal)
    except ValueError as problem:
        raise InvalidPayload("The request body is not valid JSON.") from problem


class _Exchange:
    """One request for records of a resource."""

    def __init__(self, company: Company, resource: Resource, call: Call) -> None:
        self._company = company
        self._resource = resource
        self._call = call
        self._table = company.tables[resource.name]
        self._writer = wire.Writer(company.switches)
        root = f"{company.switches.link_host}/{APP}/v1.0/-/{company.company_id}/{resource.module}"
        self._link = f"{root}/{resource.name}"
        self._context = f"{root}/$metadata#{resource.name}"

    def answer(self, key_text: str | None) -> Answer:
        self._company.refresh_profile()
        if self._call.method == "POST":
            return self._post(key_text)
        if key_text is None:
            if self._call.method == "GET":
                return self._feed()
            raise InvalidParameters(f"The method '{self._call.method}' needs a key.")
        key = self._key(key_text)
        if self._call.method == "GET":
            return self._one(key)
        if self._call.method == "DELETE":
            inserting.delete(self._company, self._resource.name, key)
        else:
            body = parsed(self._call.body)
            inserting.update(self._company, self._resource.name, key, body, replace=self._call.method == "PUT")
        return Answer(204)

    def _key(self, text: str) -> Key:
        key = read_key(text, self._resource.kind, self._company.switches)
        if key not in self._table:
            raise RecordNotFound(f"The record with key '{text}' was not found.")
        return key

    def _post(self, key_text: str | None) -> Answer:
        if action(key_text) == "$template":
            row = self._resource.kind.blank()
            return Answer(200, self._writer.record(self._resource.kind, row, f"{self._context}/$entity"))
        if key_text is not None:
            raise InvalidAction(f"'{key_text}' is not an action of '{self._resource.name}'.")
        warnings: list[Row] = []
        row = inserting.insert(self._company, self._resource.name, parsed(self._call.body), warnings)
        return Answer(201, self._writer.record(self._resource.kind, row, f"{self._context}/$entity", warnings))

    def _one(self, key: Key) -> Answer:
        row, select = self._table[key], self._select()
        if not select:
            return Answer(200, self._writer.record(self._resource.kind, row, f"{self._context}/$entity"))
        return Answer(200, self._writer.selected(self._resource.kind, row, select, f"{self._context}/$entity"))

    # -- feeds --------------------------------------------------------------------------------------------------------

    def _feed(self) -> Answer:
        for name in self._call.query:
            if name.startswith("$") and name not in _OPTIONS:
                raise InvalidParameters(f"The query option '{name}' is not supported.")
        select = self._select()
        rows = self._matching()
        skip, top, cap = self._whole("$skip"), self._whole("$top"), self._company.switches.page_size
        wanted = rows[skip or 0 :] if top is None else rows[skip or 0 : (skip or 0) + top]
        page = wanted[:cap]
        more = len(wanted) > cap and (top is None or self._company.switches.top_over_page == "next_link")
        content = self._writer.feed(
            self._resource.kind,
            page,
            select,
            context=self._context,
            count=len(rows) if self._flag("$count") else None,
            next_link=self._next_link((skip or 0) + cap, None if top is None else top - cap) if more else "",
        )
        self._company.page_served()
        return Answer(200, content)

    def _matching(self) -> list[Row]:
        text = self._call.query.get("$filter", "").strip()
        if not text:
            return list(self._table)
        test = filters.parse(text, self._resource.kind, self._company.switches)
        return [row for row in self._table if test(row)]

    def _select(self) -> list[str]:
        text = self._call.query.get("$select", "").strip()
        names = [name.strip() for name in text.split(",")] if text and text != "*" else []
        kind = self._resource.kind
        for name in names:
            if name not in kind.fields and name not in kind.details:
                raise filters.no_property(name, kind)
        return names

    def _whole(self, name: str) -> int | None:
        text = self._call.query.get(name)
        if text is None:
            return None
        if not text.isdigit():
            raise InvalidParameters(f"Invalid value '{text}' for {name}.")
        return int(text)

    def _flag(self, name: str) -> bool:
        text = self._call.query.get(name, "false")
        if text not in ("true", "false"):
            raise InvalidParameters(f"Invalid value '{text}' for {name}.")
        return text == "true"

    def _next_link(self, skip: int, top: int | None) -> str:
        kept = {name: value for name, value in self._call.query.items() if name not in ("$skip", "$top")}
        kept["$skip"] = str(skip)
        if top is not None:
            kept["$top"] = str(top)
        return f"{self._link}?{'&'.join(f'{name}={quote(value)}' for name, value in kept.items())}"
