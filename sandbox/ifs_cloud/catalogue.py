"""The tenant's services by layer and name, and what a customer does to them: renaming, hiding, granting, custom fields.

Default names are those of the fact sheet's confirmation table (7.1); where it only proposes, the proposal is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sandbox.ifs_cloud import (
    file_projections,
    history_projections,
    master_projections,
    payment_projections,
    receivable_projections,
    voucher_projections,
)
from sandbox.ifs_cloud.odata.service import EntitySet, Service

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

LAYERS = ("main", "int", "b2b")


class Catalogue:
    """Services by name. The names of a customer's tenant may be anything."""

    def __init__(self) -> None:
        self._services: dict[str, Service] = {}

    def __iter__(self) -> Iterator[Service]:
        return iter(self._services.values())

    def add(self, *services: Service) -> None:
        for each in services:
            self._services[each.name] = each

    def find(self, layer: str, kind: str, name: str) -> Service | None:
        """The service at an address; an entity service only once it is activated."""
        found = self._services.get(name)
        if found is None or (found.layer, found.kind) != (layer, kind) or not found.activated:
            return None
        return found

    def service(self, name: str) -> Service:
        """Raises `KeyError`."""
        return self._services[name]

    def set(self, service: str, name: str) -> EntitySet:
        """A set of the service, or one that is reached by navigation. Raises `KeyError`."""
        sets = self._services[service].sets
        if name in sets:
            return sets[name]
        for each in sets.values():
            if name in each.navigation:
                return each.navigation[name].target
        raise KeyError(f"{service} has no {name}")

    # -- what customers do ------------------------------------------------------------------------------------------

    def rename_service(self, old: str, new: str) -> None:
        service = self._services.pop(old)
        service.name = new
        self._services[new] = service

    def rename_set(self, service: str, old: str, new: str) -> None:
        sets = self._services[service].sets
        sets[old].name = new
        sets[new] = sets.pop(old)

    def rename_member(self, service: str, entities: str, old: str, new: str) -> None:
        self.set(service, entities).kind.rename(old, new)

    def remove_service(self, name: str) -> None:
        del self._services[name]

    def remove_set(self, service: str, name: str) -> None:
        del self._services[service].sets[name]

    def remove_member(self, service: str, entities: str, name: str) -> None:
        self.set(service, entities).kind.remove(name)

    def add_field(self, service: str, entities: str, code: str, name: str, column: str = "") -> None:
        """A custom field, such as `("B U", "Cf_Gc_Collect")`; codes as in `odata.edm.entity`."""
        self.set(service, entities).kind.add(code, name, column)

    def move(self, name: str, layer: str) -> None:
        """Serve it on another layer only."""
        if layer not in LAYERS:
            raise ValueError(f"{layer!r} is none of {', '.join(LAYERS)}")
        self._services[name].layer = layer

    def grant(self, name: str, granted: bool = True) -> None:
        self._services[name].granted = granted

    def activate(self, name: str, activated: bool = True) -> None:
        self._services[name].activated = activated


def build(tenant: Tenant) -> Catalogue:
    """The services of an untouched tenant."""
    catalogue = Catalogue()
    catalogue.add(
        *master_projections.build(tenant),
        *receivable_projections.build(tenant),
        *voucher_projections.build(tenant),
        *payment_projections.build(tenant),
        *file_projections.build(tenant),
        *history_projections.build(tenant, catalogue),
    )
    return catalogue
