"""The tables of the page on capacity say what the settings and the call budgets say, and their arithmetic is right."""

from __future__ import annotations

import importlib.util
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def capacity() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_capacity", DOCS / "generate_capacity.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(capacity: ModuleType) -> None:
    written = (DOCS / "capacity-planning.md").read_text(encoding="utf-8")
    assert written == capacity.page(written), "run `python docs/generate_capacity.py`"


def test_a_page_without_a_place_for_a_table_is_refused(capacity: ModuleType) -> None:
    with pytest.raises(ValueError, match="no place for quotas"):
        capacity.page("nothing")


def test_a_quota_of_thousand_calls_an_hour_and_two_calls_each_makes_five_hundred_an_hour(capacity: ModuleType) -> None:
    way = capacity.Way("example", capacity.CallBudget(2000, fixed=40), 1000, "a thousand an hour")
    assert way.payments_an_hour() == 500
    assert way.payments_a_day() == 11_980
    # A fifth of the month is on one day: 59,900 fill it to its end, and one more needs a second company.
    assert (way.companies(59_900), way.companies(59_905)) == (1, 2)
    assert way.hours(59_900, Fraction(1, 5)) == 24


def test_a_limit_of_the_day_wins_over_that_of_the_hour(capacity: ModuleType) -> None:
    way = capacity.Way("example", capacity.CallBudget(1000), 1000, "and 5,000 a day", 5000)
    assert way.payments_a_day() == 5000


def test_no_company_is_asked_for_more_than_a_day_holds(capacity: ModuleType) -> None:
    for way in capacity.ways():
        for volume in capacity.VOLUMES:
            most = way.payments_a_day()
            share = volume * capacity.BUSIEST_SHARE / way.companies(volume)
            assert most is None or share <= most, (way.name, volume)
