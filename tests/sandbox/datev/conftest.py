"""A running stand-in with a stopped clock, a small HTTP client for it, and a builder of DATEV format files."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from starlette.types import Receive, Scope, Send

from sandbox.clock import SandboxClock
from sandbox.datev.app import DatevApp, create_app
from sandbox.datev.books import Books
from sandbox.datev.datacentre import DataCentre
from sandbox.serve import running

NOW = datetime(2026, 6, 30, 18, 15, tzinfo=UTC)
CLIENT = "455148-1"
CALLBACK = "http://localhost:8000/datev/callback"
SCOPES = (
    "openid profile datev:accounting:clients datev:accounting:extf-files-import "
    "accounting:clients:read accounting:documents accounting:dxso-jobs"
)
VERIFIER = "v" * 50
GOLDEN = Path(__file__).parents[2] / "data" / "datev" / "EXTF_GC_455148-1_202606_A.csv"

_TEXT_21 = {2, 3, 6, 9, 11, 12, 14, 16, 20, *range(21, 39), 40, 42, *range(48, 88), 91, 95, 96, 98, 102, 103, 105, 107}
_TEXT_21 |= {109, 110, 112, 118, 120, 121, 123}
_BANKS = (41, 52, 63, 74, 85, 165, 176, 187, 198, 209)
_TEXT_16 = {*range(2, 26), *range(29, 41), *range(96, 105), 107, 133, 134, *range(136, 163), 220, *range(222, 232)}
_TEXT_16 |= {244, 247, 249} | {column for bank in _BANKS for column in range(bank, bank + 9)}
_TEXT_20 = {2, 3, 4}

HEADER_21 = (
    '"EXTF";700;21;"Buchungsstapel";13;20260630181500000;;"GC";"mlconnector";"";455148;1;20260101;4;20260601;20260630;'
    '"GoCardless 2026-06";"";1;0;0;"EUR";;"";;;"03";;;"";""'
)
HEADER_16 = (
    '"EXTF";700;16;"Debitoren/Kreditoren";5;20260630181500000;;"GC";"mlconnector";"";455148;1;20260101;4;;;"";"";;;;'
    '"";;"";;;"03";;;"";""'
)
HEADER_20 = HEADER_16.replace('16;"Debitoren/Kreditoren";5', '20;"Kontenbeschriftungen";3')

Values = dict[int, str]


def line(columns: int, texts: set[int], values: Values) -> str:
    """A data line: every column empty in its kind, then the given values."""
    cells = []
    for column in range(1, columns + 1):
        value = values.get(column, "")
        cells.append('"' + value.replace('"', '""') + '"' if column in texts else value)
    return ";".join(cells)


def payment(**changes: str) -> Values:
    """A row of 119.00 EUR, clearing debit and debtor 10042 credit; `c7="1200"` changes column 7."""
    row = {1: "119,00", 2: "S", 3: "EUR", 7: "1360", 8: "10042", 10: "0306", 11: "RE-2026-0042"}
    row |= {14: "GC Zahlung PM1", 21: "GoCardless-ID", 22: "PM1", 114: "0", 118: "0"}
    return row | {int(name[1:]): value for name, value in changes.items()}


def bookings(*rows: Values, header: str = HEADER_21, **fields: str) -> bytes:
    """A Buchungsstapel of these rows; `h21="1"` sets header field 21 as it stands in the file."""
    lines = [changed(header, **fields), ";".join(f"c{n}" for n in range(1, 126))]
    return _file([*lines, *(line(125, _TEXT_21, row) for row in rows)])


def debtors(*rows: Values, **fields: str) -> bytes:
    lines = [changed(HEADER_16, **fields), ";".join(f"c{n}" for n in range(1, 255))]
    return _file([*lines, *(line(254, _TEXT_16, row) for row in rows)])


def labels(*rows: Values) -> bytes:
    lines = [HEADER_20, "Konto;Kontobeschriftung;SprachId;Kontenbeschriftung lang"]
    return _file([*lines, *(line(4, _TEXT_20, row) for row in rows)])


def changed(header: str, **fields: str) -> str:
    cells = header.split(";")
    for name, value in fields.items():
        cells[int(name[1:]) - 1] = value
    return ";".join(cells)


def _file(lines: list[str]) -> bytes:
    return "".join(text + "\r\n" for text in lines).encode("cp1252")


@dataclass
class Datev:
    """Calls over HTTP, logged in once per environment and scope."""

    base: str
    app: DatevApp
    centre: DataCentre
    platform: str = "platform"
    http: requests.Session = field(default_factory=requests.Session)
    headers: dict[str, str] = field(default_factory=dict)
    _logins: int = 0

    def authorize(self, environment: str = "production", **changes: str | None) -> requests.Response:
        """The authorize step with good parameters but for `changes`; None leaves one out."""
        self._logins += 1
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
        params: dict[str, str | None] = {
            "response_type": "code",
            "client_id": "sandbox-public",
            "redirect_uri": CALLBACK,
            "scope": SCOPES,
            "state": f"state-{self._logins:020d}",
            "nonce": f"nonce-{self._logins:020d}",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        params |= changes
        login = "/openid" if environment == "production" else "/openidsandbox"
        return self.http.get(f"{self.base}{login}/authorize", params=params, allow_redirects=False)

    def code(self, environment: str = "production", **changes: str | None) -> str:
        answer = self.authorize(environment, **changes)
        assert answer.status_code == 302, answer.text
        return query_of(answer.headers["location"])["code"]

    def token(self, environment: str = "production", *, basic: tuple[str, str] | None = None, **form: str) -> Any:
        api = "" if environment == "production" else "/openidsandbox"
        return self.http.post(f"{self.base}{api}/token", data=form, auth=basic)

    def login(self, environment: str = "production", **changes: str | None) -> dict[str, Any]:
        """A whole login of the public registration; later API calls use its token."""
        answer = self.token(
            environment,
            grant_type="authorization_code",
            code=self.code(environment, **changes),
            redirect_uri=CALLBACK,
            code_verifier=VERIFIER,
            client_id="sandbox-public",
        )
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        self.platform = "platform" if environment == "production" else "platform-sandbox"
        self.headers = {"Authorization": f"Bearer {tokens['access_token']}", "X-DATEV-Client-Id": "sandbox-public"}
        return tokens

    def call(self, method: str, service: str, path: str, **options: Any) -> requests.Response:
        version = "v3" if service == "accounting-extf-files" else "v2"
        headers = self.headers | options.pop("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        address = f"{self.base}/{service}/{self.platform}/{version}{path}"
        return self.http.request(method, address, headers=headers, **options)

    def clients(self, path: str = "/clients", **options: Any) -> requests.Response:
        return self.call("GET", "accounting-clients", path, **options)

    def upload(
        self, content: bytes, name: str = "EXTF_A.csv", client: str = CLIENT, **options: Any
    ) -> requests.Response:
        headers = {"Content-Type": "application/octet-stream", "Filename": name} | options.pop("headers", {})
        path = f"/clients/{client}/extf-files/import"
        return self.call("POST", "accounting-extf-files", path, data=content, headers=headers, **options)

    def jobs(self, path: str = "", client: str = CLIENT, **options: Any) -> requests.Response:
        return self.call("GET", "accounting-extf-files", f"/clients/{client}/extf-files/jobs{path}", **options)

    def job(self, content: bytes, **options: Any) -> dict[str, Any]:
        """Upload and poll to the end."""
        answer = self.upload(content, **options)
        assert answer.status_code == 202, answer.text
        job_id = answer.headers["location"].rsplit("/", 1)[1]
        client = options.get("client", CLIENT)
        shown = self.jobs(f"/{job_id}", client).json()
        while shown["result"] not in ("succeeded", "failed"):
            shown = self.jobs(f"/{job_id}", client).json()
        return dict(shown)

    def books(self, *files: bytes, client: str = CLIENT) -> Books:
        """Upload these files under different names and read the adviser's books."""
        for content in files:
            answer = self.upload(content, name=f"EXTF_{len(self.centre.jobs)}.csv", client=client)
            assert answer.status_code == 202, answer.text
        return self.centre.books(client)

    def control(self, method: str, what: str, **options: Any) -> requests.Response:
        return self.http.request(method, f"{self.base}/_control/{what}", **options)

    def advance(self, seconds: float) -> None:
        self.centre.clock.advance(timedelta(seconds=seconds))


def query_of(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query))


@pytest.fixture
def centre() -> DataCentre:
    centre = DataCentre(SandboxClock(NOW), Random(7))
    centre.seed_personal_accounts(CLIENT, {"10042": "Müller GmbH", "10043": "Kunde 43", "10044": "Kund AB"})
    return centre


class Switch:
    """One server for all tests: it hands every request to the application of the test that runs."""

    app: DatevApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[str, Switch]]:
    switch = Switch()
    with running(switch) as base:
        yield base, switch


@pytest.fixture
def stranger(centre: DataCentre, server: tuple[str, Switch]) -> Iterator[Datev]:
    """Not logged in."""
    base, switch = server
    switch.app = create_app(centre)
    with requests.Session() as http:
        yield Datev(base, switch.app, centre, http=http)


@pytest.fixture
def datev(stranger: Datev) -> Datev:
    """Logged in with all scopes."""
    stranger.login()
    return stranger


class Files:
    """The builders of this file, for tests that cannot import it."""

    header = HEADER_21
    payment = staticmethod(payment)
    bookings = staticmethod(bookings)
    debtors = staticmethod(debtors)
    labels = staticmethod(labels)


@pytest.fixture(scope="session")
def files() -> type[Files]:
    return Files


@pytest.fixture(scope="session")
def golden() -> bytes:
    return GOLDEN.read_bytes()
