"""How one connection wants its books kept: the choices the posting rules ask for (gocardless.md section 11).

Account numbers are not here: postings name account roles, and each ERP's settings map roles to numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class BookSettings:
    """The bookkeeping choices of one connection. Changing one never touches what was decided before.

    connection           name of the connection; copied onto every posting
    time_zone            zone of the books: decides activity days and booking dates
    cut_over             first activity day that is booked; what happened before is in the books already
    receipt_trigger      `confirmed`: a payment is a receipt when it is confirmed; `paid_out`: when it is paid out.
                         Payments that settle directly to the merchant's bank are never paid out: always `confirmed`
    post_transient_pairs True books a receipt and its reversal even when both became known together
    invoice_references   where a payment names its invoice, best first: `metadata:<key>`, `reference`, `description`
    rounding             half units of payout fees: `fee` lets the fee line absorb them, `rounding_account` books
                         them on the ROUNDING role
    closed_through       last day of the closed period, None when no period is closed
    closed_period        `hold` leaves the date and marks the posting `period_closed`; `next_open_day` books on the
                         day after `closed_through` and keeps the original date in facts and text
    partner_income       role credited by a partner payout: `other_income`, or `suspense` for a person to look at
    """

    connection: str
    time_zone: ZoneInfo
    cut_over: date
    receipt_trigger: Literal["confirmed", "paid_out"] = "confirmed"
    post_transient_pairs: bool = False
    invoice_references: tuple[str, ...] = ("metadata:invoice", "reference", "description")
    rounding: Literal["fee", "rounding_account"] = "fee"
    closed_through: date | None = None
    closed_period: Literal["hold", "next_open_day"] = "hold"
    partner_income: Literal["other_income", "suspense"] = "other_income"

    def __post_init__(self) -> None:
        for source in self.invoice_references:
            is_metadata = source.startswith("metadata:") and source != "metadata:"
            if not is_metadata and source not in ("reference", "description"):
                raise ValueError(
                    f"invoice_references of {self.connection}: {source!r} is neither reference, description "
                    "nor metadata:<key>"
                )


def activity_day(moment: datetime, settings: BookSettings) -> date:
    """The day of `moment` in the connection's time zone. Raises ValueError when `moment` has no time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; moments are aware UTC")
    return moment.astimezone(settings.time_zone).date()
