"""What follows the connection file: secrets, consent, the checklist of both sides, and the plan of the last days.

Each step looks first whether it is done already, so that the command can be broken off and called again at any time.
"""

from __future__ import annotations

from datetime import date, timedelta

import click

from connector.cli.authorize import ask_for_consent
from connector.cli.output import console, show_checklist
from connector.cli.plan import show_dry_run
from connector.setup.stand_ins import Known
from connector_resources.connections.loopback_only import addresses_elsewhere
from connector_resources.connections.model import Connection
from connector_resources.connections.ping import ping_connection
from connector_resources.credentials import expected_credentials, needed_for_webhooks_only
from connector_resources.erp.registry import erp_kind
from connector_resources.errors import ConfigurationError
from connector_resources.posting.dry_run import dry_run
from connector_resources.posting.planning import Scope
from connector_resources.runtime import Runtime

#: how many days the first plan looks at.
LOOK_DAYS = 3


class FirstLook:
    """The steps for one connection. With `asks` False, what only a person can give is named instead of asked for."""

    def __init__(self, opened: Runtime, connection: Connection, known: Known, *, asks: bool) -> None:
        self._opened = opened
        self._connection = connection
        self._known = known
        self._asks = asks

    @property
    def missing(self) -> dict[str, str]:
        """Credentials that are not stored, with their purpose."""
        stored = {info.name for info in self._opened.store.vault.names(self._connection.name)}
        return {name: text for name, text in expected_credentials(self._connection).items() if name not in stored}

    def secrets(self) -> bool:
        """Put the secrets into the vault; whether everything is there that calls need."""
        name, later = self._connection.name, needed_for_webhooks_only(self._connection)
        self._take_published()
        for credential, purpose in self._to_give().items():
            # A second secret is only for the days on which one is exchanged.
            if not self._asks or (credential in later and credential.endswith("_next")):
                continue
            when = "Enter: later, webhooks need it" if credential in later else "Enter: later"
            value = click.prompt(f"{purpose} ({when})", default="", show_default=False, hide_input=True).strip()
            if value:
                self._opened.store.vault.write(name, credential, value)
                console.print(f"{credential} is stored, encrypted.", markup=False)
        still = [credential for credential in self._to_give() if credential not in later]
        for credential in still:
            console.print(f"Not given yet. Next step: connector credentials set {name} {credential}", markup=False)
        return not still

    def consent(self, *, port: int, browser: bool) -> bool:
        """Have the consents given that are wanted and missing; whether all are there."""
        wanted = [system for system in ("gocardless", "erp") if self._needs_consent(system)]
        for system in wanted:
            if not self._asks:
                console.print(
                    f"A person's consent is needed. Next step: connector authorize {self._connection.name}"
                    + (" --system gocardless" if system == "gocardless" else ""),
                    markup=False,
                )
                return False
            ask_for_consent(self._opened, self._connection, system, port=port, browser=browser)
        return True

    def checks(self) -> bool:
        """Ping both sides and show the checklist; whether every line is in order."""
        lines = ping_connection(self._opened, self._connection)
        console.print("[bold]Both sides, checked:[/]")
        show_checklist([(line.what, line.ok, line.detail, line.next_step) for line in lines])
        return all(line.ok for line in lines)

    def plan(self) -> None:
        """Show what the last days would have become. Raises what reading the two sides raises."""
        connection = self._connection
        last = self._known.last_day or self._opened.clock().astimezone(connection.zone).date()
        first = last - timedelta(days=LOOK_DAYS - 1)
        cut_over = connection.books.cut_over
        if first < cut_over <= last:
            first = cut_over
        if cut_over > last:
            connection = as_if_cut_over(connection, first)
            console.print(
                f"The cut-over {cut_over} lies ahead. To look at, these days as if it had been on {first}; "
                "a real run will never post them.",
                markup=False,
            )
        console.print(f"[bold]This is what would be posted for {first} to {last}:[/]")
        planned = dry_run(self._opened, connection, Scope(first, last, only_new=False))
        show_dry_run(connection.name, planned)
        if not planned.postings:
            console.print(
                f"GoCardless recorded nothing to post on these days. Other ones: connector plan {connection.name} --day DAY",
                markup=False,
            )

    def _take_published(self) -> None:
        published = {name: value for name, value in self._known.credentials.items() if name in self.missing}
        if not published:
            return
        elsewhere = addresses_elsewhere(self._connection)
        if elsewhere:
            raise ConfigurationError(
                f"the stand-ins' credentials are for stand-ins alone, but {', '.join(elsewhere)} is not one",
                connection=self._connection.name,
            )
        for name, value in published.items():
            self._opened.store.vault.write(self._connection.name, name, value)
        console.print("The credentials that the stand-ins publish are stored, encrypted.")

    def _to_give(self) -> dict[str, str]:
        """What is missing and does not come of a consent."""
        gocardless = self._connection.gocardless
        given = {gocardless.access_token} if gocardless.partner_app is not None else set()
        return {name: purpose for name, purpose in self.missing.items() if name not in given}

    def _needs_consent(self, system: str) -> bool:
        gocardless = self._connection.gocardless
        if system == "gocardless":
            return gocardless.partner_app is not None and gocardless.access_token in self.missing
        kind = erp_kind(self._connection.erp.kind)
        if kind.authorise is None or kind.has_consent is None:
            return False
        return not kind.has_consent(self._connection.erp, self._opened.context(self._connection))


def as_if_cut_over(connection: Connection, day: date) -> Connection:
    """The connection with another cut-over, for a look; nothing of it is written anywhere."""
    return connection.model_copy(update={"books": connection.books.model_copy(update={"cut_over": day})})
