"""One request as the endpoint modules see it, and what they answer. Nothing here knows HTTP servers or Starlette."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.visma import etags, wrappers
from sandbox.visma.records import Stamped
from sandbox.visma.refusals import Malformed

if TYPE_CHECKING:
    from sandbox.visma.company import Company


@dataclass(frozen=True, slots=True)
class Upload:
    """One file part of a multipart request."""

    name: str
    content: bytes
    content_type: str


@dataclass(slots=True)
class Call:
    """`path` holds the named segments, `query` the parameters with lower-case names (first value wins)."""

    method: str
    url: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    client_id: str = ""
    read_parameters: set[str] = field(default_factory=set)
    ignored_fields: set[str] = field(default_factory=set)
    files: tuple[Upload, ...] = ()
    #: another company's id was named: nothing of this company may be seen.
    blind: bool = False

    def text(self, name: str) -> str | None:
        """A query parameter by its documented name; names are case-insensitive, an empty value counts as absent."""
        self.read_parameters.add(name.lower())
        return self.query.get(name.lower()) or None

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """An enumeration parameter. Raises `Malformed` for anything but one of its values."""
        value = self.text(name)
        if value is None:
            return None
        for each in allowed:
            if each.lower() == value.lower():
                return each
        raise Malformed(f"The value '{value}' is not valid for {name}.")

    def flag(self, name: str) -> bool | None:
        value = self.one_of(name, ("true", "false", "1", "0"))
        return None if value is None else value in ("true", "1")

    def whole(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not value.isdigit():
            raise Malformed(f"The value '{value}' is not valid for {name}.")
        return int(value)

    def parsed(self, schema: wrappers.Schema) -> dict[str, Any]:
        """The body read by `schema`. Raises `Malformed`."""
        return wrappers.parse(self.body, schema, self.ignored_fields)

    def check_version(self, record: Stamped) -> None:
        """Raises `Stale` when If-Match names another version."""
        etags.check(self.headers.get("if-match"), record)


@dataclass(slots=True)
class Answer:
    """`payload` is JSON-ready; None is an empty body. `location` is a path that the dispatcher turns into an
    address.
    """

    status: int = 200
    payload: Any = None
    location: str = ""
    etag: str = ""
    retry_after_s: int = 0
    content: bytes | None = None
    content_type: str = "application/json; charset=utf-8"


Handler = Callable[["Company", Call], Answer]


def found(payload: Any, record: Stamped) -> Answer:
    """200 with one resource and its ETag."""
    return Answer(200, payload, etag=etags.etag(record))


def created(location: str, record: Stamped) -> Answer:
    """201 with an empty body: the number is in `Location` only (section 0, fact 1)."""
    return Answer(201, None, location, etags.etag(record))


def updated(location: str, record: Stamped) -> Answer:
    """204 with the new ETag."""
    return Answer(204, None, location, etags.etag(record))
