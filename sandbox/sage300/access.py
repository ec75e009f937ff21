"""Who may do what: Basic credentials with their case, lock-out, rights per module, and sessions (section 1)."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.sage300.refusals import Forbidden, SessionError, Unauthorized

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

MODULES = ("AR", "AP", "GL", "BK", "CS", "TX", "IC", "OE", "PO", "MT")


@dataclass(slots=True)
class User:
    """`password` as it was chosen. `web_api` lists the modules whose security group has "Sage 300 Web API" ticked;
    `companies` those the user is authorised for (none named: the one served); `denied` the resources the functional
    rights do not cover. `hours` restricts sign-on to hours of the day."""

    user_id: str
    password: str
    web_api: set[str] = field(default_factory=lambda: set(MODULES))
    companies: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    failures: int = 0
    locked: bool = False
    password_expired: bool = False
    hours: tuple[int, int] = (0, 24)


class Gate:
    """Users, failed sign-ons and open sessions of one installation."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self.users: dict[str, User] = {}
        self.sessions: dict[str, datetime] = {}

    def add(self, user: User) -> User:
        self.users[user.user_id] = user
        return user

    def sign_on(self, authorization: str) -> User:
        """The user behind a Basic header. Raises `Unauthorized`; a wrong password counts toward the lock-out."""
        name, password = _credentials(authorization)
        user = self.users.get(name)
        switches = self._company.switches
        if user is None:
            raise Unauthorized("The user name or password is incorrect.")
        if user.locked:
            raise Unauthorized("The user account is locked. Contact your system administrator.")
        kept = user.password.upper() if switches.credential_mode == "classic" else user.password
        if not secrets.compare_digest(kept.encode(), password.encode()):
            user.failures += 1
            user.locked = 0 < switches.lock_out_after <= user.failures
            raise Unauthorized("The user name or password is incorrect.")
        user.failures = 0
        if user.password_expired:
            raise Unauthorized("The password has expired and must be changed.")
        if not user.hours[0] <= self._company.local_time().hour < user.hours[1]:
            raise Unauthorized("The user may not sign on at this time of the day.")
        if name == "ADMIN" and not switches.admin_allowed:
            raise Forbidden("Web API access is not allowed for user ADMIN.")
        return user

    def open_session(self, cookie: str) -> str:
        """The session a request runs in: that of its cookie, or a new one. Raises `SessionError` without a seat."""
        now = self._company.clock.now()
        idle = timedelta(minutes=self._company.switches.idle_minutes)
        self.sessions = {name: used for name, used in self.sessions.items() if now - used < idle}
        name = cookie if cookie in self.sessions else secrets.token_hex(12)
        seats = self._company.switches.seats
        if name not in self.sessions and seats and len(self.sessions) >= seats:
            raise SessionError("A session could not be opened. The number of licensed users (LanPak) is exceeded.")
        self.sessions[name] = now
        return name

    def check_rights(self, user: User, company_id: str, module: str, resource: str) -> None:
        """Raises `Forbidden` when the user is not authorised for the company, the module or the resource."""
        if company_id not in (user.companies or {self._company.company_id}):
            raise Forbidden(f"User {user.user_id} is not authorized for company {company_id}.")
        if module not in user.web_api or resource in user.denied:
            raise Forbidden(f"User {user.user_id} has no Web API rights for {module}/{resource}.")


def _credentials(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as problem:
        raise Unauthorized("The credentials cannot be read.") from problem
    name, colon, password = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise Unauthorized("Credentials are required.")
    return name, password
