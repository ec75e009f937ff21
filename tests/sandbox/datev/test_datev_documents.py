"""The voucher service (datev.md 2.3 and 10)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from sandbox.datev.documents import clean_name
from sandbox.datev.extf_import import EICAR

GUID = "3f0c7c2e-52a1-5d0e-9a0b-6c1d2e3f4a5b"
PDF = b"%PDF-1.7 Rechnung"


def put(
    datev: Any, *, guid: str = GUID, content: bytes = PDF, name: str = "R.pdf", **metadata: str
) -> requests.Response:
    """Upload one file with `metadata`; the document type is good unless given."""
    parts = {
        "file": (name, content, "application/pdf"),
        "metadata": (None, json.dumps({"document_type": "Rechnungsausgang"} | metadata), "application/json"),
    }
    path = f"/clients/455148-1/documents/{guid}"
    answer: requests.Response = datev.call("PUT", "accounting-documents", path, files=parts)
    return answer


def get(datev: Any, path: str) -> requests.Response:
    answer: requests.Response = datev.call("GET", "accounting-documents", path)
    return answer


def test_the_document_types_belong_to_the_client_and_may_be_none(datev: Any) -> None:
    kinds = get(datev, "/clients/455148-1/document-types").json()
    assert {"name": "Rechnungsausgang", "category": "outgoing_invoices", "debit_credit_identifier": "credit"} in kinds
    datev.centre.companies["455148-1"].document_types = ()
    assert get(datev, "/clients/455148-1/document-types").json() == []
    assert put(datev).json()["error"] == "#DCO01010"


def test_a_client_tells_its_last_three_fiscal_years_and_account_length(datev: Any) -> None:
    facts = get(datev, "/clients/455148-1").json()
    years = facts["basic_accounting_information"]
    assert [year["fiscal_year_start"] for year in years] == ["2024-01-01", "2025-01-01", "2026-01-01"]
    assert (years[-1]["fiscal_year_end"], years[-1]["account_length"]) == ("2026-12-31", 4)
    assert facts["is_document_management_available"] is True
    assert len(get(datev, "/clients").json()) == 4


def test_numbers_booleans_and_dates_can_come_as_texts(datev: Any) -> None:
    datev.centre.behaviour.texts_for_values = True
    facts = get(datev, "/clients/455148-1").json()
    assert (facts["client_number"], facts["is_document_management_available"]) == ("1", "true")
    assert facts["basic_accounting_information"][0]["fiscal_year_start"] == "2024-01-01T00:00:00.000+0000"
    assert put(datev).json()["files"][0]["size"] == str(len(PDF))


def test_an_upload_is_201_with_the_file_told_back(datev: Any) -> None:
    answer = put(datev, note="Juni", category="GoCardless", folder="Rechnungen", register="2026/06")
    assert answer.status_code == 201
    told = answer.json()
    assert (told["id"], told["document_type"], told["note"]) == (GUID, "Rechnungsausgang", "Juni")
    assert [(file["name"], file["size"]) for file in told["files"]] == [("R.pdf", len(PDF))]
    assert datev.centre.documents["455148-1", GUID].place == ("GoCardless", "Rechnungen", "2026/06")


def test_a_guid_can_be_used_once_in_any_spelling(datev: Any) -> None:
    assert put(datev).status_code == 201
    for guid in (GUID, GUID.upper()):
        again = put(datev, guid=guid)
        assert (again.status_code, again.json()["error"]) == (409, "#DCO01012")
        assert again.json()["error_description"] == "restapi.KeyConflictFault"
        assert again.json()["error_uri"].endswith("q=DCO01012")


def test_posting_without_a_guid_makes_a_new_document_every_time(datev: Any) -> None:
    parts = {"file": ("R.pdf", PDF, "application/pdf"), "metadata": (None, '{"document_type":"Sonstige"}')}
    path = "/clients/455148-1/documents"
    ids = {datev.call("POST", "accounting-documents", path, files=parts).json()["id"] for _ in range(2)}
    assert len(ids) == len(datev.centre.documents) == 2


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"document_type": "Lieferschein"}, "DCO01010"),
        ({"document_type": "x" * 31}, "DCO01227"),
        ({"note": "x" * 256}, "DCO01223"),
        ({"category": "x" * 31}, "DCO01224"),
        ({"folder": "x" * 31}, "DCO01225"),
        ({"register": "x" * 31}, "DCO01226"),
        ({"category": "GoCardless"}, "DCO01017"),
        ({"category": "GoCardless", "folder": "Rechnungen"}, "DCO01017"),
        ({"guid": "no-guid"}, "DCO01234"),
        ({"name": "R.zip"}, "DCO01015"),
        ({"name": "x" * 252 + ".pdf"}, "DCO01222"),
        ({"content": b"<html>"}, "DCO01219"),
        ({"content": b""}, "DCO01004"),
        ({"content": PDF + EICAR}, "DCO01243"),
    ],
)
def test_a_bad_upload_has_its_own_code_and_stores_nothing(datev: Any, wish: dict[str, Any], code: str) -> None:
    answer = put(datev, **wish)
    assert (answer.status_code, answer.json()["error"]) == (400, f"#{code}")
    assert datev.centre.documents == {}


def test_more_than_20_mb_is_dco01016(datev: Any) -> None:
    answer = put(datev, content=PDF + b" " * (20 * 1024 * 1024))
    assert (answer.status_code, answer.json()["error"]) == (400, "#DCO01016")


def test_metadata_and_file_must_be_there_and_readable(datev: Any) -> None:
    path = f"/clients/455148-1/documents/{GUID}"
    for parts, code in (
        ({"metadata": (None, '{"document_type":"Sonstige"}')}, "DCO01004"),
        ({"file": ("R.pdf", PDF)}, "DCO01217"),
        ({"file": ("R.pdf", PDF), "metadata": (None, "{")}, "DCO01217"),
    ):
        assert datev.call("PUT", "accounting-documents", path, files=parts).json()["error"] == f"#{code}"
    plain = datev.call("PUT", "accounting-documents", path, data=PDF, headers={"Content-Type": "application/pdf"})
    assert plain.json()["error"] == "#DCO01004"


def test_the_service_can_be_down_with_503_dco01020(datev: Any) -> None:
    datev.centre.behaviour.documents_down = True
    answer = put(datev)
    assert (answer.status_code, answer.json()["error"]) == (503, "#DCO01020")
    datev.centre.behaviour.documents_down = False
    assert put(datev).status_code == 201


def test_stapled_files_become_one_document(datev: Any) -> None:
    metadata = ("metadata", (None, '{"document_type":"Sonstige"}'))
    path = "/clients/455148-1/documents/stapled"
    parts = [("files", (f"S{n}.pdf", PDF)) for n in range(2)]
    told = datev.call("PUT", "accounting-documents", path, files=[*parts, metadata]).json()
    assert [file["name"] for file in told["files"]] == ["S0.pdf", "S1.pdf"]
    many = [("files", (f"S{n}.pdf", PDF)) for n in range(11)]
    refused = datev.call("PUT", "accounting-documents", path, files=[*many, metadata])
    assert refused.json()["error"] == "#DCO01232"
    assert datev.call("PUT", "accounting-documents", path, files=[metadata]).json()["error"] == "#DCO01004"


def test_the_allowed_extensions_are_told(datev: Any) -> None:
    told = get(datev, "/clients/455148-1/duo-version").json()
    assert "pdf" in told["allowed_file_extensions"]
    assert set(told["allowed_staple_file_extensions"]) < set(told["allowed_file_extensions"])


def test_unknown_and_unordered_clients_are_refused(datev: Any) -> None:
    assert get(datev, "/clients/455148-99/document-types").status_code == 404
    datev.centre.companies["455148-1"].services = ()
    assert get(datev, "/clients/455148-1/document-types").status_code == 403


@pytest.mark.parametrize(
    ("name", "kept"),
    [("Müller & Co (1).pdf", "Müller & Co (1).pdf"), ("Mu\u0308.pdf", "Mü.pdf"), ("a€b/c.pdf", "a_b_c.pdf")],
)
def test_file_names_are_composed_and_cleaned(name: str, kept: str) -> None:
    assert clean_name(name) == kept
