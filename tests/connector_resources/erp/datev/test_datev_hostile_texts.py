"""Names, references and descriptions that somebody chose to do harm, in the files DATEV gets: read back by its own readers."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from bookkeeping.postings import Party
from connector_resources.erp.datev.dxso import ledger_file
from connector_resources.erp.datev.extf_text import clean_text
from sandbox.datev import dxso_xml, extf_reader

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
#: what ends a field, a row or an element for some reader, makes a formula, or is no character.
HARM = st.text(st.sampled_from("\";,\r\n\t\0\x1b\x85\u2028\ud800\uffff=+-@<>&'|! aä\u202e1"), max_size=40)
TEXTS = HARM | st.text(max_size=40)
QUIETLY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@settings(max_examples=300)
@given(TEXTS, st.integers(2, 60))
def test_a_cleaned_text_is_one_line_of_the_code_page_and_no_formula(text: str, limit: int) -> None:
    cleaned = clean_text(text, limit)
    assert len(cleaned) <= limit
    assert cleaned.encode("cp1252").decode("cp1252") == cleaned
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in cleaned)
    assert len(cleaned) < 2 or cleaned[0] not in FORMULAS
    assert clean_text(cleaned, limit) == cleaned


@QUIETLY
@given(name=TEXTS, reference=TEXTS, description=TEXTS)
def test_a_booking_file_has_a_row_for_each_posting_whatever_its_texts_say(
    build: Any, name: str, reference: str, description: str
) -> None:
    plain = build.receipt("PM00K7Q2M4ZV9A")
    facts = {"description": description, "payout_reference": reference}
    harmful = build.receipt("PM00K7Q2M4ZV9B", party=Party("CU1", "10042", name), invoice=reference, facts=facts)
    rows = []
    for batch in build.files(plain, harmful):
        read = extf_reader.read(batch.body)
        assert read.findings == ()
        rows += read.rows
    expected = [row for batch in build.files(plain) for row in extf_reader.read(batch.body).rows]
    assert len(rows) == 2 * len(expected)
    texts = [field for row in rows for field in (row[14], row[22], row[121])]
    assert not [text for text in texts if len(text) > 1 and text[0] in FORMULAS]


@QUIETLY
@given(name=TEXTS, description=TEXTS)
def test_a_proposal_is_accepted_whatever_its_texts_say(build: Any, name: str, description: str) -> None:
    posting = build.receipt(party=Party("CU1", "10042", name), facts={"description": description})
    _, content = ledger_file(posting, build.settings(dxso={}))
    assert dxso_xml.ledger_faults(content) == []
    texts = [element.text or "" for element in etree.fromstring(content).iter()]
    assert not [text for text in texts if len(text) > 1 and text[0] in FORMULAS]
