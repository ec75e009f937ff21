"""A connection's job, which finds its assets among the connection's own, not among those of all connections.

Dagster resolves an asset job by a look at every asset of the code location. With a few jobs for each of hundreds of
connections that is quadratic, and was most of the time in which a code location loaded. A connection's assets depend on no
other connection's, so its jobs need see no others.
"""

# No `from __future__ import annotations`: Dagster's records read their types when the class is made.
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import dagster as dg

# Not part of the package's front door; the version is pinned.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from connector_assets.names import CONNECTION_TAG

#: of each asset graph, the definitions by the group of their assets: a graph is looked through once, not once for each job.
_BY_GROUP: WeakKeyDictionary[Any, Mapping[str, Sequence[dg.AssetsDefinition]]] = WeakKeyDictionary()


class ConnectionJob(UnresolvedAssetJobDefinition):
    """What `define_asset_job` makes, but for where it looks: in the group of the connection that its tag names.

    It has no fields of its own, because Dagster copies a job by those it knows.
    """

    def resolve(self, asset_graph: Any, *arguments: Any, **named: Any) -> dg.JobDefinition:
        """The job. Raises Dagster's `DagsterInvalidDefinitionError` when the selection names what is not the connection's."""
        own = _by_group(asset_graph).get((self.tags or {})[CONNECTION_TAG], ())
        return super().resolve(type(asset_graph).from_assets(own), *arguments, **named)


def connection_job(name: str, tags: Mapping[str, str], selection: dg.AssetSelection, description: str) -> ConnectionJob:
    """A job whose steps run one after another in the process of the run. Of `tags`, its runs' own, one names the connection."""
    return ConnectionJob(
        name=name,
        selection=selection,
        executor_def=dg.in_process_executor,
        description=description.strip(),
        tags=dict(tags),
    )


def _by_group(asset_graph: Any) -> Mapping[str, Sequence[dg.AssetsDefinition]]:
    found = _BY_GROUP.get(asset_graph)
    if found is None:
        made: defaultdict[str, dict[int, dg.AssetsDefinition]] = defaultdict(dict)
        for node in asset_graph.asset_nodes:
            made[node.group_name][id(node.assets_def)] = node.assets_def
        for check_key in asset_graph.asset_check_keys:
            definition = asset_graph.assets_def_for_key(check_key)
            made[asset_graph.get(check_key.asset_key).group_name][id(definition)] = definition
        found = _BY_GROUP[asset_graph] = {group: list(definitions.values()) for group, definitions in made.items()}
    return found
