"""A connection as a Dagster component of the same model as the connection file.

`dg scaffold defs connector_assets.component.ConnectionComponent NAME` makes `connector/defs/NAME/defs.yaml`, whose
`attributes` are a connection file; `dg check yaml` and editors validate it against the same schema.
"""

from __future__ import annotations

import textwrap
from datetime import UTC, date, datetime
from typing import Literal

import dagster as dg
from pydantic import BaseModel, Field

from connector_assets.factory import connection_definitions
from connector_resources.connections.load import COMPONENT_TYPE
from connector_resources.connections.model import Connection
from connector_resources.connections.template import connection_template
from connector_resources.erp.registry import ERPS


class ScaffoldOptions(BaseModel):
    """What `dg scaffold defs` may be told of a new connection, as options or as `--json-params`."""

    erp: str = Field(default="visma", description=f"The ledger: {', '.join(sorted(ERPS))}.")
    environment: Literal["live", "sandbox"] = Field(default="sandbox", description="GoCardless environment.")
    time_zone: str = Field(default="Europe/Berlin", description="IANA zone of the company.")
    cut_over: date | None = Field(default=None, description="First day that is posted; default: today.")


class ConnectionScaffolder(dg.Scaffolder[ScaffoldOptions]):
    """Writes a commented `defs.yaml` that is valid as it is, to be filled in."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldOptions]:
        return ScaffoldOptions

    def scaffold(self, request: dg.ScaffoldRequest[ScaffoldOptions]) -> None:
        options = request.params or ScaffoldOptions()
        text = connection_template(
            options.erp,
            request.target_path.name,
            cut_over=options.cut_over or datetime.now(UTC).date(),
            time_zone=options.time_zone,
            environment=options.environment,
            modeline=False,
        )
        component = f"type: {request.type_name}\n\nattributes:\n{textwrap.indent(text, '  ')}"
        (request.target_path / "defs.yaml").write_text(component, encoding="utf-8")


@dg.scaffold_with(ConnectionScaffolder)
class ConnectionComponent(dg.Component):
    """One GoCardless organisation tied to one ERP company: its assets, checks and jobs."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return Connection

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> ConnectionComponent:
        if not isinstance(attributes, Connection):
            raise TypeError(f"{COMPONENT_TYPE} takes the fields of a connection file as its attributes")
        return cls(attributes)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return connection_definitions(self.connection).as_definitions()
