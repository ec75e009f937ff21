"""One call to one service: its segments followed to a collection, an entity, a member, an action or a function.

It knows verbs, statuses, ETags and headers; what a write does is in the handlers of the sets.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from sandbox.ifs_cloud.odata import bodies, metadata, query
from sandbox.ifs_cloud.odata.addresses import Segment, key_of, parameters, segments
from sandbox.ifs_cloud.odata.edm import EntityType, Row
from sandbox.ifs_cloud.odata.etags import check
from sandbox.ifs_cloud.odata.filters import Dialect
from sandbox.ifs_cloud.odata.service import Action, Answer, Call, EntitySet, Function, Service
from sandbox.ifs_cloud.odata.wire import JSON, Writer
from sandbox.ifs_cloud.refusals import BadRequest, Unknown, WrongVerb


def answer(service: Service, call: Call, raw_path: str, *, system_members: bool = True) -> Answer:
    """The answer to `call` at the percent-encoded path behind the service root. Raises `Refusal`."""
    return _Visit(service, call, system_members).answer(raw_path)


class _Visit:
    def __init__(self, service: Service, call: Call, system_members: bool) -> None:
        self._service = service
        self._call = call
        self._writer = Writer(call, service, system_members)
        switches = call.switches
        self._dialect = Dialect(
            service.namespace,
            service.enums,
            call.zone,
            switches.plain_enum_strings == "accept",
            switches.objstate_filter == "qualified",
        )

    def answer(self, raw_path: str) -> Answer:
        name = unquote(raw_path).strip("/")
        if name in ("", "$metadata", "$openapi"):
            return self._description(name)
        first, *rest = segments(raw_path)
        if first.name in self._service.functions:
            return self._function(self._service.functions[first.name], first)
        if first.name in self._service.actions and first.values is None:
            return self._unbound(self._service.actions[first.name], first.name)
        entities = self._service.sets.get(first.name)
        if entities is None:
            raise Unknown(f"The resource '{first.name}' does not exist.")
        return self._at(entities, first, rest, first.name, None)

    def _description(self, name: str) -> Answer:
        self._only("GET")
        if name == "$metadata":
            return Answer(200, metadata.edmx(self._service), {"OData-Version": "4.0"}, "application/xml")
        if name == "$openapi":
            return Answer(200, metadata.openapi(self._service), {}, "application/json")
        return self._json(200, metadata.document(self._service, self._call.root))

    def _at(
        self,
        entities: EntitySet,
        here: Segment,
        rest: list[Segment],
        path: str,
        within: Row | None,
        up: Row | None = None,
    ) -> Answer:
        if here.values is None:
            if rest and rest[0].name == "$count":
                self._only("GET")
                page = query.read(entities, self._call_counting(), self._dialect, within)
                return Answer(200, str(page.count).encode(), {}, "text/plain")
            if rest and rest[0].name.startswith(f"{self._service.namespace_root}."):
                return self._on_collection(entities, rest[0])
            if rest:
                raise Unknown(f"The resource '{rest[0].name}' does not exist.")
            return self._collection(entities, path, within, up)
        if not rest and self._is_upsert(entities, here, within):
            key = key_of(entities.kind, here.values, self._dialect)
            return self._created(entities, path, {**(within or {}), **key}, up)
        row = self._row(entities, here, within)
        if not rest:
            return self._entity(entities, path, row)
        return self._behind(entities, path, row, rest)

    def _behind(self, entities: EntitySet, path: str, row: Row, rest: list[Segment]) -> Answer:
        step = rest[0]
        navigation = entities.navigation.get(step.name)
        if navigation is not None:
            within = {column: row[ours] for column, ours in navigation.join}
            return self._at(navigation.target, step, rest[1:], f"{path}/{step.name}", within, row)
        known = entities.kind.properties.get(step.name)
        if len(rest) > 1 or step.values:
            raise Unknown(f"The resource '{step.name}' does not exist.")
        if known is not None and known.kind == "X":
            return self._stream(entities, row, known.column)
        if known is not None:
            self._only("GET")
            return self._json(200, self._writer.value(f"{path}/{step.name}", row.get(known.column)))
        name = step.name.removeprefix(f"{self._service.namespace}.")
        if name == step.name or name not in entities.actions:
            raise Unknown(f"The resource '{step.name}' does not exist.")
        return self._act(entities, path, row, entities.actions[name])

    # -- reading ----------------------------------------------------------------------------------------------------

    def _collection(self, entities: EntitySet, path: str, within: Row | None, up: Row | None) -> Answer:
        if self._call.method == "POST":
            return self._created(entities, path, within, up)
        self._only("GET")
        where = f"{self._service.name}/{entities.name}"
        if "$select" in self._call.query and where in self._call.switches.select_fails:
            raise BadRequest("The projection cannot limit its attributes.")
        page = query.read(entities, self._call, self._dialect, within)
        return self._json(200, self._writer.collection(entities.kind, path, page))

    def _call_counting(self) -> Call:
        call = self._call
        asked = {**call.query, "$count": "true"}
        return replace(call, query=asked)

    def _row(self, entities: EntitySet, here: Segment, within: Row | None) -> Row:
        assert here.values is not None
        key = key_of(entities.kind, here.values, self._dialect)
        wanted = {**(within or {}), **key}
        for row in self._candidates(entities, key):
            if all(row.get(column) == value for column, value in wanted.items()) and entities.shows(self._call, row):
                return row
        raise Unknown("The requested object does not exist.")

    def _is_upsert(self, entities: EntitySet, here: Segment, within: Row | None) -> bool:
        """A PATCH without If-Match of an object that is not there creates it, where the service takes that."""
        call = self._call
        if call.method != "PATCH" or call.headers.get("if-match") or call.switches.missing_if_match == "428":
            return False
        if entities.create is None:
            return False
        try:
            self._row(entities, here, within)
        except Unknown:
            return True
        return False

    def _candidates(self, entities: EntitySet, key: Row) -> list[Row]:
        table = entities.table
        if table is not None and set(table.keys) == set(key):
            found = table.get(*(key[column] for column in table.keys))
            return [found] if found is not None else []
        return list(entities.rows())

    def _entity(self, entities: EntitySet, path: str, row: Row) -> Answer:
        method = self._call.method
        if method == "GET":
            page = query.selected(self._call, entities.kind)
            body = self._writer.single(entities.kind, path, row, page)
            return self._json(200, body, {"ETag": self._writer.etag(row)} if "_objid" in row else {})
        if method == "PATCH" and entities.change is not None:
            # Without If-Match a PATCH is an upsert where the service takes it (section 0.5): nothing is compared.
            if self._call.headers.get("if-match") or self._call.switches.missing_if_match == "428":
                self._check(row)
            entities.change(self._call, row, bodies.entity(self._call, entities.kind, self._dialect, update=True))
            if self._call.switches.patch_answer == 204:
                return Answer(204, headers={"ETag": self._writer.etag(row)})
            body = self._writer.single(entities.kind, path, row)
            return self._json(200, body, {"ETag": self._writer.etag(row)})
        if method == "DELETE" and entities.delete is not None:
            self._check(row)
            entities.delete(self._call, row)
            return Answer(204)
        raise WrongVerb(f"The verb {method} is not supported on {path}.")

    # -- writing ----------------------------------------------------------------------------------------------------

    def _created(self, entities: EntitySet, path: str, within: Row | None, up: Row | None) -> Answer:
        if entities.create is None:
            raise WrongVerb(f"The verb POST is not supported on {path}.")
        body = bodies.entity(self._call, entities.kind, self._dialect, update=False)
        row = entities.create(self._call, {**body, **(within or {})}, up)
        headers = {"Location": self._writer.location(entities.kind, path, row), "ETag": self._writer.etag(row)}
        return self._json(201, self._writer.single(entities.kind, path, row), headers)

    def _stream(self, entities: EntitySet, row: Row, column: str) -> Answer:
        if self._call.method == "GET":
            return Answer(200, row.get(column) or b"", {}, "application/octet-stream")
        if self._call.method not in ("PUT", "PATCH") or entities.upload is None:
            raise WrongVerb(f"The verb {self._call.method} is not supported on a stream.")
        self._check(row)
        entities.upload(self._call, row, _file_name(self._call), self._call.body)
        return Answer(204, headers={"ETag": self._writer.etag(row)})

    def _act(self, entities: EntitySet, path: str, row: Row, action: Action) -> Answer:
        self._only("POST")
        if action.needs_etag:
            self._check(row)
        given = bodies.parameters(self._call, action.parameters, self._dialect)
        return self._told(action.run(self._call, row, given), entities.kind, path)

    def _function(self, function: Function, here: Segment) -> Answer:
        self._only("GET")
        given = parameters(dict(function.parameters), here.values or {}, self._dialect)
        return self._json(
            200, self._writer.value(f"{self._service.namespace}.{here.name}", function.run(self._call, given))
        )

    def _unbound(self, action: Function, name: str) -> Answer:
        self._only("POST")
        given = bodies.parameters(self._call, action.parameters, self._dialect)
        return self._told(action.run(self._call, given), None, name)

    def _on_collection(self, entities: EntitySet, step: Segment) -> Answer:
        """`<Entity>_Default()`: the values a new object starts with."""
        self._only("GET")
        if step.name != f"{self._service.namespace}.{entities.kind.name}_Default" or entities.create is None:
            raise Unknown(f"The resource '{step.name}' does not exist.")
        empty = {name: None for name, known in entities.kind.properties.items() if known.post}
        return self._json(200, self._writer.value(f"{entities.name}/$entity", empty))

    def _told(self, result: Any, kind: EntityType | None, path: str) -> Answer:
        if result is None:
            return Answer(204)
        if isinstance(result, dict) and kind is not None and "_objid" in result:
            headers = {"ETag": self._writer.etag(result)}
            return self._json(200, self._writer.single(kind, path, result), headers)
        return self._json(200, self._writer.value("Result", result))

    def _check(self, row: Row) -> None:
        check(self._call.headers.get("if-match"), self._writer.etag(row))

    def _only(self, method: str) -> None:
        if self._call.method != method:
            raise WrongVerb(f"The verb {self._call.method} is not supported here.")

    def _json(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        return Answer(status, body, {"OData-Version": "4.0", **(headers or {})}, JSON)


def _file_name(call: Call) -> str:
    """From `X-IFS-Content-Disposition: filename=<base64>`; empty when it is not sent. Raises `BadRequest`."""
    sent = call.headers.get("x-ifs-content-disposition", "")
    if not sent:
        return ""
    try:
        return base64.b64decode(sent.partition("filename=")[2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as problem:
        raise BadRequest("The file name in X-IFS-Content-Disposition is not base64.") from problem
