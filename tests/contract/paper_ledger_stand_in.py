"""A ledger of one list, served over HTTP: documents are appended, found by reference, and never changed."""

from __future__ import annotations

import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox.faults import FaultLayer

KEY = "paper-ledger-key"


class PaperLedgerSandbox:
    """The application with its pages; a second document of the same reference is refused."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []
        routes = [
            Route("/documents", self._append, methods=["POST"]),
            Route("/documents", self._find, methods=["GET"]),
        ]
        self.faults = FaultLayer(Starlette(routes=routes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.faults(scope, receive, send)

    async def _append(self, request: Request) -> Response:
        if request.headers.get("x-ledger-key") != KEY:
            return JSONResponse({"error": "unknown key"}, 403)
        document = json.loads(await request.body())
        if any(each["reference"] == document["reference"] for each in self.documents):
            return JSONResponse({"error": "this reference stands on a page already"}, 409)
        self.documents.append({**document, "page": len(self.documents) + 1})
        return JSONResponse({"page": len(self.documents)}, 201)

    async def _find(self, request: Request) -> Response:
        if request.headers.get("x-ledger-key") != KEY:
            return JSONResponse({"error": "unknown key"}, 403)
        wanted = request.query_params["reference"]
        return JSONResponse([each for each in self.documents if each["reference"] == wanted])
