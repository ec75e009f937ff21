"""IFS Cloud's services, one method a question, on a `Transport`: conditions, paging, key reads, and single calls of recipes.

It decides nothing but one thing: a row of another company than the one that was asked for stops everything, because a set
holds all companies and only our own condition keeps them apart (ifs_cloud.md section 3.2).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from connector_resources.erp.exact_json import dump_exact
from connector_resources.erp.ifs_cloud import odata, wire
from connector_resources.erp.ifs_cloud.gate import SYSTEM
from connector_resources.erp.ifs_cloud.projections import Projection
from connector_resources.erp.ifs_cloud.wire import W
from connector_resources.errors import BadAnswer, NotFound, Refused, WrongCompany
from connector_resources.transport.messages import Request, Response, Transport

JSON = "application/json"
#: pages of one list before we take the answer to be broken.
MAX_PAGES = 2000
WRITE_TIMEOUT_S = 120.0


class IfsCloudClient:
    """All reads and writes of a connection.

    Reads raise `NotSent`, `BadAnswer`, `Refused` and its kinds, and `WrongCompany`; writes raise what `Transport.send` does.
    """

    def __init__(
        self,
        transport: Transport,
        projections: Mapping[str, Projection],
        *,
        connection: str,
        page_size: int,
        use_select: bool = True,
    ) -> None:
        self._transport = transport
        self._connection = connection
        self._page_size = page_size
        self._use_select = use_select
        self.projections = projections
        #: this tenant is known to send next links, so that a page without one is the last.
        self._sends_links = False

    def close(self) -> None:
        self._transport.close()

    # --- reading ---------------------------------------------------------------------------------------------------

    def rows(self, name: str, model: type[W], condition: str = "", *, company: str = "", **options: Any) -> Iterator[W]:
        """Every row of a set that fits `condition`, of one company if one is named, in the order of its key, each once.

        Options: `select` and `orderby` instead of the map's, `top` instead of the page size, `path` of an array instead of
        the set's, and `expected` rows after which the list is known to be complete.
        """
        projection = self.projections[name]
        member = projection.member("company")
        own = f"{member} eq {odata.text(company)}" if company and member else ""
        address = odata.address(
            options.get("path", projection.path),
            filter=odata.every(own, condition, projection.filter),
            select=options.get("select", self._select(projection)),
            orderby=options.get("orderby", ",".join(projection.orderby)),
            top=options.get("top", self._page_size),
        )
        yield from self._typed(name, model, address, company, expected=options.get("expected"))

    def array(self, name: str, entity: str, model: type[W], *, company: str = "") -> list[W]:
        """The rows of a set's array below one entity, named by its key: such as what a transaction was matched with."""
        projection = self.projections[name]
        path = f"{projection.path}{odata.segment(entity)}/{projection.array}"
        return list(self._typed(name, model, path, company, expected=0, unique=False))

    def function(self, name: str, call: str) -> dict[str, Any]:
        """The answer of an unbound function of a set's service; `call` is `Name(Key=literal,…)`."""
        return self._read(f"{self.projections[name].service_path}{odata.segment(call)}")

    def metadata(self, name: str) -> bytes:
        """The EDMX of a set's service."""
        return self._transport.send(
            Request("GET", f"{self.projections[name].service_path}$metadata", headers=(("accept", "application/xml"),))
        ).body

    def entity(self, path: str) -> dict[str, Any] | None:
        """One entity by its address, with its version; None when there is none."""
        try:
            return self._read(path)
        except NotFound:
            return None

    def list_at(self, path: str) -> list[dict[str, Any]]:
        """The rows behind an address of a recipe's look-up."""
        address = odata.encoded(path)
        return [row for page in self._pages(address, odata.service_root(address)) for row in page]

    # --- writing ---------------------------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        etag: str = "",
    ) -> Response:
        """One call of a recipe. `path` may hold blanks; what it holds encoded stays as it is."""
        given = content if body is None else dump_exact(dict(body))
        kind = "application/octet-stream" if content is not None else JSON
        return self._transport.send(
            Request(
                method,
                odata.encoded(path),
                headers=(("if-match", etag),) if etag else (),
                body=given,
                content_type=kind if given is not None else "",
                write=method != "GET",
                timeout_s=WRITE_TIMEOUT_S if method != "GET" else None,
            )
        )

    # --- common ----------------------------------------------------------------------------------------------------

    def _select(self, projection: Projection) -> str:
        if not self._use_select:
            return ""
        members = {member for member in projection.fields.values() if member}
        # Members of the key as well, because rows are told apart and written to by it.
        extra = {projection.modified_field} if projection.modified_field else set()
        return ",".join(sorted(members | extra | set(projection.orderby)))

    def _typed(
        self, name: str, model: type[W], address: str, company: str, *, expected: int | None = None, unique: bool = True
    ) -> Iterator[W]:
        projection = self.projections[name]
        member = projection.member("company")
        seen: set[str] = set()
        for page in self._pages(address, projection.service_path, expected):
            for row in page:
                identity = _identity(row, projection)
                if unique and identity in seen:
                    continue
                seen.add(identity)
                if company and member:
                    self._require_company(row.get(member), company, projection)
                yield self._parsed(model, projection, row)

    def _parsed(self, model: type[W], projection: Projection, row: Mapping[str, Any]) -> W:
        try:
            return wire.read_row(model, projection, row)
        except (ValidationError, ValueError, ArithmeticError) as problem:
            raise self._bad(f"a row of {projection.service}/{projection.set} cannot be read") from problem

    def _require_company(self, found: object, company: str, projection: Projection) -> None:
        if found is None or str(found) == company:
            return
        raise WrongCompany(
            f"{projection.service}/{projection.set} was asked for company {company} and answered with a row of company "
            f"{found}. Nothing more is read or written.",
            connection=self._connection,
            next_step="ask the administrator of IFS Cloud why this projection does not filter by company, and do not run "
            "the connection before that is repaired.",
        )

    def _pages(self, address: str, root: str, expected: int | None = None) -> Iterator[list[dict[str, Any]]]:
        """Page by page by the server's links, and window by window of `$top` rows, because links end where it does.

        A tenant that never sent a link may have cut a page short without a word, so it is asked for the rest (section 4),
        unless as many rows as are `expected` have come. `root` is the service's path, which links may be relative to.
        """
        url, taken, window, pages = address, 0, 0, 0
        while url:
            pages += 1
            if pages > MAX_PAGES:
                raise self._bad(f"the list {address.partition('?')[0]} does not end")
            response = self._transport.send(Request("GET", url))
            page = self._page(response)
            yield page.rows
            taken, window = taken + len(page.rows), window + len(page.rows)
            if page.next_link:
                self._sends_links = True
                following = odata.next_address(page.next_link, odata.next_address(root, response.url))
                if following == url:
                    raise self._bad(f"the list {address.partition('?')[0]} does not end")
                url = following
            elif expected is not None and taken >= expected:
                url = ""
            elif window and (not self._sends_links or window >= self._page_size):
                url, window = f"{address}{'&' if '?' in address else '?'}$skip={taken}", 0
            else:
                url = ""

    def _page(self, response: Response) -> odata.Page:
        try:
            return odata.page_of(response.json())
        except ValueError as problem:
            raise self._bad(f"the answer to GET {response.url.partition('?')[0]} is no list", response) from problem

    def _read(self, path: str) -> dict[str, Any]:
        response = self._transport.send(Request("GET", odata.encoded(path)))
        try:
            content = response.json()
        except ValueError as problem:
            raise self._bad(f"the answer to GET {path.partition('?')[0]} cannot be read", response) from problem
        if not isinstance(content, dict):
            raise self._bad(f"the answer to GET {path.partition('?')[0]} is no object", response)
        if response.headers.get("etag") and "@odata.etag" not in content:
            content["@odata.etag"] = response.headers["etag"]
        return content

    def _bad(self, what: str, response: Response | None = None) -> BadAnswer:
        error = BadAnswer(f"IFS Cloud: {what}.", system=SYSTEM, connection=self._connection)
        error.response = response
        return error


def is_bad_filter(error: Refused) -> bool:
    """Whether a read was refused for its conditions or options, so that it may be asked in another way (section 4)."""
    return error.status in (400, 501)


def references(member: str, values: Collection[str]) -> str:
    """A condition on one of these texts."""
    return odata.any_of(member, [odata.text(each) for each in sorted(values)])


def _identity(row: Mapping[str, Any], projection: Projection) -> str:
    """What two copies of one row share: its keyref, else its key members (section 4: a pass may show a row twice)."""
    if row.get("keyref"):
        return str(row["keyref"])
    return "|".join(str(row.get(member)) for member in (projection.orderby or sorted(row)))
