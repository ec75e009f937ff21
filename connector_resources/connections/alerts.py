"""The part of a connection file that says who is told when a person is needed: by e-mail, and by a webhook."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from connector_resources.connections.section import Section, VaultName

AlertKind = Literal["held", "failures"]
Address = Annotated[str, Field(pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$")]


class AlertsSection(Section):
    """Who is told of held postings and failed runs. Without an e-mail address and a webhook nobody is."""

    emails: tuple[Address, ...] = Field(
        default=(), description="Who gets an e-mail, through the mail server that the environment names."
    )
    webhook: VaultName | None = Field(
        default=None,
        description="Vault name of an https address that gets each alert as JSON, with a `text` as Slack reads it. The "
        "address is a secret: whoever knows it can write there.",
    )
    about: tuple[AlertKind, ...] = Field(
        default=("held", "failures"), min_length=1, description="What is told: held postings, failed runs, or both."
    )
    smtp_password: VaultName | None = Field(
        default=None, description="Vault name of the mail server's password; without it nobody logs in there."
    )

    @property
    def wanted(self) -> bool:
        """Whether anybody is told of anything."""
        return bool(self.emails or self.webhook)
