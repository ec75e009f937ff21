"""When a mandate may be made without asking the payer, and in which scheme."""

from __future__ import annotations

import pytest

from bookkeeping.direct_mandate_rules import BankDetails, direct_scheme, is_iban, plain_iban

DUTCH, GERMAN, BRITISH = "NL91ABNA0417164300", "DE89370400440532013000", "GB29NWBK60161331926819"


def scheme(
    iban: str = DUTCH,
    currency: str = "EUR",
    reasons: tuple[str, ...] = ("no_mandate",),
    *,
    needs_signature: bool = False,
    signed: str = "",
    has_mandates: bool = False,
) -> str:
    details = BankDetails("Bakker", iban, signed, has_mandates)
    return direct_scheme(details, currency, reasons, needs_signature=needs_signature)


@pytest.mark.parametrize(
    ("iban", "currency", "expected"),
    [
        (DUTCH, "EUR", "sepa_core"),
        (GERMAN, "EUR", "sepa_core"),
        (BRITISH, "GBP", "bacs"),
        (BRITISH, "EUR", ""),
        (DUTCH, "GBP", ""),
        ("SE4550000000058398257466", "SEK", ""),
        ("CH9300762011623852957", "EUR", ""),
        ("NL91ABNA0417164301", "EUR", ""),
    ],
)
def test_currency_and_country_make_the_scheme(iban: str, currency: str, expected: str) -> None:
    assert scheme(iban, currency) == expected


@pytest.mark.parametrize("reason", ["mandate_not_usable", "needs_new_mandate"])
def test_whoever_ended_a_mandate_must_be_asked(reason: str) -> None:
    assert scheme(reasons=("no_mandate", reason)) == ""
    assert scheme(reasons=(reason,), signed="M-1", has_mandates=True) == ""


@pytest.mark.parametrize(
    ("needs_signature", "signed", "has_mandates", "expected"),
    [
        (False, "", False, "sepa_core"),
        (False, "", True, ""),
        (False, "M-1", True, "sepa_core"),
        (True, "", False, ""),
        (True, "", True, ""),
        (True, "M-1", True, "sepa_core"),
    ],
)
def test_a_mandate_of_the_ledger_must_be_signed_where_there_is_one_or_one_is_needed(
    needs_signature: bool, signed: str, has_mandates: bool, expected: str
) -> None:
    assert scheme(needs_signature=needs_signature, signed=signed, has_mandates=has_mandates) == expected


def test_an_account_number_is_never_shown() -> None:
    assert DUTCH not in repr(BankDetails("Bakker", DUTCH))


def test_an_iban_is_known_by_form_and_check_digits() -> None:
    assert is_iban(plain_iban(" nl91 abna 0417 1643 00"))
    assert not any(map(is_iban, ("", "NL91", "NL91 ABNA 0417 1643 00", "NL00ABNA0417164300", "417164300")))
