"""Writes the tables of capacity-planning.md from the limits in the settings and from the call budgets that tests assert.

`python docs/generate_capacity.py` renews what stands between the marks of the page; a test compares it. What a vendor may change
(a limit) and what we may change (a budget) then shows on the page, or the test fails.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from connector_resources.connections.model import GoCardlessSection  # noqa: E402
from connector_resources.erp.datev.traits import TRAITS as DATEV_TRAITS  # noqa: E402
from connector_resources.erp.exact_online.settings import ExactOnlineSettings  # noqa: E402
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings  # noqa: E402
from connector_resources.erp.visma.settings import VismaSettings  # noqa: E402
from tests.call_budgets import (  # noqa: E402
    DATEV,
    EXACT_ONLINE,
    GOCARDLESS,
    IFS_CLOUD_FILES,
    IFS_CLOUD_PAYMENTS,
    SAGE300_PAYOUTS,
    SAGE300_RECEIPTS,
    VISMA,
    CallBudget,
)

PAGE = HERE / "capacity-planning.md"
VOLUMES = (10_000, 100_000, 1_000_000, 10_000_000)
#: direct debits are collected on working days, and many fall on the first of the month.
WORKING_DAYS = 21
BUSIEST_SHARE = Fraction(1, 5)
HOURS_A_DAY = 24
#: Sage 300 publishes no limit: what one writer does when the server answers within a second.
SAGE300_CALLS_AN_HOUR = 3600


def _default(model: type, name: str) -> int:
    return int(model.model_fields[name].default)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Way:
    """One way into a system: what a day costs there, and how many calls it takes in an hour and in a day."""

    name: str
    budget: CallBudget
    calls_an_hour: int | None
    limit: str
    calls_a_day: int | None = None

    @property
    def a_day_at_most(self) -> int | None:
        """Calls of a day that is used to its end; None where nothing limits them."""
        if self.calls_an_hour is None:
            return None
        return min(HOURS_A_DAY * self.calls_an_hour, self.calls_a_day or HOURS_A_DAY * self.calls_an_hour)

    def payments_an_hour(self) -> int | None:
        if self.calls_an_hour is None or not self.budget.per_thousand:
            return None
        return int(Fraction(1000 * self.calls_an_hour, self.budget.per_thousand))

    def payments_a_day(self) -> int | None:
        most = self.a_day_at_most
        if most is None or not self.budget.per_thousand:
            return None
        return int(Fraction(1000 * (most - self.budget.fixed), self.budget.per_thousand))

    def companies(self, payments_a_month: int) -> int:
        """Companies (tenants, divisions) over which these payments must be spread for the busiest day to fit into a day."""
        most = self.payments_a_day()
        return 1 if most is None else max(1, ceil(payments_a_month * BUSIEST_SHARE / most))

    def hours(self, payments_a_month: int, share: Fraction) -> Fraction | None:
        """How long the day that holds this share of the month is posted, spread over `companies`."""
        if self.calls_an_hour is None:
            return None
        each = ceil(payments_a_month * share / self.companies(payments_a_month))
        return Fraction(self.budget.calls(each), self.calls_an_hour)


def ways() -> list[Way]:
    """Every ledger, and the ways of those that have two."""
    exact_minute = _default(ExactOnlineSettings, "calls_per_minute")
    ifs_minute = _default(IfsCloudSettings, "calls_per_minute")
    # What the shared quotas let through for long: three quarters of a minute's limit are spread over it, a quarter is a reserve.
    exact_hour, ifs_hour = 60 * (exact_minute - exact_minute // 4), 60 * (ifs_minute - ifs_minute // 4)
    visma_hour, exact_day = _default(VismaSettings, "calls_per_hour"), _default(ExactOnlineSettings, "calls_per_day")
    return [
        Way(
            "Visma.net ERP",
            VISMA,
            visma_hour,
            f"not published; {visma_hour:,} an hour and company until its answers say less",
        ),
        Way(
            "Exact Online",
            EXACT_ONLINE,
            exact_hour,
            f"{exact_minute} a minute, {exact_day:,} a day and division",
            exact_day,
        ),
        Way("Sage 300, `ar_receipts`", SAGE300_RECEIPTS, SAGE300_CALLS_AN_HOUR, "none published; one call a second"),
        Way("Sage 300, `payout_gl`", SAGE300_PAYOUTS, SAGE300_CALLS_AN_HOUR, "none published; one call a second"),
        Way("DATEV", DATEV, None, f"none published; {DATEV_TRAITS.max_postings_per_submission:,} rows a file"),
        Way(
            "IFS Cloud, payments",
            IFS_CLOUD_PAYMENTS,
            ifs_hour,
            f"none published; {ifs_minute:,} a minute and tenant assumed",
        ),
        Way(
            "IFS Cloud, `camt_file`",
            IFS_CLOUD_FILES,
            ifs_hour,
            f"none published; {ifs_minute:,} a minute and tenant assumed",
        ),
    ]


def quota_table() -> str:
    """Payments an hour and a day from each quota."""
    minute = _default(GoCardlessSection, "requests_per_minute")
    # Nine tenths of the minute are spread over it (the shared quota); a tenth may go at once.
    hour = 54 * minute
    read = Way("GoCardless, reading", GOCARDLESS, hour, f"{minute:,} a minute and organisation")
    write = Way("GoCardless, collecting", CallBudget(1000), hour, f"{minute:,} a minute and organisation")
    lines = [
        "| system | limit | calls for 1,000 payments | payments an hour | payments a day |",
        "| --- | --- | --- | --- | --- |",
    ]
    for way in [*ways(), read, write]:
        shown = (way.budget.calls(1000), way.payments_an_hour(), way.payments_a_day())
        cells = [f"{each:,}" if each is not None else "as many as you have" for each in shown]
        lines.append(f"| {way.name} | {way.limit} | {' | '.join(cells)} |")
    return "\n".join(lines)


def sizing_table() -> str:
    """Companies that are needed for a month's payments, and how long days take."""
    heads = [f"{volume:,}" for volume in VOLUMES]
    lines = [f"| payments a month | {' | '.join(heads)} |", "| --- |" + " --- |" * len(VOLUMES)]
    for way in ways():
        cells = []
        for volume in VOLUMES:
            companies, even = way.companies(volume), way.hours(volume, Fraction(1, WORKING_DAYS))
            busiest = way.hours(volume, BUSIEST_SHARE)
            times = "minutes" if even is None or busiest is None else f"{_time(even)}, {_time(busiest)}"
            cells.append(f"{companies}: {times}" if companies > 1 else times)
        lines.append(f"| {way.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _time(hours: Fraction) -> str:
    minutes = ceil(60 * hours)
    return f"{minutes} min" if minutes < 120 else f"{round(hours)} h"


TABLES = {"quotas": quota_table, "sizes": sizing_table}


def page(text: str) -> str:
    """`text` with every table made anew. Raises `ValueError` when a mark is missing."""
    for name, made in TABLES.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        text, count = marked.subn(lambda found, made=made: f"{found[1]}{made()}{found[2]}", text)
        if count != 1:
            raise ValueError(f"the page has no place for {name}")
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
