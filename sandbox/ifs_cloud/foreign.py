"""An OData v4 server as others might have written it: generic entities, its own names, numbers as ETags.

It has nothing of IFS Cloud but the place where the service and the token end point are. Next links come in all three forms
in turn; a changed row needs its weak ETag (428 without, 412 when stale). `create_foreign()` gives the application.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.faults import FaultLayer
from sandbox.ifs_cloud.foreign_store import TYPES, BadQuery, Conflict, Shape, Store

_ENTITY = re.compile(r"(?P<set>\w+)(?:\((?P<key>.*)\))?")
_PAIR = re.compile(r"(?:(\w+)=)?('(?:[^']|'')*'|[^,']+)(?:,|$)")
_VERSION = re.compile(r'W/"(\d+)"')


class ForeignServer:
    """The application. `store` defines sets and holds rows, `faults` breaks requests, `page_size` cuts pages."""

    def __init__(self, service: str, root: str, client: tuple[str, str], page_size: int) -> None:
        self.service = service
        self.root = f"{root}/{service}.svc"
        self.store = Store()
        self.page_size = page_size
        self._client = client
        self._tokens: set[str] = set()
        self._pages = 0
        self.faults = FaultLayer(
            Starlette(
                routes=[
                    Route("/auth/realms/{realm}/protocol/openid-connect/token", self._token, methods=["POST"]),
                    Route(self.root + "/{rest:path}", self._serve, methods=["GET", "POST", "PATCH", "DELETE"]),
                ]
            )
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.faults(scope, receive, send)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        if (form.get("client_id"), form.get("client_secret")) != self._client:
            return JSONResponse({"error": "invalid_client"}, 401)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        return JSONResponse({"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    async def _serve(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return _problem(401, "Unauthorized", "A valid bearer token is needed.")
        try:
            return await run_in_threadpool(self._answer, request, body)
        except BadQuery as problem:
            return _problem(400, "BadRequest", str(problem))
        except Conflict as problem:
            return _problem(409, "Conflict", str(problem))

    def _answer(self, request: Request, body: bytes) -> Response:
        rest = unquote(request.scope["raw_path"].decode().removeprefix(self.root)).strip("/")
        if rest == "$metadata":
            return Response(_metadata(self.service, self.store.shapes), media_type="application/xml")
        if not rest:
            listed = [{"name": name, "url": name} for name in self.store.shapes]
            return JSONResponse({"@odata.context": f"{self._base(request)}/$metadata", "value": listed})
        found = _ENTITY.fullmatch(rest)
        shape = self.store.shapes.get(found["set"]) if found else None
        if found is None or shape is None:
            return _problem(404, "NotFound", f"There is no resource {rest}.")
        if found["key"] is None:
            return self._collection(request, shape) if request.method == "GET" else self._created(request, shape, body)
        return self._single(request, shape, _key(shape, found["key"]), body)

    def _collection(self, request: Request, shape: Shape) -> Response:
        query = {name: value for name, value in request.query_params.items() if name.startswith("$")}
        unknown = set(query) - {"$filter", "$select", "$orderby", "$top", "$skip", "$count", "$skiptoken"}
        if unknown:
            return _problem(501, "NotImplemented", f"Not supported: {', '.join(sorted(unknown))}.")
        chosen = _chosen(shape, query.get("$select", ""))
        skip, seen = int(query.get("$skip", 0)), int(query.get("$skiptoken", 0))
        wanted = int(query["$top"]) - seen if "$top" in query else None
        size = self.page_size if wanted is None else min(self.page_size, wanted)
        rows, total = self.store.select(
            shape.name, query.get("$filter", ""), query.get("$orderby", ""), size, skip + seen
        )
        answer: dict[str, Any] = {"@odata.context": f"{self._base(request)}/$metadata#{shape.name}"}
        if query.get("$count") == "true":
            answer["@odata.count"] = total
        answer["value"] = [_shown(shape, row, chosen) for row in rows]
        more = skip + seen + len(rows) < total and (wanted is None or len(rows) < wanted)
        if more:
            answer["@odata.nextLink"] = self._link(request, shape, {**query, "$skiptoken": str(seen + len(rows))})
        return _json(answer)

    def _link(self, request: Request, shape: Shape, query: Mapping[str, str]) -> str:
        """Absolute, relative to the host, relative to the service, and so on."""
        self._pages += 1
        options = "&".join(f"{quote(name)}={quote(value)}" for name, value in query.items())
        start = (f"{self._base(request)}/", f"{self.root}/", "")[(self._pages - 1) % 3]
        return f"{start}{shape.name}?{options}"

    def _created(self, request: Request, shape: Shape, body: bytes) -> Response:
        values = _members(body)
        missing = set(shape.key) - set(values)
        if missing:
            return _problem(400, "BadRequest", f"The key is missing: {', '.join(sorted(missing))}.")
        self.store.insert(shape.name, **values)
        row = self.store.one(shape.name, {column: values[column] for column in shape.key})
        assert row is not None
        return _json(_shown(shape, row, tuple(shape.columns)), 201, {"ETag": _etag(row)})

    def _single(self, request: Request, shape: Shape, key: dict[str, Any], body: bytes) -> Response:
        row = self.store.one(shape.name, key)
        if row is None:
            return _problem(404, "NotFound", f"There is no {shape.name} with this key.")
        if request.method == "GET":
            shown = _shown(shape, row, _chosen(shape, request.query_params.get("$select", "")))
            return _json(
                {"@odata.context": f"{self._base(request)}/$metadata#{shape.name}/$entity", **shown},
                200,
                {"ETag": _etag(row)},
            )
        if request.method == "POST":
            return _problem(405, "MethodNotAllowed", "An entity cannot be posted to.")
        sent = request.headers.get("if-match", "").strip()
        if not sent:
            return _problem(428, "PreconditionRequired", "Send If-Match.")
        version = _VERSION.fullmatch(sent)
        if version is None and sent != "*":
            return _problem(412, "PreconditionFailed", "The ETag is not one of this server.")
        expected = int(version[1]) if version else None
        if request.method == "DELETE":
            done = self.store.delete(shape.name, key, expected)
        else:
            done = self.store.update(shape.name, key, _members(body), expected)
        if not done:
            return _problem(412, "PreconditionFailed", "The entity was changed meanwhile.")
        after = self.store.one(shape.name, key)
        return Response(None, 204, {"ETag": _etag(after)} if after else None)

    def _base(self, request: Request) -> str:
        return str(request.base_url).rstrip("/") + self.root


def create_foreign(
    service: str = "Ledger",
    *,
    root: str = "/main/ifsapplications/projection/v1",
    client: tuple[str, str] = ("gc_connector", "sandbox-secret"),
    page_size: int = 100,
) -> ForeignServer:
    """The server as an ASGI application, without any set: `.store.define(...)` and `.store.insert(...)` fill it."""
    return ForeignServer(service, root, client, page_size)


def _key(shape: Shape, text: str) -> dict[str, Any]:
    pairs = dict(_PAIR.findall(text))
    if set(pairs) == {""} and len(shape.key) == 1:
        pairs = {shape.key[0]: pairs[""]}
    if set(pairs) != set(shape.key):
        raise BadQuery(f"the key of {shape.name} is {', '.join(shape.key)}")
    return {name: _literal(shape.columns[name], value) for name, value in pairs.items()}


def _literal(kind: str, text: str) -> Any:
    if kind == "S":
        if not (text.startswith("'") and text.endswith("'")):
            raise BadQuery(f"{text} is not a string")
        return text[1:-1].replace("''", "'")
    if kind == "I":
        if not text.lstrip("-").isdigit():
            raise BadQuery(f"{text} is not a whole number")
        return int(text)
    return text


def _members(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body, parse_float=Decimal)
    except ValueError as problem:
        raise BadQuery("the body is not JSON") from problem
    if not isinstance(given, dict):
        raise BadQuery("the body is not an object")
    return {name: value for name, value in given.items() if not name.startswith("@")}


def _chosen(shape: Shape, select: str) -> tuple[str, ...]:
    names = tuple(filter(None, (name.strip() for name in select.split(","))))
    unknown = set(names) - set(shape.columns)
    if unknown:
        raise BadQuery(f"{shape.name} has no {', '.join(sorted(unknown))}")
    return names or tuple(shape.columns)


def _shown(shape: Shape, row: Mapping[str, Any], chosen: tuple[str, ...]) -> dict[str, Any]:
    values = {name: row[name] for name in chosen}
    for name in chosen:
        if shape.columns[name] == "D" and values[name] is not None:
            values[name] = orjson.Fragment(values[name])
    return {"@odata.etag": _etag(row), **values}


def _etag(row: Mapping[str, Any]) -> str:
    return f'W/"{row["version"]}"'


def _metadata(service: str, shapes: Mapping[str, Shape]) -> str:
    types, sets = [], []
    for name, shape in shapes.items():
        keys = "".join(f'<PropertyRef Name="{column}"/>' for column in shape.key)
        fields = "".join(f'<Property Name="{column}" Type="{TYPES[kind]}"/>' for column, kind in shape.columns.items())
        types.append(f'<EntityType Name="{name}Item"><Key>{keys}</Key>{fields}</EntityType>')
        sets.append(f'<EntitySet Name="{name}" EntityType="Others.{service}.{name}Item"/>')
    return (
        '<?xml version="1.0"?><edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">'
        f'<edmx:DataServices><Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Others.{service}">'
        f'{"".join(types)}<EntityContainer Name="Default">{"".join(sets)}</EntityContainer>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    )


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, dict(headers or {}), media_type="application/json")


def _problem(status: int, code: str, message: str) -> Response:
    return _json({"error": {"code": code, "message": message, "target": None}}, status)
