"""From a path under `/api/v1` to an endpoint, and from its rows to an HTTP answer (fact sheet, sections 1.1, 2 and 3.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from sandbox.exact_online import administration, queries, sync
from sandbox.exact_online.calls import Answer, Call, Endpoint
from sandbox.exact_online.endpoints import ENDPOINTS, LINE_TABLES
from sandbox.exact_online.master_types import ME, SYNC_TIMESTAMP
from sandbox.exact_online.refusals import BadRequest, Forbidden, Refusal, Unknown
from sandbox.exact_online.schema import Reading, Row
from sandbox.exact_online.wire import ATOM_TYPE, JSON_TYPE, Writer

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division

_PATH = re.compile(r"/api/v1/(?P<division>[^/]+)/(?P<rest>.+)")
_KEYED = re.compile(r"(?P<path>[^()]+)\((?:guid)?'?(?P<key>[^')]+?)L?'?\)(?:/(?P<lines>\w+))?")


class _NoMethod(Refusal):
    """405: the endpoint exists, but not with this method."""

    status = 405


def answer(division: Division, call: Call, path: str) -> Response:
    """Carry out one call. Raises a `Refusal`."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise Unknown("Resource not found.")
    where, rest = found["division"].lower(), found["rest"]
    if where == "current" and rest.lower() == "me":
        call.base = f"{call.root}/api/v1/current"
        with division.lock:
            return _written(division, call, _me(division, call))
    if not where.isdigit() or int(where) != division.code:
        if where in ("current", "beta"):
            raise Unknown("Resource not found.")
        raise Forbidden("Forbidden - Division not accessible.")
    call.base = f"{call.root}/api/v1/{division.code}"
    return _in_division(division, call, rest)


def _in_division(division: Division, call: Call, rest: str) -> Response:
    if rest.lower() == "read/sync/sync/synctimestamp":
        with division.lock:
            row = sync.timestamp(division, call.query)
            return _written(division, call, Answer(kind=SYNC_TIMESTAMP, path=rest, row=row))
    keyed = _KEYED.fullmatch(rest)
    counting = rest.lower().endswith("/$count")
    name = (keyed["path"] if keyed else rest.removesuffix("/$count")).lower()
    endpoint = ENDPOINTS.get(name)
    if endpoint is None:
        raise Unknown("Resource not found for the segment.")
    service, _, resource = endpoint.path.partition("/")
    if {service, endpoint.path, resource} & set(division.switches.forbidden):
        raise Forbidden(f"Forbidden - no access to {endpoint.path}.")
    if call.method == "GET":
        with division.lock:
            result = _read(division, endpoint, call, keyed, counting)
            response = _written(division, call, result)
            if result.rows is not None:
                division.page_served()
            return response
    if call.method == "POST" and keyed is None:
        return _created(division, endpoint, call)
    if keyed is None or keyed["lines"]:
        raise _NoMethod(f"{call.method} is not supported here.")
    with division.lock:
        return _changed(division, endpoint, call, keyed["key"])


def _me(division: Division, call: Call) -> Answer:
    if call.method != "GET":
        raise _NoMethod("current/Me can only be read.")
    select = tuple(filter(None, (name.strip() for name in call.query.get("$select", "").split(","))))
    for name in select:
        ME.property(name)
    return Answer(kind=ME, path="Me", rows=[administration.me(division)], select=select)


def _read(division: Division, endpoint: Endpoint, call: Call, keyed: re.Match[str] | None, counting: bool) -> Answer:
    if counting:
        return queries.count(division, endpoint, call)
    if keyed is None:
        return queries.read(division, endpoint, call)
    row = endpoint.shaped(division, _row(division, endpoint, call, keyed["key"]))
    if not keyed["lines"]:
        return Answer(kind=endpoint.kind, path=endpoint.path, row=row, select=queries.selected(endpoint, call))
    if keyed["lines"] != endpoint.kind.lines:
        raise Unknown("Resource not found for the segment.")
    service = endpoint.path.partition("/")[0]
    lines = ENDPOINTS[f"{service}/{endpoint.kind.lines}".lower()]
    of_header = division.tables[lines.table].where(LINE_TABLES[lines.table], row[endpoint.kind.key])
    return queries.read(division, lines, call, frozenset(line["ID"] for line in of_header))


def _row(division: Division, endpoint: Endpoint, call: Call, key: str) -> Row:
    if not endpoint.table:
        wanted = [row for row in (endpoint.source or (lambda _: ()))(division) if str(row[endpoint.kind.key]) == key]
        if wanted:
            return wanted[0]
        raise Unknown("Resource not found.")
    row = division.tables[endpoint.table].get(key.lower())
    if row is None or not endpoint.shows(division, call, row):
        raise Unknown("Resource not found.")
    return row


def _created(division: Division, endpoint: Endpoint, call: Call) -> Response:
    create = endpoint.writes.create
    if create is None:
        raise _NoMethod(f"POST is not supported on {endpoint.path}.")
    body = _body(division, endpoint, call, update=False)
    if endpoint.writes.unlocked:
        row = create(division, call, body)
    else:
        with division.lock:
            row = create(division, call, body)
    shown = endpoint.shaped(division, row)
    if not call.wants_representation:
        # Without Prefer most properties come back null (section 1.7).
        shown = {endpoint.kind.key: row[endpoint.kind.key]}
    created = Answer(201, endpoint.kind, endpoint.path, row=shown)
    created.location = Writer(call.base).address(endpoint.kind, endpoint.path, row)
    with division.lock:
        return _written(division, call, created)


def _changed(division: Division, endpoint: Endpoint, call: Call, key: str) -> Response:
    writes = endpoint.writes
    if call.method == "PUT" and writes.change is not None:
        row = _row(division, endpoint, call, key)
        writes.change(division, call, row, _body(division, endpoint, call, update=True))
    elif call.method == "DELETE" and writes.delete is not None:
        writes.delete(division, _row(division, endpoint, call, key))
    else:
        raise _NoMethod(f"{call.method} is not supported on {endpoint.path}.")
    return Response(None, 204)


def _body(division: Division, endpoint: Endpoint, call: Call, *, update: bool) -> Row:
    kind = call.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise BadRequest(f"The media type '{kind}' is not supported.")
    reading = Reading(division.switches.unknown_fields == "drop")
    body = reading.body(call.body, endpoint.kind, update=update)
    division.ignored_fields |= {f"{endpoint.path}: {name}" for name in reading.ignored}
    return body


def _written(division: Division, call: Call, result: Answer) -> Response:
    if result.text is not None:
        return Response(result.text, result.status, media_type=result.content_type)
    writer = Writer(call.base, division.switches.double_noise, _expanded(division, call, result))
    headers = {"Location": result.location} if result.location else {}
    if call.wants_json:
        return Response(writer.json(result), result.status, headers, media_type=JSON_TYPE)
    return Response(writer.atom(result), result.status, headers, media_type=ATOM_TYPE)


def _expanded(division: Division, call: Call, result: Answer) -> dict[str, list[Row]] | None:
    kind = result.kind
    if kind is None or not kind.lines or call.query.get("$expand") != kind.lines:
        return None
    rows = [result.row] if result.row is not None else list(result.rows or ())
    table, name = division.tables[kind.lines], LINE_TABLES[kind.lines]
    return {row[kind.key]: table.where(name, row[kind.key]) for row in rows}
