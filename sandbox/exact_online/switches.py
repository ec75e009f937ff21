"""Every behaviour of the stand-in that the fact sheet leaves open or reports in two ways, as one flat set of switches.

Defaults are the strict reading of the sheet; tests and the control API (`POST /_control/switches`) change them while
it runs.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

_CHOICES = {
    "old_refresh_token": ("dead_at_once", "until_new_used"),
    "spent_token_answer": ("401", "invalid_grant"),
    "unknown_fields": ("refuse", "drop"),
    "client_entry_id": ("honoured", "ignored"),
    "auto_match": ("equal", "our_ref", "off"),
    "validation_post": ("before", "after", "off"),
    "event_time_style": ("iso", "date"),
    "language": ("en", "nl"),
}


@dataclass(slots=True)
class Switches:
    """Section numbers in the remarks are those of the Exact Online fact sheet."""

    #: 1.2: the person at the browser agrees at once; otherwise the consent page is shown.
    auto_consent: bool = True
    #: 1.5: when a rotated refresh token dies, and how long it lives on at most in the lenient reading.
    old_refresh_token: str = "dead_at_once"
    old_token_grace_s: int = 630
    #: 1.6: how a spent refresh token is refused.
    spent_token_answer: str = "401"
    #: 1.4: token calls per application and day.
    token_calls_per_day: int = 200
    #: 5: calls per application and division.
    calls_per_minute: int = 60
    calls_per_day: int = 5000
    #: 5: counted errors per application, endpoint and hour before the key is blocked; 0 is no limit.
    errors_per_hour: int = 10
    #: 5: what a blocked key is answered; the sheet names no status.
    blocked_status: int = 403
    #: 5: daily unavailability from 04:00 to 04:30 Amsterdam time.
    maintenance_window: bool = True
    #: 13.10: whether a 429 carries `Retry-After`.
    retry_after: bool = False
    #: 9: a missing bearer is led to an HTML login page instead of 401.
    login_redirect: bool = False
    #: 6.1: more rows than this in a filtered read of a normal endpoint answer 408; 0 is never.
    too_broad_rows: int = 0
    #: 4.3: bulk endpoints with a sync twin demand a filter as well.
    mandatory_filter_on_bulk: bool = False
    #: 6.1: a property the entity does not have is refused with 400, or dropped without a word.
    unknown_fields: str = "refuse"
    #: 3.3: doubles come with binary noise in their last digits.
    double_noise: bool = False
    #: 6.1: language of messages.
    language: str = "en"
    #: 6.4 and 13.2: whether an `EntryID` sent by the client is kept.
    client_entry_id: str = "honoured"
    #: 2.8 and 13.1: both balances of a bank entry may be left out.
    bank_balances_optional: bool = True
    #: 2.8: a given opening balance must be the closing balance of the journal's last entry.
    opening_must_follow: bool = True
    #: 3.7 and 13.3: `equal` settles the one open item of Account + OurRef with the same amount, `our_ref` the one of
    #: any amount, `off` none.
    auto_match: str = "equal"
    #: 3.7: a general journal line whose OffsetID is a posted line settles that line's item; effect unverified.
    journal_offset_matches: bool = False
    #: 3.6: descriptions are cut here without a word; 0 is never. No limit is published.
    description_limit: int = 60
    #: 3.7: the XML topic is gone (410).
    match_sets_discontinued: bool = False
    #: 3.7: success is an empty `<Messages/>`.
    match_sets_silent: bool = False
    #: 3.2: raw sign of what a customer owes: -1 is the sheet's for Receivables, +1 for ReceivablesList.
    receivables_sign: int = -1
    receivables_list_sign: int = 1
    #: 7.1: when the empty validation POST is sent, relative to the answer.
    validation_post: str = "before"
    #: 7.2: the word for a new record, the form of `EventCreatedOn`, and whether the endpoint is an absolute URL.
    create_action: str = "Create"
    event_time_style: str = "iso"
    absolute_event_endpoint: bool = True
    #: 7: send notifications as soon as the answer is out; otherwise they wait for `Webhooks.deliver`.
    deliver_webhooks: bool = True
    #: 1.2: resources (`financialtransaction/BankEntries`) or services (`crm`) the application has no tick for: 403.
    forbidden: list[str] = field(default_factory=list)

    def change(self, changes: dict[str, Any]) -> None:
        """Set the named switches. Raises `ValueError` for an unknown name, another type or a word not in the choice."""
        known = {each.name for each in dataclasses.fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"there is no switch {name!r}; known: {', '.join(sorted(known))}")
            if type(value) is not type(getattr(self, name)):
                raise ValueError(f"switch {name!r} takes a {type(getattr(self, name)).__name__}, not {value!r}")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise ValueError(f"switch {name!r} is one of {', '.join(_CHOICES[name])}, not {value!r}")
        for name, value in changes.items():
            setattr(self, name, value)
