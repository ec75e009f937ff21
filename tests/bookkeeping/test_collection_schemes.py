"""References on payers' statements keep every scheme's rules (gocardless.md section 3.4)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookkeeping.collection_schemes import SCHEMES, Limits, LimitSettings, statement_reference


@pytest.mark.parametrize(
    ("text", "scheme", "attempt", "expected"),
    [
        ("INV-2026/0001", "sepa_core", 1, "INV20260001"),
        ("INV-2026/0001", "bacs", 1, "NV20260001"),
        ("Ærø 12", "sepa_core", 1, "r 12"),
        ("Café 12", "sepa_core", 1, "Cafe 12"),
        ("900001", "pad", 1, ""),
        ("900001", "faster_payments", 1, ""),
        ("1111", "sepa_core", 1, ""),
        ("7", "sepa_core", 1, ""),
        ("---", "sepa_core", 1, ""),
        ("900001", "becs", 1, "900001"),
        ("900001", "becs", 2, "900001 2"),
        ("900001", "sepa_core", 2, "900001"),
    ],
)
def test_a_reference_is_cleaned_for_its_scheme(text, scheme, attempt, expected):
    assert statement_reference(text, scheme, attempt) == expected


@given(st.text(max_size=200), st.sampled_from(sorted(SCHEMES)), st.integers(1, 40))
def test_a_reference_is_legal_or_not_given(text, scheme, attempt):
    reference = statement_reference(text, scheme, attempt)

    assert len(reference) <= SCHEMES[scheme].reference_limit
    if reference:
        assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9 ]*[A-Za-z0-9])?", reference)
        assert len(reference) > 1
        assert len(set(reference)) > 1


def test_an_override_keeps_the_default_of_what_it_leaves_out():
    settings = LimitSettings(by_scheme={"bacs": Limits(largest=1_000_000)})

    assert settings.of(SCHEMES["bacs"]) == Limits(100, 1_000_000)
    assert settings.of(SCHEMES["sepa_core"]) == Limits(100, 500_000)
    assert settings.of(SCHEMES["ach"]) == Limits(None, None)
