"""Every GoCardless endpoint this project calls (gocardless.md section 2), over a `Transport`. Answers are plain JSON.

Lists come page by page, newest first. Writes take an idempotency key and are sent once; a key or bank account that was
used before raises `Conflict` with the id of what exists, for the caller to read and compare. Nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import orjson

from connector_resources.errors import BadAnswer, Conflict, ExpiredAtSource, Uncertain
from connector_resources.gocardless.errors import conflicting_id
from connector_resources.transport.answers import is_bounded, is_shallow
from connector_resources.transport.back_off import http_date
from connector_resources.transport.messages import Request, Response, Transport

Json = dict[str, Any]
Filter = str | int | bool | date | datetime | Sequence[str] | Mapping[str, "Filter"]

API_VERSION = "2015-07-06"
#: the most GoCardless gives in one page (section 4.1).
PAGE_SIZE = 500
JSON_CONTENT = "application/json"
#: the event filter that names one resource, by resource type (section 4.1).
STORY_FILTERS = {
    "billing_requests": "billing_request",
    "creditors": "creditor",
    "instalment_schedules": "instalment_schedule",
    "mandates": "mandate",
    "payments": "payment",
    "payouts": "payout",
    "refunds": "refund",
    "subscriptions": "subscription",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `after` is the next one's cursor, None at the end; `linked` what events `include`.

    `elapsed_s` is how long the answer took, `waited_s` how long the quota held the call back before.
    """

    items: list[Json]
    after: str | None
    linked: list[Json]
    elapsed_s: float
    waited_s: float = 0.0


class GoCardlessClient:
    """Errors are those of `Transport.send`, their `code` being GoCardless's reason (`mandate_is_inactive`, …)."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._told_at: datetime | None = None

    @property
    def told_at(self) -> datetime | None:
        """When GoCardless wrote its last page or resource, by its own clock; None where it does not say."""
        return self._told_at

    @property
    def calls(self) -> int:
        """HTTP attempts made so far, retries included."""
        return self._transport.calls

    def close(self) -> None:
        self._transport.close()

    # --- reading -------------------------------------------------------------------------------------------------

    def page(self, resource_type: str, filters: Mapping[str, Filter] | None = None, after: str | None = None) -> Page:
        """One page of `resource_type`. Filters nest (`{"created_at": {"gte": …}}`); lists are joined by commas."""
        params = [("limit", str(PAGE_SIZE)), *encode_filters(filters or {})]
        if after is not None:
            params.append(("after", after))
        response = self._asked(Request("GET", f"/{resource_type}", params=tuple(params)))
        body = _json(response, resource_type, fits=lambda value: is_shallow(response.body, value))
        items = body.get(resource_type)
        if not isinstance(items, list):
            raise _bad_answer(resource_type, "no list", response)
        linked = body.get("linked")
        included = [item for group in linked.values() for item in group] if isinstance(linked, dict) else []
        return Page(items, _next_cursor(body, items), included, response.elapsed_s, response.waited_s)

    def list_pages(
        self,
        resource_type: str,
        /,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        **named: Filter,
    ) -> Iterator[list[Json]]:
        """All pages, newest first; `created_from` is inclusive, `created_to` exclusive. `BadAnswer` on a loop."""
        filters: dict[str, Filter] = dict(named)
        bounds: dict[str, Filter] = {}
        if created_from is not None:
            bounds["gte"] = created_from
        if created_to is not None:
            bounds["lt"] = created_to
        if bounds:
            filters["created_at"] = bounds
        return self.filtered_pages(resource_type, filters)

    def filtered_pages(self, resource_type: str, filters: Mapping[str, Filter]) -> Iterator[list[Json]]:
        """As `list_pages`, with the filters of `page`."""
        after: str | None = None
        seen: set[str] = set()
        while True:
            page = self.page(resource_type, filters, after)
            if page.items:
                yield page.items
            after = page.after
            if after is None:
                return
            if after in seen:
                raise BadAnswer(
                    f"The list of {resource_type} came back to a cursor it had before.", system="gocardless"
                )
            seen.add(after)

    def get(self, resource_type: str, resource_id: str) -> Json:
        """One resource, as GoCardless holds it now. Raises `NotFound`."""
        response = self._asked(Request("GET", _path(resource_type, resource_id)))
        return _resource(response, resource_type, write=False)

    def first_creditor(self) -> Json:
        """The ping: checks the token, answers with the first creditor. Raises `TokenRefused`, `BadAnswer`."""
        response = self._transport.send(Request("GET", "/creditors", params=(("limit", "1"),)))
        creditors = _json(response, "creditors").get("creditors")
        if not creditors:
            raise _bad_answer("creditors", "no creditor", response)
        return dict(creditors[0])

    def payout_items(self, payout_id: str) -> list[Json]:
        """All items of a payout, from all pages. Raises `ExpiredAtSource` for payouts older than six months."""
        try:
            return [item for page in self.list_pages("payout_items", payout=payout_id) for item in page]
        except ExpiredAtSource as error:
            expired = ExpiredAtSource(
                f"The items of payout {payout_id} are older than six months; GoCardless no longer keeps them.",
                system="gocardless",
                status=410,
                code=error.code,
                connection=error.connection,
                subject=payout_id,
                next_step="book this payout by hand from the payout report of the GoCardless dashboard.",
            )
            expired.response = error.response
        raise expired

    def story(self, resource_type: str, resource_id: str) -> list[Json]:
        """Every event of one resource, oldest first: the exact story behind its present status (section 7.2)."""
        filters: dict[str, Filter] = {STORY_FILTERS[resource_type]: resource_id}
        events = [event for page in self.filtered_pages("events", filters) for event in page]
        return sorted(events, key=lambda event: (event["created_at"], event["id"]))

    def balances(self, creditor_id: str) -> list[Json]:
        """What GoCardless holds for a creditor, three to five minutes old; 60 calls a minute (section 5)."""
        return [balance for page in self.list_pages("balances", creditor=creditor_id) for balance in page]

    def tax_rates(self, jurisdiction: str | None = None) -> list[Json]:
        filters: dict[str, Filter] = {"jurisdiction": jurisdiction} if jurisdiction else {}
        return [rate for page in self.filtered_pages("tax_rates", filters) for rate in page]

    def _asked(self, request: Request) -> Response:
        response = self._transport.send(request)
        self._told_at = http_date(response.headers.get("date", ""))
        return response

    # --- writing -------------------------------------------------------------------------------------------------

    def create(self, resource_type: str, fields: Mapping[str, Any], idempotency_key: str) -> Json:
        """Create and answer with the new resource. Raises `Conflict`, `Refused`, `NotSent`, `Uncertain`."""
        return self.write(create_request(resource_type, fields, idempotency_key), resource_type)

    def act(
        self,
        resource_type: str,
        resource_id: str,
        action: str,
        idempotency_key: str,
        fields: Mapping[str, Any] | None = None,
    ) -> Json:
        """Run an action such as `cancel`; answers with the resource as it is afterwards. Errors as `create`."""
        return self.write(action_request(resource_type, resource_id, action, idempotency_key, fields), resource_type)

    def create_payment(self, fields: Mapping[str, Any], idempotency_key: str) -> Json:
        return self.create("payments", fields, idempotency_key)

    def cancel_payment(self, payment_id: str, idempotency_key: str) -> Json:
        return self.act("payments", payment_id, "cancel", idempotency_key)

    def retry_payment(self, payment_id: str, idempotency_key: str, charge_date: date | None = None) -> Json:
        fields = {"charge_date": charge_date.isoformat()} if charge_date else None
        return self.act("payments", payment_id, "retry", idempotency_key, fields)

    def create_customer(self, fields: Mapping[str, Any], idempotency_key: str) -> Json:
        return self.create("customers", fields, idempotency_key)

    def create_customer_bank_account(self, fields: Mapping[str, Any], idempotency_key: str) -> Json:
        """Raises `Conflict` with the id of the account when the same one exists (`bank_account_exists`)."""
        return self.create("customer_bank_accounts", fields, idempotency_key)

    def create_mandate(self, fields: Mapping[str, Any], idempotency_key: str) -> Json:
        return self.create("mandates", fields, idempotency_key)

    def create_billing_request(self, fields: Mapping[str, Any], idempotency_key: str) -> Json:
        return self.create("billing_requests", fields, idempotency_key)

    def create_billing_request_flow(self, fields: Mapping[str, Any], idempotency_key: str) -> Json:
        """Each call makes a new address for the payer: GoCardless does not de-duplicate flows (section 2.4)."""
        return self.create("billing_request_flows", fields, idempotency_key)

    def create_subscription(self, fields: Mapping[str, Any], idempotency_key: str) -> Json:
        return self.create("subscriptions", fields, idempotency_key)

    def cancel_subscription(self, subscription_id: str, idempotency_key: str) -> Json:
        return self.act("subscriptions", subscription_id, "cancel", idempotency_key)

    def retry_webhook(self, webhook_id: str, idempotency_key: str) -> Json:
        """Ask GoCardless to deliver a webhook again. Deliveries are listed by `list_pages("webhooks")`."""
        return self.act("webhooks", webhook_id, "retry", idempotency_key)

    def write(self, request: Request, resource_type: str) -> Json:
        """Send exactly this request once; answers with the resource as it is afterwards. Errors as `create`."""
        try:
            response = self._transport.send(request)
        except Conflict as conflict:
            conflict.conflicting_id = conflicting_id(conflict.response)
            raise
        return _resource(response, resource_type, write=True)


# --- requests, byte for byte ---------------------------------------------------------------------------------------


def create_request(resource_type: str, fields: Mapping[str, Any], idempotency_key: str) -> Request:
    """The exact request that creates a resource; equal arguments give equal bytes."""
    return _write_request(f"/{resource_type}", {resource_type: dict(fields)}, idempotency_key)


def action_request(
    resource_type: str,
    resource_id: str,
    action: str,
    idempotency_key: str,
    fields: Mapping[str, Any] | None = None,
) -> Request:
    path = f"{_path(resource_type, resource_id)}/actions/{action}"
    return _write_request(path, {"data": dict(fields or {})}, idempotency_key)


def update_request(resource_type: str, resource_id: str, fields: Mapping[str, Any]) -> Request:
    """The exact request that changes these fields. A PUT may be repeated, so it has no idempotency key (section 2)."""
    body = orjson.dumps({resource_type: dict(fields)})
    path = _path(resource_type, resource_id)
    return Request("PUT", path, body=body, content_type=JSON_CONTENT, write=True)


def encode_filters(filters: Mapping[str, Filter]) -> list[tuple[str, str]]:
    """`created_at={"gte": …}` as `created_at[gte]`, lists comma-joined, times in UTC milliseconds (section 4.1)."""
    encoded: list[tuple[str, str]] = []
    for name, value in filters.items():
        if isinstance(value, Mapping):
            encoded.extend((f"{name}[{inner}]", text) for inner, text in encode_filters(value))
        else:
            encoded.append((name, _filter_text(value)))
    return encoded


def _filter_text(value: Filter) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case datetime():
            return milliseconds(value)
        case date():
            return value.isoformat()
        case int():
            return str(value)
        case Sequence():
            return ",".join(value)
        case _:
            raise TypeError(f"a filter cannot be a {type(value).__name__}")


def milliseconds(moment: datetime) -> str:
    """`2026-03-02T09:15:30.125Z`: the only form all of GoCardless's filters take."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write_request(path: str, body: Json, idempotency_key: str) -> Request:
    if not idempotency_key:
        raise ValueError("a write to GoCardless needs an idempotency key")
    return Request(
        "POST",
        path,
        headers=(("idempotency-key", idempotency_key),),
        body=orjson.dumps(body),
        content_type=JSON_CONTENT,
        write=True,
    )


def _path(resource_type: str, resource_id: str) -> str:
    if resource_id in ("", ".", ".."):
        raise ValueError(f"{resource_id!r} is no id of {resource_type}")
    return f"/{resource_type}/{quote(resource_id, safe='')}"


# --- answers -------------------------------------------------------------------------------------------------------


def _next_cursor(body: Json, items: Sequence[Json]) -> str | None:
    """`meta.cursors.after`. A full page without any cursors goes on after its last id; items without id end there."""
    meta = body.get("meta")
    cursors = meta.get("cursors") if isinstance(meta, dict) else None
    if isinstance(cursors, dict):
        after = cursors.get("after")
        return after if isinstance(after, str) and after else None
    last = items[-1] if len(items) >= PAGE_SIZE else {}
    return last.get("id")


def _json(response: Response, what: str, *, fits: Callable[[Json], bool] = is_bounded) -> Json:
    try:
        body = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict) or not fits(body):
        raise _bad_answer(what, "no JSON object", response)
    return body


def _resource(response: Response, resource_type: str, *, write: bool) -> Json:
    """The resource in the answer's envelope. A write whose answer cannot be read may have happened: `Uncertain`."""
    try:
        resource = _json(response, resource_type).get(resource_type)
    except BadAnswer:
        resource = None
    if isinstance(resource, dict):
        return resource
    if write:
        uncertain = Uncertain(
            f"GoCardless accepted a write to {resource_type} with an answer that cannot be read.",
            system="gocardless",
            status=response.status,
        )
        uncertain.response = response
        raise uncertain
    raise _bad_answer(resource_type, "no resource", response)


def _bad_answer(what: str, found: str, response: Response) -> BadAnswer:
    error = BadAnswer(f"GoCardless answered with {found} of {what}.", system="gocardless", status=response.status)
    error.response = response
    return error
