"""One request as the endpoint modules see it, and what they answer. Nothing here knows HTTP servers or Starlette."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.exact_online.schema import EntityType, Row

if TYPE_CHECKING:
    from sandbox.exact_online.division import Division


@dataclass(slots=True)
class Call:
    """`query` holds the parameters as sent; `root` is the address in front of `/api`, `base` the one of the division."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    root: str
    base: str
    client_id: str = ""

    @property
    def wants_json(self) -> bool:
        return "application/json" in self.headers.get("accept", "").lower()

    @property
    def wants_representation(self) -> bool:
        return "return=representation" in self.headers.get("prefer", "").replace(" ", "").lower()


@dataclass(slots=True)
class Answer:
    """`rows` with their type become a collection, `row` a single entity, `text` a raw value; none of them is empty."""

    status: int = 200
    kind: EntityType | None = None
    path: str = ""
    rows: Sequence[Row] | None = None
    row: Row | None = None
    select: tuple[str, ...] = ()
    next_link: str = ""
    bare: bool = False
    count: int | None = None
    text: str | None = None
    content_type: str = ""
    location: str = ""


#: gives all rows of an endpoint that are not kept in a table of their own.
Source = Callable[["Division"], Iterable[Row]]
Shape = Callable[["Division", Row], Row]
Keep = Callable[["Division", Call, Row], bool]
Create = Callable[["Division", Call, Row], Row]
Change = Callable[["Division", Call, Row, Row], None]
Delete = Callable[["Division", Row], None]


@dataclass(frozen=True, slots=True)
class Writes:
    """What may be done to an entity besides reading it. `unlocked` creates take the division's lock themselves."""

    create: Create | None = None
    change: Change | None = None
    delete: Delete | None = None
    unlocked: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path and how it may be read. `style` is normal, bulk or sync; `table` or `source` says where rows are from."""

    path: str
    kind: EntityType
    table: str = ""
    source: Source | None = None
    shape: Shape | None = None
    style: str = "normal"
    needs_select: bool = False
    #: one of these must be in `$filter` (section 4.3); `twin` marks the bulk endpoints this can be asked of as well.
    must_filter: frozenset[str] = frozenset()
    #: when given, nothing else may be filtered.
    filterable: frozenset[str] = frozenset()
    #: rows that this endpoint shows to this caller.
    keep: Keep | None = None
    writes: Writes = field(default_factory=Writes)

    @property
    def page_size(self) -> int:
        return 60 if self.style == "normal" else 1000

    def shows(self, division: Division, call: Call, row: Row) -> bool:
        return self.keep is None or self.keep(division, call, row)

    def shaped(self, division: Division, row: Row) -> Row:
        return self.shape(division, row) if self.shape else row


def literal(value: Any) -> str:
    """A key in an address: `guid'...'`, `'...'`, or the number with `L`."""
    if isinstance(value, str):
        return f"guid'{value}'" if len(value) == 36 else f"'{value}'"
    return f"{value}L"
