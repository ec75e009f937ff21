"""Every behaviour of the stand-in that the fact sheet leaves open or reports in several ways, as one flat set of
switches.

Defaults are the sheet's; tests and the control API (`POST /_control/switches`) change them while it runs.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

NEXT_LINKS = ("absolute", "host", "service", "mixed", "none")

_CHOICES: dict[str, tuple[Any, ...]] = {
    "client_auth": ("any", "body", "basic"),
    "next_link": NEXT_LINKS,
    "etag_style": ("weak", "strong"),
    "missing_if_match": ("428", "upsert"),
    "patch_answer": (200, 204),
    "business_status": (400, 500),
    "mi_modified_status": (500, 503),
    "detail_code": ("number", "string"),
    "language": ("en", "de", "sv"),
    "objstate_filter": ("qualified", "refused"),
    "plain_enum_strings": ("refuse", "accept"),
    "encoded_dollar": ("accept", "mangle"),
    "unknown_members": ("refuse", "drop"),
    "over_payment": ("on_account", "parked", "refuse"),
    "negative_payment": ("reopens", "on_account"),
    "cancel_matching": ("parked", "reversed"),
    "external_payments": ("approved", "transferred", "loaded"),
}


@dataclass(slots=True)
class Switches:
    """Section numbers in the remarks are those of the IFS Cloud fact sheet."""

    #: 1: lifetime of a token, whether a refresh token comes with it, and whether `scope` must be sent.
    expires_in_s: int = 180
    refresh_tokens: bool = True
    scope_required: bool = False
    #: 1: how a client may name itself at the token end point.
    client_auth: str = "any"
    #: 1: the double-submit guard on `main` and `b2b` also for bearer callers.
    csrf: bool = False
    #: 5: calls per minute of the tenant, and whether a 429 says how long to wait (undocumented).
    calls_per_minute: int = 1000
    retry_after: bool = False
    #: 4: rows of a page without `$top`, and the most of any page.
    default_page: int = 25
    page_cap: int = 1000
    #: 4: the form of `@odata.nextLink`; `mixed` takes the three forms in turn, `none` cuts silently.
    next_link: str = "absolute"
    #: 4 and quirk 17: every collection starts with an empty page that only has a link.
    empty_first_page: bool = False
    #: 4: `@odata.count` is told; otherwise `$count=true` is passed over.
    counts: bool = True
    #: 4: `$select` fails with an `ODP_*` error on these sets (`Service/Set`).
    select_fails: list[str] = field(default_factory=list)
    #: 4: `%24filter` is read as `$filter`, or lost on the way.
    encoded_dollar: str = "accept"
    #: 0.10: how `Objstate` may be filtered, and what a plain string compared with an enumeration gets.
    objstate_filter: str = "qualified"
    plain_enum_strings: str = "refuse"
    #: 8: form of ETags; what PATCH without `If-Match` does; what a PATCH answers (quirk 10).
    etag_style: str = "weak"
    missing_if_match: str = "428"
    patch_answer: int = 200
    #: 8: a parent's ETag moves when a child is inserted.
    child_moves_parent: bool = True
    #: 3: `IEEE754Compatible=true` is honoured; decimals come as strings whatever was asked.
    ieee754_honoured: bool = True
    decimals_as_strings: bool = False
    #: 3: `X-Ifs-Time-Zone-Aware-Request: true` is honoured.
    time_zone_aware: bool = True
    #: 3: body members that the entity does not have.
    unknown_members: str = "refuse"
    #: 6: status of business refusals, form of `details[].code`, presence of `details`, language of texts.
    business_status: int = 400
    detail_code: str = "number"
    details: bool = True
    language: str = "en"
    #: 5: status of MI_MODIFIED_ERROR (500 on older releases).
    mi_modified_status: int = 503
    #: 3.2: so many rows of other companies are mixed into each page that was filtered by company: a defect.
    leaked_rows: int = 0
    #: 3.6: approved vouchers move from the hold table to the GL after so many seconds; 0 waits for the clerk.
    gl_update_after_s: int = 0
    #: 6.2: a voucher type may demand references on rows; here for all types.
    references_required: bool = False
    #: 7.4: `ReferenceSerie`/`ReferenceNumber` of a voucher row must name an invoice.
    references_validated: bool = False
    #: 7.7: what becomes of the part of a receipt that no item takes.
    over_payment: str = "on_account"
    #: 11.1: a negative customer payment on a cleared item re-opens it, or becomes an item of its own.
    negative_payment: str = "reopens"
    #: 7.7: a cancelled matching leaves the amount as a parked payment, or takes it out of the cash account.
    cancel_matching: str = "parked"
    #: 7.6: how far an imported payment file goes without a person.
    external_payments: str = "approved"
    #: 7.6: the message the template MXP_CAMT reads.
    camt_version: str = "camt.054.001.02"
    #: 7.6: an import with `ProcessOptions` Batch is done so many seconds later.
    batch_import_after_s: int = 0
    #: 9: event actions call their addresses as soon as an answer is out; otherwise what changes calls nobody.
    event_actions: bool = True
    #: 4.1: logical units whose changes the history log keeps.
    history_units: list[str] = field(
        default_factory=lambda: [
            "CustomerInfo", "CustomerInfoAddress", "CustomerCreditInfo", "IdentityPayInfo", "PaymentAddress",
            "PaymentWayPerIdentity", "CommMethod", "CustomerInfoAddressType",
        ]
    )  # fmt: skip

    def change(self, changes: dict[str, Any]) -> None:
        """Set the named switches. Raises `ValueError` for an unknown name, another type or a value not in the choice."""
        known = {each.name for each in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"there is no switch {name!r}; known: {', '.join(sorted(known))}")
            if type(value) is not type(getattr(self, name)):
                raise ValueError(f"switch {name!r} takes a {type(getattr(self, name)).__name__}, not {value!r}")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise ValueError(f"switch {name!r} is one of {', '.join(map(str, _CHOICES[name]))}, not {value!r}")
        for name, value in changes.items():
            setattr(self, name, value)
