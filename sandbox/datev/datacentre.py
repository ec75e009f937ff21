"""The state of the stand-in: registrations, sessions, companies, jobs, documents, and the switches of its behaviour.

It holds and hands out; what a request may do with it is decided in the module of each service. Sheet: datev.md 10.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from sandbox.clock import SandboxClock

if TYPE_CHECKING:
    from sandbox.datev.books import Books
    from sandbox.datev.dxso import DxsoJob
    from sandbox.datev.jobs import Job

CLIENT_ID = re.compile(r"[1-9]\d{3,6}-[1-9]\d{0,4}")

BOOKING_SERVICE = "Buchungsdatenservice"
DOCUMENT_SERVICE = "Belegbilderservice"
INVOICE_SERVICE = "Rechnungsdatenservice 1.0"

#: service name -> the scopes it needs (datev.md 2.1 and 1.5)
SERVICE_SCOPES = {
    BOOKING_SERVICE: ("datev:accounting:extf-files-import",),
    DOCUMENT_SERVICE: ("accounting:documents",),
    INVOICE_SERVICE: ("accounting:dxso-jobs",),
}

KNOWN_SCOPES = frozenset(
    {
        "openid",
        "profile",
        "email",
        "offline_access",
        "datev:accounting:clients",
        "datev:accounting:extf-files-import",
        "accounting:clients:read",
        "accounting:documents",
        "accounting:dxso-jobs",
    }
)


@dataclass(frozen=True, slots=True)
class Registration:
    """An application known to the identity provider. Without `secret` it is a public (desktop) client.

    `refresh_auth` says how a refresh must authenticate: `basic`, or `client_id` in the form alone. Both are claimed for
    confidential clients (datev.md 1.3); a public client has only the second.
    """

    client_id: str
    secret: str | None = field(default=None, repr=False)
    redirect_uris: tuple[str, ...] = ()
    scopes: frozenset[str] = KNOWN_SCOPES
    name: str = "GoCardless connector"
    vendor: str = "ml-connector"
    refresh_auth: str = ""

    def __post_init__(self) -> None:
        style = self.refresh_auth or ("client_id" if self.secret is None else "basic")
        if style not in ("basic", "client_id") or (self.secret is None and style == "basic"):
            raise ValueError(f"registration {self.client_id} cannot authenticate a refresh by {style!r}")
        object.__setattr__(self, "refresh_auth", style)

    @property
    def public(self) -> bool:
        return self.secret is None


@dataclass(frozen=True, slots=True)
class User:
    """The person who logs in. Every token belongs to one (datev.md 0)."""

    subject: str = "3f1c9a4e-0000-4000-8000-0000000000aa"
    name: str = "Erika Muster"
    email: str = "erika.muster@example.org"


@dataclass(slots=True)
class Session:
    """One login. All tokens that follow from it live and die with it."""

    registration: Registration
    user: User
    scopes: frozenset[str]
    environment: str
    started_at: datetime
    ends_at: datetime
    nonce: str
    alive: bool = True

    @property
    def bound_clients(self) -> frozenset[str]:
        """Companies an offline token is bound to by `datev:iam:client:` scopes; empty means all."""
        mark = "datev:iam:client:"
        return frozenset(scope.removeprefix(mark) for scope in self.scopes if scope.startswith(mark))


@dataclass(slots=True)
class Code:
    session: Session
    redirect_uri: str
    challenge: str
    expires_at: datetime
    used: bool = False


@dataclass(slots=True)
class Token:
    session: Session
    expires_at: datetime
    dead: bool = False


@dataclass(slots=True)
class Issued:
    """Codes and tokens handed out, and the state and nonce values seen."""

    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, Token] = field(default_factory=dict)
    refresh: dict[str, Token] = field(default_factory=dict)
    seen: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class DocumentType:
    name: str
    category: str
    debit_credit_identifier: str


DEFAULT_DOCUMENT_TYPES = (
    DocumentType("Rechnungseingang", "invoices_received", "debit"),
    DocumentType("Rechnungsausgang", "outgoing_invoices", "credit"),
    DocumentType("Sonstige", "other_documents", "debit"),
)


@dataclass(slots=True)
class Company:
    """A client of the tax adviser, with what the adviser's software knows of it. `accounts` extend the chart."""

    consultant_number: int
    client_number: int
    name: str
    services: tuple[str, ...] = (BOOKING_SERVICE, DOCUMENT_SERVICE, INVOICE_SERVICE)
    chart: str = "03"
    account_length: int = 4
    fiscal_year_begins: tuple[date, ...] = ()
    accounts: frozenset[str] = frozenset()
    personal_accounts: dict[str, str] = field(default_factory=dict)
    document_types: tuple[DocumentType, ...] = DEFAULT_DOCUMENT_TYPES
    closed_through: date | None = None
    uses_new_belege_online: bool = False

    @property
    def id(self) -> str:
        return f"{self.consultant_number}-{self.client_number}"


@dataclass(frozen=True, slots=True)
class StoredFile:
    id: str
    name: str
    size: int
    media_type: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A voucher in the document store, as `PUT documents/{guid}` left it."""

    client_id: str
    id: str
    files: tuple[StoredFile, ...]
    document_type: str
    note: str
    place: tuple[str, str, str] | None
    uploaded_at: datetime


LOCATION_FORMS = ("slash", "relative", "absolute", "rotate")
DUPLICATE_MODES = ("accept_twice", "same_name_is_ignored")
FORCED_FAILURES = ("1008836", "1008837", "1008838")


@dataclass(slots=True)
class Behaviour:
    """Switches of the stand-in, set by tests and by `/_control/seed`. Times are seconds of the sandbox clock.

    auto_consent      the authorize step answers with a redirect at once; otherwise it shows a page with a button
    pending_s         a job's file reaches the adviser, and its result can be final, that long after the upload
    pending_polls     the first so many times a job is shown, it is shown as not final
    pending_word      the `result` shown meanwhile; anything but `pending` is a word the specification does not know
    listed_after_s    the job list does not show a job before that
    arriving_jobs     so many jobs of another vendor arrive after each page of the job list
    forced_failures   help codes (1008836, 1008837, 1008838) with which the next jobs fail
    empty_401         API answers 401 without a body instead of the gateway's JSON
    texts_for_values  documents and dxso answer numbers, booleans and dates as texts (seen in the wild)
    documents_down    uploads of vouchers answer 503 DCO01020
    """

    auto_consent: bool = True
    expires_in_s: int = 900
    session_s: int = 11 * 3600
    offline_session_s: int = 183 * 86400
    location_form: str = "slash"
    retry_after_s: int = 5
    pending_s: float = 0.0
    pending_polls: int = 1
    pending_word: str = "pending"
    listed_after_s: float = 0.0
    arriving_jobs: int = 0
    duplicate_mode: str = "accept_twice"
    forced_failures: list[str] = field(default_factory=list)
    empty_401: bool = False
    texts_for_values: bool = False
    documents_down: bool = False
    dxso_running_polls: int = 1

    def change(self, values: dict[str, object]) -> None:
        """Set switches by name. Raises `ValueError` naming an unknown switch or a value of the wrong type."""
        for name, value in values.items():
            if name not in self.__dataclass_fields__:
                raise ValueError(f"unknown switch {name!r}; known: {', '.join(self.__dataclass_fields__)}")
            wanted = type(getattr(self, name))
            number = wanted in (int, float) and isinstance(value, int | float) and not isinstance(value, bool)
            if not (number or type(value) is wanted):
                raise ValueError(f"switch {name} takes {wanted.__name__}, not {value!r}")
            allowed = {"location_form": LOCATION_FORMS, "duplicate_mode": DUPLICATE_MODES}.get(name)
            if allowed and value not in allowed:
                raise ValueError(f"switch {name} takes one of {', '.join(allowed)}, not {value!r}")
            if isinstance(value, list) and not set(value) <= set(FORCED_FAILURES):
                raise ValueError(f"switch {name} takes codes of {', '.join(FORCED_FAILURES)}, not {value!r}")
            setattr(self, name, value)


class DataCentre:
    """All state of one stand-in. `random` feeds ids and tokens, so that a run can be repeated."""

    def __init__(self, clock: SandboxClock | None = None, random: Random | None = None) -> None:
        self.clock = clock or SandboxClock()
        self.random = random or Random()
        self.behaviour = Behaviour()
        self.user = User()
        self.registrations: dict[str, Registration] = {}
        self.companies: dict[str, Company] = {}
        self.sessions: list[Session] = []
        self.issued = Issued()
        self.jobs: dict[str, Job] = {}
        self.job_list_gets: dict[str, int] = {}
        self.documents: dict[tuple[str, str], StoredDocument] = {}
        self.dxso_jobs: dict[str, DxsoJob] = {}
        self._seed_defaults()

    def now(self) -> datetime:
        return self.clock.now().astimezone(UTC)

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def new_token(self) -> str:
        return f"{self.random.getrandbits(256):064x}"

    def register(self, registration: Registration) -> Registration:
        self.registrations[registration.client_id] = registration
        return registration

    def add_company(self, company: Company) -> Company:
        if not CLIENT_ID.fullmatch(company.id):
            raise ValueError(f"{company.id} is not a client id such as 455148-1")
        if not company.fiscal_year_begins:
            company.fiscal_year_begins = self._calendar_years()
        self.companies[company.id] = company
        return company

    def add_many_companies(self, count: int, consultant_number: int = 455149) -> None:
        """So many further companies that the list needs several pages."""
        for number in range(1, count + 1):
            self.add_company(Company(consultant_number, number, f"Massenmandant {number:05d} GmbH"))

    def seed_personal_accounts(self, client_id: str, accounts: dict[str, str]) -> None:
        """Debtors and creditors (number to name) that exist before any category 16 file arrives."""
        self.companies[client_id].personal_accounts.update(accounts)

    def live_sessions(self, client_id: str) -> int:
        """How many logins of a registration are still good: more than one is against DATEV's rules (datev.md 1.3)."""
        now = self.now()
        return sum(s.alive and now < s.ends_at and s.registration.client_id == client_id for s in self.sessions)

    def books(self, client_id: str) -> Books:
        """The adviser's books of one company as of now, from every delivered file in the order of upload."""
        from sandbox.datev.adviser import keep_books

        return keep_books(self, self.companies[client_id])

    def _calendar_years(self) -> tuple[date, ...]:
        year = self.now().year
        return tuple(date(y, 1, 1) for y in range(year - 2, year + 2))

    def _seed_defaults(self) -> None:
        callbacks = (
            "https://connector.example/datev/callback",
            "http://localhost:8000/datev/callback",
            "http://localhost:8485/callback",
        )
        self.register(Registration("sandbox-confidential", "sandbox-secret", callbacks))
        self.register(Registration("sandbox-public", None, callbacks))
        self.add_company(Company(455148, 1, "Muster GmbH"))
        self.add_company(Company(455148, 2, "Muster Handel KG", chart="04"))
        self.add_company(Company(455148, 3, "Ohne Dienst AG", services=(DOCUMENT_SERVICE,)))
        self.add_company(Company(455148, 4, "Neue Belege GmbH", uses_new_belege_online=True))


def expiry(start: datetime, seconds: float) -> datetime:
    return start + timedelta(seconds=seconds)
