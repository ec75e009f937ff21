"""How the modules of projections build sets and services: short forms of what most of them need."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.ifs_cloud.enumerations import ENUMS
from sandbox.ifs_cloud.odata.edm import EntityType, Row
from sandbox.ifs_cloud.odata.service import Call, Change, Create, Delete, EntitySet, Keep, Navigation, Service
from sandbox.ifs_cloud.refusals import already_there

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant


def projection(name: str, *sets: EntitySet, category: str = "Standard", layer: str = "main") -> Service:
    return Service(name, layer, "projection", enums=ENUMS, category=category).add(*sets)


def entity_service(entities: EntitySet) -> Service:
    """`<Lu>Entity.svc/<Lu>Set` on `int`."""
    return Service(f"{entities.kind.lu}Entity", "int", "entity", enums=ENUMS, category="StandardEntity").add(entities)


def rows(
    tenant: Tenant,
    name: str,
    kind: EntityType,
    *,
    keep: Keep | None = None,
    create: Create | None = None,
    change: bool = False,
    delete: bool = False,
) -> EntitySet:
    """A set on the table of the type's logical unit, with plain changes and deletions where they are allowed."""
    changing: Change | None = _changing(tenant, kind.lu) if change else None
    deleting: Delete | None = _deleting(tenant, kind.lu) if delete else None
    return EntitySet(name, kind, tenant.table(kind.lu), keep=keep, create=create, change=changing, delete=deleting)


def below(parent: EntitySet, name: str, target: EntitySet, *join: str) -> EntitySet:
    """Lead from `parent` to `target`; joined columns are `theirs=ours` or one name for both. Gives the target."""
    pairs = tuple((theirs, ours or theirs) for theirs, _, ours in (each.partition("=") for each in join))
    parent.navigation[name] = Navigation(target, pairs)
    return target


def creating(tenant: Tenant, unit: str, complete: Callable[[Call, Row], Row] | None = None) -> Create:
    """A plain insert; `complete` fills what the server knows. Raises `Business` (ORA-20112) when the key is taken."""

    def create(call: Call, body: Row, parent: Row | None) -> Row:
        row = complete(call, body) if complete else body
        table = tenant.table(unit)
        if table.key(row) in table:
            raise already_there(unit, f"The object {' '.join(str(each) for each in table.key(row))} already exists.")
        return table.add(row)

    return create


def _changing(tenant: Tenant, unit: str) -> Change:
    def change(call: Call, row: Row, body: Row) -> None:
        tenant.table(unit).change(row, **body)

    return change


def _deleting(tenant: Tenant, unit: str) -> Delete:
    def delete(call: Call, row: Row) -> None:
        tenant.table(unit).remove(row)

    return delete
