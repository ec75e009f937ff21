"""What stands before every API: bearer token, application header, scope, content negotiation, shapes of refusals.

Two dialects exist (datev.md 6 and 2.3): problem JSON with help codes for clients and extf-files, and `#DCO…` JSON for
documents and dxso-jobs. The gateway itself answers 401 in a third shape, with the status as a text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.datev.datacentre import CLIENT_ID, Company, DataCentre, Session
from sandbox.datev.identity import session_of_bearer

HELP = "http://www.datev.de/hilfe/"
JSON = "application/json;charset=utf-8"


class Refusal(Exception):
    """A request ends here with `response`."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(response.status_code)


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, dict(headers or {}), JSON)


def problem(
    datacentre: DataCentre,
    status: int,
    title: str,
    *,
    code: str = "",
    detail: str = "",
    affected: Sequence[tuple[str, str]] = (),
) -> Response:
    """Problem JSON of clients and extf-files; fields without a value are left out, as DATEV does."""
    body: dict[str, Any] = {"title": title, "status": status, "request_id": datacentre.new_uuid()}
    if code:
        body["type"] = HELP + code
    if detail:
        body["detail"] = detail
    if affected:
        body["affected_elements"] = [{"name": name, "reason": reason} for name, reason in affected]
    return json_answer(body, status)


def dco(datacentre: DataCentre, status: int, code: str, description: str) -> Response:
    """Error JSON of documents and dxso-jobs. Without `code` only the request id is told."""
    body = {"request_id": datacentre.new_uuid()}
    if code:
        body |= {
            "error": f"#{code}",
            "error_description": f"restapi.{description}",
            "error_uri": f"https://apps.datev.de/knowledge/help/search?q={code}",
        }
    return json_answer(body, status)


def refuse_dco(datacentre: DataCentre, status: int, code: str, description: str) -> NoReturn:
    """End the request with the error JSON of documents and dxso-jobs."""
    raise Refusal(dco(datacentre, status, code, description))


def unauthorized(datacentre: DataCentre, detail: str) -> Response:
    if datacentre.behaviour.empty_401:
        return Response(status_code=401)
    body = {
        "httpCode": "401",
        "httpMessage": "Unauthorized",
        "moreInformation": detail,
        "status": "401",
        "title": "Unauthorized",
        "detail": detail,
    }
    return json_answer(body, 401)


def environment_of(request: Request) -> str:
    return "sandbox" if "/platform-sandbox/" in request.url.path else "production"


def admit(datacentre: DataCentre, request: Request, scope: str, *, dialect: str = "problem") -> Session:
    """The session of the caller, or `Refusal`: 401 without a good token or application id, 403 without scope, 406."""
    session = session_of_bearer(datacentre, request, environment_of(request))
    if session is None:
        raise Refusal(unauthorized(datacentre, "The bearer token is missing, unknown or expired."))
    application = request.headers.get("x-datev-client-id")
    if application is None:
        raise Refusal(unauthorized(datacentre, "Client id not registered: X-DATEV-Client-Id is missing."))
    if application != session.registration.client_id:
        raise Refusal(unauthorized(datacentre, "X-DATEV-Client-Id does not belong to the token."))
    if scope not in session.scopes:
        raise Refusal(_missing_scope(datacentre, scope, dialect))
    if not _accepts_json(request.headers.get("accept", "*/*")):
        raise Refusal(problem(datacentre, 406, "Not Acceptable"))
    return session


def company_of(datacentre: DataCentre, request: Request, session: Session, *, dialect: str = "problem") -> Company:
    """The company of the path, or `Refusal`: 400 malformed, 404 unknown, 401 outside an offline token's binding."""
    client_id = request.path_params["client_id"]
    if not CLIENT_ID.fullmatch(client_id):
        raise Refusal(
            problem(
                datacentre,
                400,
                "Invalid request URI path",
                code="1008835",
                detail="Request-URI contains one or more invalid path segments",
                affected=[("client-id", "Path segment client-id is invalid")],
            )
            if dialect == "problem"
            else dco(datacentre, 404, "", "")
        )
    bound = session.bound_clients
    if bound and client_id not in bound:
        raise Refusal(unauthorized(datacentre, "The offline token is not authorised for this client."))
    company = datacentre.companies.get(client_id)
    if company is None:
        raise Refusal(problem(datacentre, 404, "Not Found") if dialect == "problem" else dco(datacentre, 404, "", ""))
    return company


def _missing_scope(datacentre: DataCentre, scope: str, dialect: str) -> Response:
    if dialect == "dco":
        return dco(datacentre, 403, "DCO01005", "ScopeFault")
    detail = f"Missing scope(s) are: {scope}"
    return problem(datacentre, 403, "Missing required scope", code="1008829", detail=detail)


def _accepts_json(accept: str) -> bool:
    kinds = (part.split(";")[0].strip().lower() for part in accept.split(","))
    return any(kind in ("application/json", "application/*", "*/*", "") for kind in kinds)
