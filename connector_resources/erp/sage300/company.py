"""Which company a connection works in, and in which mode: validated before anything else, kept for ever (sections 2.2 and 11).

The first call of every run is the company profile: it tells a wrong address, user or company before anything is planned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from connector_resources.erp.sage300.client import SYSTEM, Sage300Client
from connector_resources.erp.sage300.settings import Sage300Settings
from connector_resources.erp.sage300.wire import CompanyProfile
from connector_resources.errors import ConfigurationError, NotFound, NotSent, PermissionRefused, Refused, WrongCompany

MARK = "sage300_company"


class Marks(Protocol):
    """The part of the store's marks that is used here."""

    def get(self, connection: str, name: str) -> str | None: ...

    def set(self, connection: str, name: str, value: str) -> None: ...


class CompanyChoice:
    """The company of one connection. `has_booked` tells whether anything was ever booked through it."""

    def __init__(
        self, connection: str, settings: Sage300Settings, marks: Marks, has_booked: Callable[[], bool]
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._marks = marks
        self._has_booked = has_booked

    def require(self, client: Sage300Client) -> CompanyProfile:
        """Read its profile and compare it with what was booked in before.

        Raises `WrongCompany` for another or an unknown company, `ConfigurationError` for another mode, `NotSent`.
        """
        settings = self._settings
        self._require_unchanged(f"{settings.company} {settings.mode}")
        profile = self._profile(client)
        if profile.database_id and profile.database_id != settings.company:
            raise WrongCompany(
                f"Sage 300 answered for company {profile.database_id}, not {settings.company}.",
                connection=self._connection,
                next_step="correct company in the connection file.",
            )
        return profile

    def functional_currency(self, profile: CompanyProfile) -> str:
        """Raises `ConfigurationError` when neither the profile nor the settings name it."""
        currency = self._settings.functional_currency or profile.functional_currency
        if not currency:
            raise ConfigurationError(
                "The company profile shows no functional currency.",
                connection=self._connection,
                next_step="set functional_currency in the connection file.",
            )
        return currency

    def _require_unchanged(self, present: str) -> None:
        kept = self._marks.get(self._connection, MARK)
        if kept == present:
            return
        if kept and self._has_booked():
            company, _, mode = kept.partition(" ")
            if company != self._settings.company:
                raise WrongCompany(
                    f"Company {self._settings.company} is configured, but this connection has booked in {company}.",
                    connection=self._connection,
                    next_step=f"set company to {company} again, and make a connection of its own for the other one.",
                )
            raise ConfigurationError(
                f"Mode {self._settings.mode} is configured, but this connection has booked in mode {mode}: payments that "
                "are half way through would be booked twice or not at all.",
                connection=self._connection,
                next_step=f"set mode to {mode} again, or make a new connection with a later cut_over.",
            )
        self._marks.set(self._connection, MARK, present)

    def _profile(self, client: Sage300Client) -> CompanyProfile:
        settings = self._settings
        try:
            return client.company_profile()
        except NotFound as error:
            if error.code:
                raise WrongCompany(
                    f"Sage 300 knows no company {settings.company} ({error.code}).",
                    connection=self._connection,
                    next_step="correct company in the connection file: the id on the sign-on screen, upper-case.",
                ) from error
            raise self._not_sage(error) from error
        except PermissionRefused as error:
            raise NotSent(
                f"Sage 300 does not let the user read the company profile of {settings.company} ({error.code or 403}).",
                system=SYSTEM,
                status=error.status,
                connection=self._connection,
                next_step="give the user's security group for Common Services the right Sage 300 Web API, and assign it in "
                f"User Authorizations for {settings.company}; the user ADMIN is refused.",
            ) from error
        except Refused as error:
            raise self._not_sage(error) from error

    def _not_sage(self, error: Refused) -> NotSent:
        """An answer that no Sage 300 gave: another host, or another path on it."""
        return NotSent(
            f"What answers at {self._settings.base_url} is not the Sage 300 Web API ({error.status}).",
            system=SYSTEM,
            status=error.status,
            code="not_the_web_api",
            connection=self._connection,
            next_step="correct base_url: open it in a browser, the landing page shows a Swagger button.",
        )
