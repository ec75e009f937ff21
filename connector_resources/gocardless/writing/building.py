"""Assembles the GoCardless target of one connection. No Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from connector_resources.gocardless.building import Access, build_client
from connector_resources.gocardless.writing.target import GoCardlessTarget

if TYPE_CHECKING:
    from connector_resources.erp.building import BuildContext


class WriteAccess(Access, Protocol):
    """`Access`, and where a person looks at what was written."""

    @property
    def dashboard_base(self) -> str: ...


def build_target(section: WriteAccess, context: BuildContext) -> GoCardlessTarget:
    """Raises `ConfigurationError` for a base address that is not https. The target closes its client."""
    client = build_client(section, context)
    return GoCardlessTarget(
        client,
        connection=context.connection,
        dashboard=section.dashboard_base,
        clock=context.clock,
        sealed=lambda name: context.store.vault.read(context.connection, name),
    )
