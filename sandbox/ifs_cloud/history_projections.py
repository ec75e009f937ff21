"""The history log and the list of services, as projections (sections 2.3 and 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.ifs_cloud.building import below, projection, rows
from sandbox.ifs_cloud.odata.edm import Row, entity
from sandbox.ifs_cloud.odata.service import EntitySet, Service

if TYPE_CHECKING:
    from sandbox.ifs_cloud.catalogue import Catalogue
    from sandbox.ifs_cloud.tenant import Tenant


def build(tenant: Tenant, catalogue: Catalogue) -> list[Service]:
    members = {"I": "LogId", "S": "LuName Keys Username HistoryType Module", "T": "TimeStamp"}
    overview = rows(tenant, "HistoryLogOverviewSet", entity("HistoryLogOverview", "LogId", members, "HistoryLog"))
    details = rows(tenant, "HistoryLogDetailsSet", entity("HistoryLogDetails", "LogId", members, "HistoryLog"))
    attribute = entity(
        "HistoryLogAttribute", "LogId ColumnName", {"I": "LogId", "S": "ColumnName ColumnNamePrompt OldValue NewValue"}
    )
    below(details, "HistoryLogAttributeArray", rows(tenant, "HistoryLogAttributeArray", attribute), "LogId")

    def listed() -> list[Row]:
        return [
            {"ProjectionName": each.name, "Categories": each.category, "Layer": each.layer}
            for each in catalogue
            if each.activated
        ]

    known = entity("Projection", "ProjectionName", {"S": "ProjectionName Categories Layer"})
    return [
        projection("HistoryLogHandling", overview, details),
        projection("AllProjections", EntitySet("Projections", known, source=listed)),
    ]
