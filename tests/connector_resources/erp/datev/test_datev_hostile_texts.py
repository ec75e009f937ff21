"""Names, references and descriptions that somebody chose to do harm, in the files DATEV gets: read back by its own readers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from pydantic import ValidationError

from bookkeeping.postings import Party, Posting
from connector_resources.erp.datev.dxso import DOCUMENT_FILE, document_file, ledger_file, package, unpacked
from connector_resources.erp.datev.extf_text import clean_text
from connector_resources.erp.datev.wire import DxsoJob
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


SUBJECTS = st.text(st.sampled_from('../\\:*?"<>|\r\n\0 \u202eäA1-_') | st.characters(), max_size=60)


@QUIETLY
@given(first=SUBJECTS, second=SUBJECTS)
def test_a_file_of_an_archive_leads_nowhere_and_two_postings_never_share_one(
    build: Any, first: str, second: str
) -> None:
    names = [_proposal(build, subject, f"EV{n}")[0] for n, subject in enumerate((first, second, first))]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,80}\.xml", name) for name in names)
    assert len({name.casefold() for name in names}) == 3
    assert names == [_proposal(build, subject, f"EV{n}")[0] for n, subject in enumerate((first, second, first))]


def test_two_receipts_of_one_payment_are_two_files_of_a_transfer(build: Any) -> None:
    settings = build.settings(dxso={})
    receipts = [_receipt(build, "PM00K7Q2M4ZV9A", event) for event in ("EV1", "EV2")]
    files = [ledger_file(receipt, settings) for receipt in receipts]
    listing = document_file(
        [(receipt, name) for receipt, (name, _) in zip(receipts, files, strict=True)],
        settings,
        "2026-06",
        build.CUT_OFF,
    )
    kept = dict(unpacked(package([*files, (DOCUMENT_FILE, listing)])))
    assert len(kept) == 3
    assert dxso_xml.archive_faults(listing, kept.keys()) == []
    assert sorted(dxso_xml.data_files(listing)) == sorted(kept.keys() - {DOCUMENT_FILE})


@pytest.mark.parametrize("identity", ["", "..", "../../clients/1", "a/b", "a?b", "a#b", "%2e%2e", "a b", "a\r\nb", "ä"])
def test_a_job_whose_id_leads_elsewhere_is_none(identity: str) -> None:
    with pytest.raises(ValidationError):
        DxsoJob.model_validate({"id": identity})


def _receipt(build: Any, subject: str, event: str) -> Posting:
    made = build.receipt(party=Party("CU1", "10042", "Müller"), invoices=("RE-2026-0042",), event=event)
    assert isinstance(made, Posting)
    return replace(made, subject=subject)


def _proposal(build: Any, subject: str, event: str) -> tuple[str, bytes]:
    return ledger_file(_receipt(build, subject, event), build.settings(dxso={}))
