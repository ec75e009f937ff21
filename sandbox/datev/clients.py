"""`accounting-clients`: which companies the user may see and which services they have ordered. Sheet: datev.md 2.1."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.datev.datacentre import SERVICE_SCOPES, Company, DataCentre
from sandbox.datev.gateway import Refusal, admit, company_of, json_answer, problem
from sandbox.datev.jobs import page_headers, page_of

SCOPE = "datev:accounting:clients"
LARGEST_NUMBER = 9_999_999_999
_TERM = re.compile(r"(\w+) +(\w+) +([0-9]+)")


class ClientsApi:
    """`GET /clients` and `GET /clients/{id}`."""

    def __init__(self, datacentre: DataCentre) -> None:
        self.datacentre = datacentre

    async def list(self, request: Request) -> Response:
        session = admit(self.datacentre, request, SCOPE)
        skip, top = page_of(self.datacentre, request)
        wanted = self._filter(request.query_params.get("filter"))
        bound = session.bound_clients
        found = [
            company
            for company in self.datacentre.companies.values()
            if all(getattr(company, name) == value for name, value in wanted.items())
            and (not bound or company.id in bound)
        ]
        page = [_shown(company) for company in found[skip : skip + top]]
        return json_answer(page, headers=page_headers(skip, top, len(found)))

    async def one(self, request: Request) -> Response:
        session = admit(self.datacentre, request, SCOPE)
        return json_answer(_shown(company_of(self.datacentre, request, session)))

    def _filter(self, text: str | None) -> dict[str, int]:
        """`consultant_number eq N and client_number eq N`, either alone or both."""
        wanted: dict[str, int] = {}
        for term in re.split(r" +and +", text.strip()) if text else ():
            match = _TERM.fullmatch(term)
            if match is None or match[1] not in ("consultant_number", "client_number") or match[1] in wanted:
                self._refuse_filter("Filter syntax is invalid", term)
            elif match[2] != "eq":
                self._refuse_filter("Filter operators are invalid", f'{match[1]} only supports the operator "eq"')
            elif not 1 <= int(match[3]) <= LARGEST_NUMBER:
                self._refuse_filter("Filter values are invalid", f"{match[1]} must lie in 1..{LARGEST_NUMBER}")
            else:
                wanted[match[1]] = int(match[3])
        return wanted

    def _refuse_filter(self, detail: str, reason: str) -> None:
        title, affected = "Invalid query parameters", [("filter", reason)]
        raise Refusal(problem(self.datacentre, 400, title, code="1008828", detail=detail, affected=affected))


def _shown(company: Company) -> dict[str, Any]:
    return {
        "client_number": company.client_number,
        "consultant_number": company.consultant_number,
        "id": company.id,
        "name": company.name,
        "services": [{"name": name, "scopes": list(SERVICE_SCOPES[name])} for name in company.services],
    }
