"""Which invoices a subscription collects, which occurrences are taken already, and which invoice its payment settles."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from bookkeeping.collecting import Books, propose
from bookkeeping.eligibility import CollectionSettings, NotEligible, Receivable
from bookkeeping.matching import InvoiceCandidate
from bookkeeping.money import Money
from bookkeeping.recurring_charges import IntervalUnit, RecurringCharge
from bookkeeping.subscription_coverage import (
    ChargedOccurrence,
    Coverage,
    covered_by,
    match_occurrence,
    taken_through,
)

AMOUNT = Money(2_000, "EUR")
CHARGE = RecurringCharge("RC1", "10001", AMOUNT, IntervalUnit.MONTHLY, 1, date(2026, 1, 1))


def invoice(
    number: str, issued: date | None, *, quotes: str = "RC1", customer: str = "10001", due: date | None = None
) -> Receivable:
    return Receivable(number, customer, AMOUNT, due or issued, issued, references=(number, quotes))


def covered(*invoices: Receivable, through: date | None = None) -> dict[str, str]:
    return covered_by(invoices, [Coverage("SB1", CHARGE, date(2026, 7, 1), through)])


def test_invoices_of_the_charge_are_covered_from_the_first_day_of_the_subscription():
    assert covered(invoice("A", date(2026, 6, 1)), invoice("B", date(2026, 7, 1))) == {"B": "SB1"}


def test_an_invoice_written_before_or_after_its_day_is_about_the_nearest_one():
    assert covered(invoice("A", date(2026, 6, 28)), invoice("B", date(2026, 6, 10))) == {"A": "SB1"}


def test_an_invoice_is_about_the_day_it_is_dated_not_the_day_it_falls_due():
    assert covered(invoice("A", date(2026, 6, 1), due=date(2026, 7, 1))) == {}
    assert covered(invoice("A", None, due=date(2026, 7, 3))) == {"A": "SB1"}


def test_after_the_end_of_a_subscription_its_charge_s_invoices_are_free():
    assert covered(invoice("A", date(2026, 7, 1)), invoice("B", date(2026, 8, 1)), through=date(2026, 7, 1)) == {
        "A": "SB1"
    }


@pytest.mark.parametrize(
    "other",
    [
        invoice("A", date(2026, 8, 1), quotes="RC11"),
        invoice("A", date(2026, 8, 1), customer="10002"),
        invoice("A", date(2026, 8, 1), quotes=""),
        invoice("A", None),
    ],
)
def test_other_invoices_are_not_covered(other):
    assert covered(other) == {}


def silent(*invoices: Receivable, amounts: tuple[int, ...] = (2_000,), **charges: RecurringCharge) -> dict[str, str]:
    """Where the ERP does not quote the charge, by subscription."""
    owned = frozenset(Money(minor, "EUR") for minor in amounts)
    known = charges or {"SB1": CHARGE}
    return covered_by(invoices, [Coverage(name, each, date(2026, 7, 1), None, owned) for name, each in known.items()])


def test_an_invoice_over_the_amount_and_of_the_day_is_taken_for_the_charge_s_one_per_occurrence():
    july, other_july, august = (
        invoice("A", date(2026, 7, 1), quotes=""), invoice("B", date(2026, 7, 1), quotes=""),
        invoice("C", date(2026, 8, 1), quotes=""),
    )  # fmt: skip
    assert silent(july, other_july, august) == {"A": "SB1", "C": "SB1"}
    twin = replace(CHARGE, number="RC2")
    assert silent(july, other_july, SB1=CHARGE, SB2=twin) == {"A": "SB1", "B": "SB2"}


def test_likeness_needs_the_day_the_customer_and_one_of_the_amounts():
    assert silent(invoice("A", date(2026, 7, 2), quotes="")) == {}
    assert silent(invoice("A", date(2026, 6, 1), quotes="")) == {}
    assert silent(invoice("A", date(2026, 7, 1), quotes="", customer="10002")) == {}
    assert silent(invoice("A", date(2026, 7, 1), quotes=""), amounts=(2_500,)) == {}
    # The charge costs more by now; what was billed before is still the subscription's.
    assert silent(invoice("A", date(2026, 7, 1), quotes=""), amounts=(2_500, 2_000)) == {"A": "SB1"}


def test_an_invoice_that_quotes_the_charge_takes_its_occurrence_before_one_that_only_looks_like_it():
    quoting, like = invoice("B", date(2026, 7, 1)), invoice("A", date(2026, 7, 1), quotes="")
    assert silent(quoting, like) == {"B": "SB1"}


def test_a_covered_invoice_is_not_collected_and_says_so():
    each = invoice("A", date(2026, 8, 1))
    books = Books(date(2026, 8, 1), covered_by=covered(each))
    (refused,) = propose([each], books, CollectionSettings()).not_eligible
    assert isinstance(refused, NotEligible)
    assert (refused.code, refused.reason) == ("covered_by_subscription", "Subscription SB1 collects it.")


def test_invoices_that_are_collected_on_their_own_take_their_occurrence():
    invoices = [invoice("A", date(2026, 7, 1)), invoice("B", date(2026, 8, 1)), invoice("C", date(2026, 9, 1))]
    assert taken_through([CHARGE], invoices, {"A", "B"}) == {"RC1": date(2026, 8, 1)}
    assert taken_through([CHARGE], invoices, set()) == {}
    like = [invoice("A", date(2026, 7, 1), quotes=""), invoice("B", date(2026, 8, 2), quotes="")]
    assert taken_through([CHARGE], like, {"A", "B"}) == {"RC1": date(2026, 7, 1)}


def test_what_is_taken_does_not_depend_on_where_the_erp_says_the_charge_begins():
    moved = replace(CHARGE, starts_on=date(2026, 8, 1))
    assert taken_through([moved], [invoice("A", date(2026, 7, 1))], {"A"}) == {"RC1": date(2026, 7, 1)}


# --- receipts --------------------------------------------------------------------------------------------------------


def candidate(number: str, due: date | None, *, minor: int = 2_000, quotes: str = "RC1") -> InvoiceCandidate:
    return InvoiceCandidate(number, "10001", Money(minor, "EUR"), (number, quotes), due)


def settled(*own: InvoiceCandidate, day: date = date(2026, 7, 1)) -> tuple[str, str] | None:
    match = match_occurrence(ChargedOccurrence("RC1", day), own, AMOUNT)
    if match is None:
        return None
    assert [part.amount for part in match.allocations] == [AMOUNT]
    assert match.on_account == Money(0, "EUR")
    return match.allocations[0].invoice, match.method


def test_of_the_charge_s_invoices_the_one_due_nearest_is_settled():
    june, july = candidate("A", date(2026, 6, 1)), candidate("B", date(2026, 7, 15))
    assert settled(june, july) == ("B", "recurring_charge")
    assert settled(june, july, day=date(2026, 6, 3)) == ("A", "recurring_charge")


def test_two_that_are_as_near_are_left_to_a_person():
    assert settled(candidate("A", date(2026, 6, 30)), candidate("B", date(2026, 7, 2))) is None


def test_an_invoice_of_the_charge_with_another_amount_is_not_settled_and_no_other_instead():
    assert settled(candidate("A", date(2026, 7, 1), minor=1_500)) is None
    assert settled(candidate("A", date(2026, 7, 1), minor=1_500), candidate("B", date(2026, 7, 1), quotes="")) is None


def test_where_none_quotes_the_charge_amount_and_due_date_decide_only_when_they_are_unique():
    near, far = candidate("A", date(2026, 7, 3), quotes=""), candidate("B", date(2026, 7, 20), quotes="")
    assert settled(near, far) == ("A", "amount_and_due_date")
    assert settled(far) is None
    assert settled(near, candidate("C", date(2026, 7, 1), quotes="")) is None
    assert settled(candidate("A", None, quotes="")) is None
