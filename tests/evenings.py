"""The stand-ins of a test as they stand on the evening of its day: a GoCardless world, and a company in each ERP."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import UTC, date, datetime
from typing import Any

from sandbox.clock import SandboxClock
from sandbox.datev.datacentre import DataCentre
from sandbox.exact_online.division import Division
from sandbox.gocardless.world import Settings as GoCardlessSettings
from sandbox.gocardless.world import World
from sandbox.ifs_cloud.switches import Switches as IfsCloudSwitches
from sandbox.ifs_cloud.tenant import Tenant
from sandbox.sage300.company import Company as Sage300Company
from sandbox.visma.company import Company

DAY = date(2026, 6, 3)
MORNING = datetime(2026, 6, 3, 6, 0, tzinfo=UTC)
EVENING = datetime(2026, 6, 3, 21, 0, tzinfo=UTC)


def evening_world(at: datetime = EVENING, **settings: Any) -> World:
    """A GoCardless world whose clock stands at the evening of `DAY`; `settings` are fields of the world's."""
    return World(SandboxClock(at), seed=1, settings=GoCardlessSettings(**settings))


def evening_company(customers: int = 0, clock: SandboxClock | None = None) -> Company:
    """A Visma company with the standard chart and the customers 10001… that the loader's payments name."""
    company = Company(clock=clock or SandboxClock(EVENING)).standard_chart()
    for number in range(1, customers + 1):
        company.add_customer(f"{10000 + number}", f"Load Customer {number}", email=f"load{number}@example.com")
    return company


def evening_division(customers: int = 0, clock: SandboxClock | None = None) -> Division:
    """An Exact Online division with the standard chart and the customers 10001… that the loader's payments name.

    Each has a bank account: a mandate needs one.
    """
    division = Division(clock=clock or SandboxClock(EVENING)).standard_chart(years=(2025, 2026))
    for number in range(1, customers + 1):
        row = division.add_account(f"{10000 + number}", f"Load Customer {number}", Email=f"load{number}@example.com")
        division.tables["BankAccounts"].add(
            {"ID": division.new_id(), "Account": row["ID"], "BankAccount": f"{1_000_000 + number}", "Main": True,
             "Blocked": False}
        )  # fmt: skip
    return division


def evening_sage300(
    customers: int = 0,
    clock: SandboxClock | None = None,
    known_since: datetime | None = None,
    in_pounds: Collection[int] = (),
) -> Sage300Company:
    """A Sage 300 company with the standard chart and the customers 10001… that the loader's payments name.

    `known_since` is when they were entered, by default now; those of `in_pounds` (from 1) are kept in GBP, because a customer
    of Sage has one currency.
    """
    clock = clock or SandboxClock(EVENING)
    company = Sage300Company("SAMLTD", clock=SandboxClock(known_since) if known_since else clock).standard((2025, 2026))
    for number in range(1, customers + 1):
        group = "RTLGBP" if number in in_pounds else "RTL"
        email = f"load{number}@example.com"
        company.add_customer(f"{10000 + number}", f"Load Customer {number}", Email=email, GroupCode=group)
    company.clock = clock
    return company


def evening_tenant(customers: int = 0, clock: SandboxClock | None = None, **switches: Any) -> Tenant:
    """An IFS Cloud tenant with company 10 and the customers 10001… that the loader's payments name."""
    limits = IfsCloudSwitches(**{"calls_per_minute": 1_000_000, **switches})
    tenant = Tenant(clock or SandboxClock(EVENING), limits)
    tenant.add_company("10", "EUR", currencies=["GBP"])
    tenant.add_rate("10", "GBP", "1.16", date(2026, 1, 1))
    for number in range(1, customers + 1):
        tenant.add_customer(f"{10000 + number}", f"Load Customer {number}", email=f"load{number}@example.com")
    return tenant


def datacentre(clock: SandboxClock | None = None) -> DataCentre:
    """DATEV with its default clients; a person's consent is given without a page."""
    return DataCentre(clock or SandboxClock(EVENING), random.Random(1))
