"""What a service offers: entity sets, navigation, actions and functions; and one request to it as handlers see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.ifs_cloud.odata.edm import EntityType, Row
from sandbox.ifs_cloud.odata.literals import Zone
from sandbox.ifs_cloud.odata.tables import Table
from sandbox.ifs_cloud.switches import Switches


@dataclass(slots=True)
class Call:
    """One request. `query` holds the parameters as sent, `root` the absolute address of the service without a slash.

    `address` is that of the resource,
    `host_part` what stands before the path. `companies` are those the caller may see.
    """

    method: str
    address: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    root: str
    host_part: str
    zone: Zone
    switches: Switches
    #: the database's, in which object versions are written whatever the request's zone is.
    database: Zone
    companies: frozenset[str] | None = None
    user: str = ""

    def sees(self, company: str) -> bool:
        return self.companies is None or company in self.companies


Source = Callable[[], Iterable[Row]]
Keep = Callable[[Row], bool]
#: call, body, and for children the parent's row; gives the new row.
Create = Callable[[Call, Row, Row | None], Row]
Change = Callable[[Call, Row, Row], None]
Delete = Callable[[Call, Row], None]
Upload = Callable[[Call, Row, str, bytes], None]


@dataclass(frozen=True, slots=True)
class Action:
    """A bound action: `run(call, row, parameters)`. A `Row` answer is shown as the entity, None as 204, else a value."""

    run: Callable[[Call, Row, Row], Any]
    parameters: Mapping[str, str] = field(default_factory=dict)
    returns: str = ""
    needs_etag: bool = True


@dataclass(frozen=True, slots=True)
class Function:
    """An unbound function. `parameters` are kinds by name (`E:Enum` for enumerations); all of them must be given."""

    run: Callable[[Call, Row], Any]
    parameters: Mapping[str, str]
    returns: str = "complex"


@dataclass(frozen=True, slots=True)
class Navigation:
    """Leads to rows of `target` whose columns (first) equal the parent's (second)."""

    target: EntitySet
    join: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class EntitySet:
    """One set: its type, where its rows are, what may be done with them. `hidden` sets are reached by navigation only."""

    name: str
    kind: EntityType
    table: Table | None = None
    source: Source | None = None
    keep: Keep | None = None
    create: Create | None = None
    change: Change | None = None
    delete: Delete | None = None
    upload: Upload | None = None
    navigation: dict[str, Navigation] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    hidden: bool = False

    def rows(self) -> Iterable[Row]:
        if self.table is not None:
            return iter(self.table)
        return self.source() if self.source is not None else ()

    def shows(self, call: Call, row: Row) -> bool:
        if self.kind.company and not call.sees(row[self.kind.company]):
            return False
        return self.keep is None or self.keep(row)


@dataclass(slots=True)
class Service:
    """One projection or entity service. An entity service is 404 until it is `activated`; not `granted` is 403."""

    name: str
    layer: str
    kind: str
    sets: dict[str, EntitySet] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    actions: dict[str, Function] = field(default_factory=dict)
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    category: str = "Standard"
    namespace_root: str = "IfsApp"
    granted: bool = True
    activated: bool = True

    @property
    def namespace(self) -> str:
        return f"{self.namespace_root}.{self.name}" if self.namespace_root else self.name

    def add(self, *sets: EntitySet) -> Service:
        for each in sets:
            self.sets[each.name] = each
        return self


@dataclass(slots=True)
class Answer:
    """What goes back: status, body, headers; `kind` is the media type."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = ""
