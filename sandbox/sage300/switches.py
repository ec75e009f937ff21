"""Every behaviour of the stand-in that the fact sheet leaves open or reports in two ways, as one flat set of switches.

Defaults are the sheet's; where it is silent, the reading that is harder on a client. Tests and the control API
(`POST /_control/switches`) change them while it runs.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

_CHOICES = {
    "credential_mode": ("classic", "complex2023"),
    "dialect": ("v4", "v3"),
    "filter_enums": ("both", "name", "number"),
    "top_over_page": ("cut", "next_link"),
    "over_long": ("refuse", "truncate"),
    "failed_insert": ("partial", "header", "rolled_back"),
    "date_style": ("z", "plain"),
    "number_style": ("shortest", "scale3", "one_place"),
    "gl_ready": ("ReadyToPost", "Status"),
    "locked_period": ("error", "warning", "none"),
    "missing_account": ("error", "warning", "none"),
    "duplicate_checks": ("none", "warning", "error"),
    "over_application": ("posting", "entry"),
    "inactive_customer": ("error", "warning"),
    "customer_on_hold": ("warning", "error", "none"),
    "gl_integration": ("posting", "request"),
    "posted_error_mark": ("error_batch", "count_only"),
}


@dataclass(slots=True)
class Switches:
    """Section numbers in the remarks are those of the Sage 300 fact sheet."""

    #: 1.2: `classic` stores the password upper-cased and compares exactly; `complex2023` compares as it was chosen.
    credential_mode: str = "classic"
    #: 1.2: failed sign-ons until the user is locked; 0 is never.
    lock_out_after: int = 3
    #: 1.3: `AllowWebApiAccessForAdmin`.
    admin_allowed: bool = False
    #: 1.7: whether IIS answers wrong credentials itself, with a page.
    html_unauthorised: bool = False
    #: 1.4: a request without `Content-Type` is a 500.
    content_type_required: bool = True
    #: 1.6: Web API sessions that may be open at once; 0 means that none takes a LanPak seat.
    seats: int = 0
    #: 1.6: requests under way at once before `TooManyRequests`; 0 is no limit.
    concurrent_requests: int = 0
    #: 1.5: seconds the first request waits after the application pool was recycled, and after how many idle minutes.
    cold_start_s: float = 0.0
    idle_minutes: int = 20
    #: 5: quiet hours in the company's zone, such as `02:00-03:30`, in which IIS answers 503.
    quiet_hours: list[str] = field(default_factory=list)
    #: 9.25: WebDAV answers PATCH, PUT and DELETE with 405.
    webdav: bool = False
    #: 2.0: keys in an address that hold `/ \ ? # % & +` are answered by IIS.
    unsafe_paths_refused: bool = True
    #: what IIS accepts unless it is told otherwise: larger bodies are answered 413, longer query strings 404 (404.15).
    max_body_bytes: int = 30_000_000
    max_query_chars: int = 2048
    #: 4: `PageSize` of the server's Web.config, what `$top` above it does, and the host in next links.
    page_size: int = 100
    top_over_page: str = "cut"
    link_host: str = "http://sage-srv01.corp.internal"
    #: 4: OData literals, what enumerations are compared with, and how `@odata.count` is spelled.
    dialect: str = "v4"
    filter_enums: str = "both"
    odata_prefix: str = "@"
    count_as_text: bool = False
    #: 3.1 and 3.2: how numbers and dates are printed; AR batch numbers may come as `75.0`.
    number_style: str = "shortest"
    batch_numbers_with_decimals: bool = False
    date_style: str = "z"
    #: 10: a midnight sent with `Z` becomes the day before.
    zone_shifts_dates: bool = False
    #: 3.5 and 3.9: texts come padded to their column, records with what is left of the server's model.
    padded_text: bool = False
    model_leftovers: bool = False
    #: 3.3: members whose spelling differs in this release, such as `{"UnappliedCash": "Unappliedcash"}`.
    renamed_members: dict[str, str] = field(default_factory=dict)
    #: 3.4: text longer than its column.
    over_long: str = "refuse"
    #: 6: what a refused entry leaves of its batch: the header and the entries before it, the header, or nothing.
    failed_insert: str = "partial"
    #: 2.7: `BatchStatus` may be `ReadyToPost` in the POST (releases since 2021).
    ready_on_insert: bool = True
    #: 2.9: which property of a journal batch makes it ready, and the parameters of `GLPostJournal`.
    gl_ready: str = "ReadyToPost"
    gl_post_from: str = "FromBatchNumber"
    gl_post_to: str = "ToBatchNumber"
    #: 2.9: posting date, year and period follow the document date when they are not sent.
    document_date_leads: bool = False
    #: 3.6: the company's option for locked periods.
    locked_period: str = "error"
    #: 2.9: the company's option for accounts that do not exist; and whether unbalanced entries enter a batch.
    missing_account: str = "error"
    unbalanced_accepted: bool = True
    #: 6: A/R option "check for duplicate checks".
    duplicate_checks: str = "none"
    #: 2.6: where an application beyond what the document still owes is refused.
    over_application: str = "posting"
    #: 9.26: receipts and invoices for customers that are inactive or on hold.
    inactive_customer: str = "error"
    customer_on_hold: str = "warning"
    #: 2.7: whether A/R posting creates its journal batch by itself; A/R options that block posting.
    gl_integration: str = "posting"
    force_listing: bool = False
    #: 2.7: whether an entry in error points to its new batch, or only `NumberOfErrors` tells.
    posted_error_mark: str = "error_batch"
    #: 2.10: bank entries are posted when they are added.
    bank_entries_posted: bool = False
    #: 1.3: the add-on for optional fields is licensed.
    optional_fields_licensed: bool = True

    def change(self, changes: dict[str, Any]) -> None:
        """Set the named switches. Raises `ValueError` for an unknown name, another type or a word not in the choice."""
        known = {each.name for each in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"there is no switch {name!r}; known: {', '.join(sorted(known))}")
            present = getattr(self, name)
            if type(value) is not type(present) and not (isinstance(present, float) and isinstance(value, int)):
                raise ValueError(f"switch {name!r} takes a {type(present).__name__}, not {value!r}")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise ValueError(f"switch {name!r} is one of {', '.join(_CHOICES[name])}, not {value!r}")
        for name, value in changes.items():
            setattr(self, name, value)
