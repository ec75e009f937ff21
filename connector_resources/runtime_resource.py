"""The runtime as a Dagster resource: one per process, opened from the environment when a run or sensor first needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from connector_resources.runtime import Runtime
from connector_resources.settings import Settings
from connector_resources.signs_of_life import SignsOfLife


class RuntimeResource(dg.ConfigurableResource[Runtime]):
    """Store, vault and connections. It takes no configuration: secrets stay in the vault, addresses in the files."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Runtime]:
        with Runtime.open(Settings()) as runtime:
            if context.run is None:
                yield runtime
                return
            with SignsOfLife(runtime.store).at_work(context.run.run_id):
                yield runtime


#: the one instance that all definitions of a deployment share: Dagster merges definitions only when it is the same.
RUNTIME = RuntimeResource()
