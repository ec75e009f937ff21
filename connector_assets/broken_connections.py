"""What Dagster shows of a connection whose file is broken: one asset in its group that cannot be made, and says why.

It reads the file again when it is run, and does nothing else. The connection's own assets come back when the file is in order
and the code location was loaded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from connector_assets.names import CONNECTION_TAG
from connector_resources.connections.load import CORRECT_IT, BrokenFile, read_connections
from connector_resources.runtime_resource import RUNTIME
from connector_resources.settings import Settings

RELOAD = "reload the code location (Deployment, Reload)"


@dataclass(frozen=True, slots=True)
class BrokenConnection:
    """The files that claim one connection's name, none of which can be used; the asset and the job that show it."""

    name: str
    problems: tuple[str, ...]
    asset: dg.AssetsDefinition
    job: dg.UnresolvedAssetJobDefinition

    def as_definitions(self) -> dg.Definitions:
        return dg.Definitions(
            assets=[self.asset], jobs=[self.job], resources={"runtime": RUNTIME}, executor=dg.in_process_executor
        )


def broken_connections(files: Sequence[BrokenFile]) -> list[BrokenConnection]:
    """One for each name, in the order of names."""
    names = sorted({each.name for each in files})
    return [_broken_connection(name, [each for each in files if each.name == name]) for name in names]


def _broken_connection(name: str, files: Sequence[BrokenFile]) -> BrokenConnection:
    problems = tuple(problem for each in files for problem in each.problems)
    asset = _connection_file(name, problems)
    job = dg.define_asset_job(
        f"{name}_connection_file",
        selection=dg.AssetSelection.assets(asset),
        description=f"Looks again at the connection file of {name}, which is broken.",
        tags={CONNECTION_TAG: name},
        executor_def=dg.in_process_executor,
    )
    return BrokenConnection(name, problems, asset, job)


def _connection_file(name: str, problems: Sequence[str]) -> dg.AssetsDefinition:
    listed = "\n".join(f"- `{problem}`" for problem in problems)

    @dg.asset(
        key=dg.AssetKey([name, "connection_file"]),
        group_name=name,
        kinds={"yaml"},
        tags={CONNECTION_TAG: name},
        description=f"**The connection {name} stands still: its file is broken.** Nothing is lost; what happens meanwhile "
        f"is read when it is in order again.\n\n{listed}\n\nNext step: {CORRECT_IT}; then {RELOAD}.",
        metadata={"connection": name, "problems": dg.MetadataValue.md(listed)},
    )
    def connection_file() -> dg.MaterializeResult[None]:
        still = [each for each in read_connections(Settings().connections_dir).broken if each.name == name]
        if still:
            found = [problem for each in still for problem in each.problems]
            raise dg.Failure(
                description="\n".join([f"The connection {name} stands still: its file is broken.", *found]),
                metadata={"next step": CORRECT_IT},
                allow_retries=False,
            )
        return dg.MaterializeResult(metadata={"next step": f"The file is in order now: {RELOAD}."})

    return connection_file
