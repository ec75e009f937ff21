"""A served tenant with two companies, a fixed clock, and a small client that speaks the service's own forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox.clock import SandboxClock
from sandbox.ifs_cloud.app import IfsCloudSandbox, create_app
from sandbox.ifs_cloud.switches import Switches
from sandbox.ifs_cloud.tenant import Tenant
from tests.sandbox.switchboard import Switchboard

TOKEN_FORM = {
    "grant_type": "client_credentials",
    "client_id": "gc_connector",
    "client_secret": "sandbox-secret",
    "scope": "openid microprofile-jwt",
}


class Api:
    """Real HTTP to one sandbox. Paths are `Service/Set...`; entity services (`...Entity`) are taken from `int`."""

    def __init__(self, base: str, app: IfsCloudSandbox) -> None:
        self.host = base
        self.app = app
        self.tenant = app.tenant
        self.session = requests.Session()

    def token(self, **changes: str) -> requests.Response:
        url = f"{self.host}/auth/realms/acmeprod/protocol/openid-connect/token"
        return requests.post(url, data={**TOKEN_FORM, **changes}, timeout=10)

    def login(self) -> None:
        self.session.headers["Authorization"] = f"Bearer {self.token().json()['access_token']}"

    def url(self, path: str) -> str:
        if path.startswith("http"):
            return path
        service, _, rest = path.partition("/")
        entity = service.endswith("Entity")
        layer, kind = ("int", "entity") if entity else ("main", "projection")
        return f"{self.host}/{layer}/ifsapplications/{kind}/v1/{service}.svc/{rest}"

    def get(self, path: str, query: dict[str, str] | None = None, **headers: str) -> requests.Response:
        options = {f"${name}": value for name, value in (query or {}).items()}
        return self.session.get(self.url(path), params=options, headers=_named(headers), timeout=10)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        content = None if body is None else json.dumps(body, default=str)
        sent = {"Content-Type": "application/json", **_named(headers)}
        return self.session.request(method, self.url(path), data=content, headers=sent, timeout=10)

    def post(self, path: str, body: Any = None, **headers: str) -> requests.Response:
        return self.send("POST", path, {} if body is None else body, **headers)

    def rows(self, path: str, where: str = "", **more: str) -> list[dict[str, Any]]:
        """All pages of a collection that links absolutely, decimals kept."""
        query = {**({"filter": where} if where else {}), **more}
        answer, found = self.get(path, query), []
        while True:
            assert answer.status_code == 200, answer.text
            body = json.loads(answer.content, parse_float=Decimal)
            found += body["value"]
            if "@odata.nextLink" not in body:
                return found
            answer = self.get(body["@odata.nextLink"])

    def entity(self, path: str) -> dict[str, Any]:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return dict(json.loads(answer.content, parse_float=Decimal))

    def created(self, path: str, body: Any) -> dict[str, Any]:
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        return dict(json.loads(answer.content, parse_float=Decimal))

    def act(self, path: str, action: str, body: Any = None) -> requests.Response:
        """A bound action with the entity's present ETag; `action` is `Entity_Event`."""
        return self.post(f"{path}/IfsApp.{path.partition('/')[0]}.{action}", body, if_match=self.etag(path))

    def etag(self, path: str) -> str:
        return str(self.get(path).headers["ETag"])

    def control(self, name: str, body: Any = None, method: str = "") -> Any:
        verb = method or ("GET" if body is None else "POST")
        return requests.request(verb, f"{self.host}/_control/{name}", json=body, timeout=10).json()

    @staticmethod
    def problem(answer: requests.Response, status: int) -> str:
        """The ORA line of a business refusal, or the code of another one."""
        assert answer.status_code == status, (answer.status_code, answer.text)
        error = answer.json()["error"]
        return str(error["details"][0]["message"] if "details" in error else error["code"])


class Vouchers:
    """Bodies of the voucher entry assistant."""

    service = "VoucherEntryAssistantHandling"

    def __init__(self, api: Api) -> None:
        self.api = api

    def begin(self, **changes: Any) -> str:
        """The path of a new temporary head."""
        head = self.api.created(f"{self.service}/VoucherSet", self.head(**changes))
        return f"{self.service}/VoucherSet(Objkey='{head['Objkey']}')"

    def head(self, **changes: Any) -> dict[str, Any]:
        fixed = {
            "OpennedFrom": "NEW_VOUCHER",
            "Company": "10",
            "VoucherDate": "2026-03-04",
            "UserGroup": "AC",
            "VoucherType": "M",
            "AccountingYear": 2026,
            "AccountingPeriod": 3,
            "VoucherNo": 0,
            "VoucherStatus": "Approved",
            "AmountMethod": "NetAmountEntry",
            "UseCorrectionRows": False,
            "MultiCompanyMode": False,
            "VoucherText2": "GC-O-PO1",
        }
        return {**fixed, **changes}

    def add(self, path: str, account: str, debit: str = "", credit: str = "", **more: Any) -> requests.Response:
        sides = {"CurrencyDebetAmount": debit, "CurrencyCreditAmount": credit}
        body = {"Account": account, "CurrencyCode": "EUR", **{k: v for k, v in sides.items() if v}, **more}
        return self.api.post(f"{path}/VoucherPostingArray", body)

    def finish(self, path: str) -> requests.Response:
        return self.api.act(path, "VoucherEntry_CreateVoucher")

    def make(self, *rows: tuple[str, str, str], **changes: Any) -> requests.Response:
        """A voucher of (account, debit, credit); the answer of the creating action."""
        path = self.begin(**changes)
        for account, debit, credit in rows:
            answer = self.add(path, account, debit, credit)
            assert answer.status_code == 201, answer.text
        return self.finish(path)


@pytest.fixture
def tenant() -> Tenant:
    """Companies 10 (EUR, also SEK) and 20 (SEK), customers C1 and C2, on 4 March 2026 at 11:00 in Stockholm."""
    tenant = Tenant(SandboxClock(datetime(2026, 3, 4, 10, tzinfo=UTC)), Switches(calls_per_minute=100_000))
    tenant.add_company("10", "EUR", currencies=["SEK"])
    tenant.add_company("20", "SEK")
    tenant.add_rate("10", "SEK", "0.1", date(2026, 1, 1))
    tenant.add_customer("C1", "Zonnebloem AB", email="books@zonnebloem.example", way="GOCARDLESS")
    tenant.add_customer("C2", "O'Brien & Co", country="DE")
    tenant.add_invoice("10", "C1", 12100, invoice_no="10001", dated=date(2026, 2, 2))
    tenant.add_invoice("10", "C2", 5000, invoice_no="10002", dated=date(2026, 2, 3), pay_term="DD")
    tenant.add_invoice("20", "C1", 100000, invoice_no="10001", dated=date(2026, 2, 4))
    return tenant


@pytest.fixture
def api(tenant: Tenant, server: tuple[str, Switchboard]) -> Iterator[Api]:
    base, switchboard = server
    app = create_app(tenant)
    switchboard.app = app
    api = Api(base, app)
    api.login()
    app.faults.requests.clear()
    yield api
    api.session.close()


@pytest.fixture
def vouchers(api: Api) -> Vouchers:
    return Vouchers(api)


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
