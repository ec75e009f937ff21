"""Every behaviour of the stand-in that the fact sheet leaves open or calls configurable, as one flat set of switches.

Defaults are the strict reading of the sheet; tests and the control API (`POST /_control/switches`) change them while
it runs.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Switches:
    """Section numbers in the remarks are those of the Visma fact sheet."""

    #: 1.1: a call with another company's id sees empty lists and no documents.
    wrong_company_id_hides_everything: bool = True
    #: 1.1: some sources call the header mandatory.
    company_id_required: bool = False
    #: 1: what the token endpoint says in `expires_in`.
    token_lifetime_s: int = 3600
    #: 1: which scope suffix release, void and reverse need; the sheet does not know, so "create" can be asked
    #: for as well.
    action_scope: str = "update"
    #: 9.1: the base put in front of `Location`; empty is this server.
    location_base: str = ""
    #: 9.1: the path of `Location` in lower case, as some answers have it.
    location_lower_case: bool = False
    #: 9.2: whether a PUT's 204 carries `Location`.
    location_on_update: bool = True
    #: 4: rows of a page when the caller names none, and the cap.
    default_page_size: int = 50
    max_page_size: int = 500
    #: 4: no stable order is promised; newest first makes inserted rows push others to the next page.
    newest_first: bool = False
    #: 5: quota of the hour; the headers are always sent.
    rate_limit: int = 1_000_000
    rate_window_s: int = 3600
    #: 5: `X-RateLimit-Reset` as a Unix time instead of seconds.
    rate_reset_as_epoch: bool = False
    #: 5: identical requests a minute, and repetitions of a failed one in five minutes; 0 is no limit.
    same_request_limit: int = 0
    failed_same_request_limit: int = 0
    #: 6.2: validation errors of writes come as 500 on some endpoints.
    business_errors_as_500: bool = False
    #: 2.11 and 9.26: how many later requests pass before a queued job or an `InProcess` action is carried out.
    deferred_requests: int = 1
    background_content_gone: bool = False
    #: 3: journals stop at Unposted until somebody posts them.
    auto_post: bool = True
    #: 3: whether journal lines may carry VAT.
    vat_entry_in_general_ledger: bool = False
    #: 3: whether lines on accounts without a default need a subaccount.
    subaccounts_active: bool = False
    #: 2.2: rates are divided by instead of multiplied with, so `exchangeRate` is the other way round.
    rates_divide: bool = False
    #: 2.9: direct debit lines exist in Dutch companies only.
    direct_debit_enabled: bool = False
    #: 3: an unreleased payment already reserves the invoice for itself.
    drafts_reserve_invoices: bool = True
    #: 2.5: which of two documents with one number a single GET answers with: "latest" or "original".
    single_get_prefers: str = "latest"
    #: 11.4: a void carries the date of its payment ("original") or the day it was made ("today").
    void_date: str = "original"
    #: 4: zone of the zoneless `lastModifiedDateTime` stamps.
    stamp_zone: str = "Europe/Oslo"
    #: 9.25: how dates are written: "plain" (no zone), "z", "offset" (+01:00), by kind of document.
    date_styles: dict[str, str] = field(
        default_factory=lambda: {
            "payment": "plain",
            "invoice": "plain",
            "journal": "z",
            "credit": "offset",
            "cash": "z",
        }
    )
    #: 7: send notifications as soon as the answer is out; otherwise they wait for `Webhooks.deliver`.
    deliver_webhooks: bool = True
    #: 7: the removed `POST /v1/subscription`.
    legacy_subscriptions: bool = False

    def change(self, changes: dict[str, Any]) -> None:
        """Set the named switches. Raises `ValueError` for a name that does not exist or a value of another type."""
        known = {each.name for each in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"there is no switch {name!r}; known: {', '.join(sorted(known))}")
            if type(value) is not type(getattr(self, name)):
                raise ValueError(f"switch {name!r} takes a {type(getattr(self, name)).__name__}, not {value!r}")
            if name == "date_styles":
                value = self._merged_styles(value)
            setattr(self, name, value)

    def _merged_styles(self, changes: dict[str, str]) -> dict[str, str]:
        if not set(changes) <= set(self.date_styles) or not set(changes.values()) <= {"plain", "z", "offset"}:
            raise ValueError(f"date styles are plain, z or offset for {', '.join(self.date_styles)}, not {changes!r}")
        return {**self.date_styles, **changes}
