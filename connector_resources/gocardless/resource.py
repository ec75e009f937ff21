"""GoCardless as a Dagster resource: the client of one connection, for assets of your own beside the generated ones."""

# No `from __future__ import annotations`: Dagster reads the types of resource dependencies when the class is made.
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from connector_resources.gocardless.client import GoCardlessClient
from connector_resources.runtime import Runtime


class GoCardlessResource(dg.ConfigurableResource[GoCardlessClient]):
    """Gives the client of `connection`, with its token from the vault and the quota that all processes share.

    `runtime` is the project's runtime resource. Raises `UnknownConnection` when no such connection is configured.
    """

    connection: str
    runtime: dg.ResourceDependency[Runtime]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[GoCardlessClient]:
        with self.runtime.gocardless(self.runtime.connection(self.connection)) as client:
            yield client
