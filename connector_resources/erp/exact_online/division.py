"""Which division a connection works in: found once, kept for ever, and checked against what the user may see (section 2.1).

The user's current division changes whenever a person switches company on the screen, so it is only asked for the very first
time. Everything that is booked carries GUIDs of one division: a connection never changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from connector_resources.erp.exact_online.client import ExactOnlineClient
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.wire import Division
from connector_resources.errors import PermissionRefused, WrongCompany

MARK = "exact_online_division"
ACTIVE = 1


class Marks(Protocol):
    """The part of the store's marks that is used here."""

    def get(self, connection: str, name: str) -> str | None: ...

    def set(self, connection: str, name: str, value: str) -> None: ...


class DivisionChoice:
    """The division of one connection. `has_booked` tells whether anything was ever booked through it."""

    def __init__(
        self, connection: str, settings: ExactOnlineSettings, marks: Marks, has_booked: Callable[[], bool]
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._marks = marks
        self._has_booked = has_booked

    @property
    def known(self) -> int | None:
        """By the settings, else as it was kept; None before the first use."""
        kept = self._marks.get(self._connection, MARK)
        return self._settings.division or (int(kept) if kept else None)

    def require(self, client: ExactOnlineClient) -> Division:
        """Choose and check it, and let `client` use it.

        Raises `WrongCompany` when it is not the one that was booked in, not visible, or not active.
        """
        kept = self._marks.get(self._connection, MARK)
        wanted = self._settings.division
        if kept and wanted is not None and int(kept) != wanted and self._has_booked():
            raise WrongCompany(
                f"Division {wanted} is configured, but this connection has booked in division {kept}.",
                connection=self._connection,
                next_step=f"set division to {kept} again, and make a connection of its own for {wanted}.",
            )
        chosen = wanted or (int(kept) if kept else client.me().current_division)
        row = self._visible(client, chosen)
        if kept != str(chosen):
            self._marks.set(self._connection, MARK, str(chosen))
        return row

    def _visible(self, client: ExactOnlineClient, chosen: int) -> Division:
        client.use(chosen)
        try:
            rows = client.divisions()
        except PermissionRefused:
            # Even the list of divisions is asked for within one: that of the user's own choice is always open.
            client.use(client.me().current_division)
            rows = [each for each in client.divisions() if each.code != chosen]
        row = next((each for each in rows if each.code == chosen), None)
        if row is None:
            shown = ", ".join(f"{each.code} {each.description}".strip() for each in rows) or "none"
            raise WrongCompany(
                f"The user who gave consent cannot see division {chosen}; visible: {shown}.",
                connection=self._connection,
                next_step="correct division in the connection file, or give the user access to it in Exact Online and "
                f"`connector authorize {self._connection}` as that user.",
            )
        if row.status != ACTIVE or row.blocking_status:
            why = f"blocked (status {row.blocking_status})" if row.status == ACTIVE else f"not active ({row.status})"
            raise WrongCompany(
                f"Division {chosen} {row.description} is {why}.",
                connection=self._connection,
                next_step="wait until Exact has finished with it, or correct division in the connection file.",
            )
        return row
