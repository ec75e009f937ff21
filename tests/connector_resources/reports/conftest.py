"""A merchant's first days of June 2026, booked in Visma, with one of everything that a report tells of.

What the reports must say of it is worked out by hand in the tests: every amount below is one of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from openpyxl import load_workbook

from connector_resources.reports.catalogue import WrittenReport, write_named, write_payout
from connector_resources.reports.sources import Month
from sandbox.gocardless.records import Record
from tests.evenings import evening_company, evening_world
from tests.installations import Installation, visma_installation
from tests.merchant import Merchant

JUNE = Month(date(2026, 6, 1))
FIRST_DAY, LAST_DAY = date(2026, 6, 3), date(2026, 6, 5)


@dataclass(slots=True)
class Story:
    """The installation after the last day, and the payments by what became of them."""

    installation: Installation
    home: Path
    payouts: list[Record]
    paid: Record
    charged_back: Record
    failed_late: Record
    failed: Record
    unknown_payer: Record
    on_its_way: Record
    pounds: Record
    refund: Record
    refund_on_its_way: Record
    lost_mandate: Record

    def write(self, name: str, month: Month = JUNE) -> WrittenReport:
        there = self.installation
        now = there.runtime.clock()
        return write_named(there.runtime.store, there.connection, name, month, self.home / "reports", now)

    def write_payout(self, payout: Record) -> WrittenReport:
        there = self.installation
        now = there.runtime.clock()
        return write_payout(there.runtime.store, there.connection, payout.id, self.home / "reports", now)


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Two days of business, each booked on its evening.

    3 June: 123.45 and 200.00 are collected and paid out, 50.00 is collected, 3.45 of the first is refunded.
    5 June: the 50.00 fails late and the 200.00 is charged back; 70.00 fails at once; 500.00 is collected, and 99.00 of a
    customer that Visma does not know; all of that is paid out. After it 77.00 and 250.00 GBP are collected and 15.00 of the
    500.00 is refunded; a mandate is cancelled.
    """
    home = tmp_path_factory.mktemp("story")
    world = evening_world(datetime(2026, 6, 3, 9, 0, tzinfo=UTC))
    merchant = Merchant(world)
    with visma_installation(home, world, evening_company(3, world.clock)) as there:
        paid = merchant.collected(12_345, invoice="INV-1")
        charged_back = merchant.collected(20_000, customer=2)
        first = merchant.pay_out()
        refund = merchant.refund(paid, 345)
        failed_late = merchant.collected(5_000, invoice="INV-2")
        there.run(FIRST_DAY)
        world.clock.advance(datetime(2026, 6, 5, 9, 0, tzinfo=UTC) - world.clock.now())
        merchant.fail(failed_late)
        merchant.charge_back(charged_back)
        failed = merchant.order(7_000, customer=2)
        merchant.fail(failed)
        large = merchant.collected(50_000, customer=2, invoice="INV-3")
        unknown_payer = merchant.collected(9_900, customer=4)
        second = merchant.pay_out()
        on_its_way = merchant.collected(7_700)
        pounds = merchant.collected(25_000, customer=3, currency="GBP")
        refund_on_its_way = merchant.refund(large, 1_500)
        lost_mandate = merchant.mandate(3)
        merchant.cancel_mandate(lost_mandate)
        there.run(FIRST_DAY, LAST_DAY)
        yield Story(
            there, home, [first, second], paid, charged_back, failed_late, failed, unknown_payer, on_its_way, pounds,
            refund, refund_on_its_way, lost_mandate,
        )  # fmt: skip


def sheet_rows(path: Path, sheet: str) -> list[dict[str, Any]]:
    """The rows of a sheet as dictionaries; what stands below them in bold is a row too."""
    head, *rows = load_workbook(path)[sheet].iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


def page_text(path: Path) -> str:
    """What a page says, blanks collapsed and figures with ordinary signs."""
    text = lxml.html.fromstring(path.read_bytes()).xpath("//main")[0].text_content()
    return " ".join(text.replace("\u202f", " ").replace("\u2212", "-").split())


@pytest.fixture(scope="session")
def rows_of() -> Any:
    return sheet_rows


@pytest.fixture(scope="session")
def text_of() -> Any:
    return page_text
