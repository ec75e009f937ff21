"""A connection as a Dagster component of the same model as the connection file.

`dg scaffold defs connector_assets.component.ConnectionComponent NAME` makes `connector/defs/NAME/defs.yaml`, whose
`attributes` are a connection file; `dg check yaml` and editors validate it against the same schema.
"""

from __future__ import annotations

import dagster as dg
from pydantic import BaseModel

from connector_assets.factory import connection_definitions
from connector_resources.connections.load import COMPONENT_TYPE
from connector_resources.connections.model import Connection


class ConnectionComponent(dg.Component):
    """One GoCardless organisation tied to one ERP company: its assets, checks and day job."""

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
