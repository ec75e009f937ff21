"""DXSO jobs and the checks of their XML (datev.md 2.4, 3.9 and 10)."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from sandbox.datev.dxso_xml import archive_faults, ledger_faults

DATA_NAME = "Rechnungsdaten_RE-2026-0042.xml"
PDF_NAME = "Rechnungsbild_RE-2026-0042.pdf"
LEDGER = """<?xml version="1.0" encoding="UTF-8"?>
<LedgerImport xmlns="http://xml.datev.de/bedi/tps/ledger/v060" version="6.0" generator_info="ml-connector"
  generating_system="ml-connector" xml_data="Kopie nur zur Verbuchung berechtigt nicht zum Vorsteuerabzug">
  <consolidate consolidatedAmount="119.00" consolidatedDate="2026-06-03" consolidatedInvoiceId="RE-2026-0042"
    consolidatedCurrencyCode="EUR">
    <accountsReceivableLedger>
      <date>2026-06-03</date><amount>119.00</amount><accountNo>8400</accountNo><tax>19.00</tax>
      <information>GoCardless PM00K7Q2M4ZV9A</information><currencyCode>EUR</currencyCode>
      <invoiceId>RE-2026-0042</invoiceId><bookingText>Abo Juni 2026</bookingText><partyId>CU0001</partyId>
      <paidAt>2026-06-03</paidAt><bpAccountNo>10042</bpAccountNo><orderId>PM00K7Q2M4ZV9A</orderId>
      <customerName>Müller GmbH</customerName>
    </accountsReceivableLedger>
  </consolidate>
</LedgerImport>"""
ARCHIVE = f"""<?xml version="1.0" encoding="UTF-8"?>
<archive xmlns="http://xml.datev.de/bedi/tps/document/v06.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  version="6.0" generatingSystem="ml-connector">
  <header><date>2026-06-30T18:15:00</date></header>
  <content>
    <document guid="3f0c7c2e-52a1-5d0e-9a0b-6c1d2e3f4a5b">
      <extension xsi:type="accountsReceivableLedger" datafile="{DATA_NAME}">
        <property value="2026-06" key="1"/><property value="Ausgangsrechnungen" key="3"/>
      </extension>
      <extension xsi:type="File" name="{PDF_NAME}"/>
      <repository><level id="1" name="ml-connector"/><level id="2" name="GoCardless"/></repository>
    </document>
  </content>
</archive>"""
NAMES = {DATA_NAME, PDF_NAME}


def call(datev: Any, method: str, path: str = "", client: str = "455148-1", **options: Any) -> requests.Response:
    path = f"/clients/{client}/dxso-jobs{path}"
    answer: requests.Response = datev.call(method, "accounting-dxso-jobs", path, **options)
    return answer


def opened(datev: Any) -> str:
    wish = {"import_type": "accountsReceivableLedgerImport", "accounting_month": "2026-06"}
    return str(call(datev, "POST", json=wish).json()["id"])


def send(datev: Any, job: str, name: str, content: bytes | str) -> requests.Response:
    return call(datev, "POST", f"/{job}/files", files={"files": (name, content)})


def finish(datev: Any, job: str, body: str = '{"ready":"true"}') -> requests.Response:
    headers = {"Content-Type": "application/merge-patch+json"}
    return call(datev, "PUT", f"/{job}", data=body, headers=headers)


def ended(datev: Any, *data: tuple[str, str], archive: str = ARCHIVE) -> tuple[int, list[dict[str, str]]]:
    """Send archive, voucher and data files, and poll to the end: status and protocol."""
    job = opened(datev)
    for name, content in (("document.xml", archive), (PDF_NAME, "%PDF-1.7"), *data):
        assert send(datev, job, name, content).status_code == 201
    assert finish(datev, job).status_code == 204
    status = call(datev, "GET", f"/{job}").json()["status"]
    assert status == 1
    while status == 1:
        status = call(datev, "GET", f"/{job}").json()["status"]
    return status, call(datev, "GET", f"/{job}/protocol-entries").json()


def test_a_good_transfer_ends_with_status_2_and_an_information(datev: Any) -> None:
    status, protocol = ended(datev, (DATA_NAME, LEDGER))
    assert status == 2
    assert [(entry["type"], entry["filename"]) for entry in protocol] == [("information", DATA_NAME)]


def test_schema_errors_are_protocol_entries_and_status_3(datev: Any) -> None:
    status, protocol = ended(datev, (DATA_NAME, LEDGER.replace("<amount>119.00", "<amount>119,00")))
    assert status == 3
    assert [(entry["type"], entry["filename"]) for entry in protocol] == [("error", DATA_NAME)]
    assert "amount '119,00'" in protocol[0]["text"]


def test_one_bad_of_two_data_files_is_status_4(datev: Any) -> None:
    second = ARCHIVE[ARCHIVE.index("    <document") : ARCHIVE.index("  </content>")].replace(DATA_NAME, "B.xml")
    archive = ARCHIVE.replace("  </content>", second + "  </content>")
    bad = LEDGER.replace("119.00", "0.00")
    status, protocol = ended(datev, (DATA_NAME, LEDGER), ("B.xml", bad), archive=archive)
    assert status == 4
    assert {entry["type"] for entry in protocol} == {"information", "error"}


def test_a_missing_file_or_archive_is_status_3(datev: Any) -> None:
    status, protocol = ended(datev)
    assert status == 3
    assert f"file '{DATA_NAME}' was not sent" in protocol[0]["text"]
    job = opened(datev)
    finish(datev, job)
    assert [call(datev, "GET", f"/{job}").json()["status"] for _ in range(2)] == [1, 3]


def test_opening_tells_account_length_and_folders_only_with_a_type(datev: Any) -> None:
    wish = {"import_type": "accountsReceivableLedgerImport", "accounting_month": "2026-06"}
    answer = call(datev, "POST", json=wish)
    assert answer.status_code == 201
    assert (answer.json()["account_length"], answer.json()["ledger_folder_names"]) == (4, ["Ausgangsrechnungen"])
    cash = call(datev, "POST", json=wish | {"import_type": "cashLedgerImport"})
    assert cash.json()["cash_ledger_names"] == ["Kasse"]
    assert set(call(datev, "POST", json={}).json()) == {"id"}


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"import_type": "accountsReceivableLedgerImport"}, "DCO01017"),
        ({"accounting_month": "2026-06"}, "DCO01017"),
        ({"import_type": "other", "accounting_month": "2026-06"}, "DCO01008"),
        ({"import_type": "cashLedgerImport", "accounting_month": "2026-13"}, "DCO01008"),
        ([], "DCO01008"),
    ],
)
def test_a_bad_opening_has_its_code(datev: Any, wish: Any, code: str) -> None:
    answer = call(datev, "POST", json=wish)
    assert (answer.status_code, answer.json()["error"]) == (400, f"#{code}")


def test_ready_is_the_word_true_and_needs_the_patch_content_type(datev: Any) -> None:
    job = opened(datev)
    assert finish(datev, job, '{"ready":true}').json()["error"] == "#DCO01008"
    assert call(datev, "PUT", f"/{job}", json={"ready": "true"}).status_code == 415
    assert call(datev, "GET", f"/{job}").json()["status"] == 0


def test_a_finalised_job_takes_no_file_no_second_ready_and_no_cancel(datev: Any) -> None:
    job = opened(datev)
    finish(datev, job)
    for answer in (send(datev, job, "a.xml", "<a/>"), finish(datev, job), call(datev, "DELETE", f"/{job}")):
        assert (answer.status_code, answer.json()["error"]) == (400, "#DCO01007")


def test_an_open_job_can_be_cancelled(datev: Any) -> None:
    job = opened(datev)
    assert call(datev, "DELETE", f"/{job}").status_code == 204
    assert call(datev, "GET", f"/{job}").json()["status"] == 5
    assert finish(datev, job).json()["error"] == "#DCO01007"


def test_a_company_on_the_new_belege_online_is_dco01301_and_one_without_the_service_dco01002(datev: Any) -> None:
    assert call(datev, "POST", client="455148-4", json={}).json()["error"] == "#DCO01301"
    assert call(datev, "POST", client="455148-3", json={}).json()["error"] == "#DCO01002"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [("a.zip", "PK", "DCO01015"), ("a.xml", "%PDF-", "DCO01219"), ("a.pdf", "<a/>", "DCO01219")],
)
def test_a_file_must_be_what_its_name_says(datev: Any, name: str, content: str, code: str) -> None:
    assert send(datev, opened(datev), name, content).json()["error"] == f"#{code}"


def test_one_call_carries_one_file_for_a_known_job(datev: Any) -> None:
    job = opened(datev)
    two = [("files", ("a.xml", "<a/>")), ("files", ("b.xml", "<b/>"))]
    assert call(datev, "POST", f"/{job}/files", files=two).json()["error"] == "#DCO01004"
    assert send(datev, "unknown", "a.xml", "<a/>").json()["error"] == "#DCO01003"
    assert call(datev, "GET", "/unknown").status_code == 404
    assert call(datev, "GET", f"/{job}", client="455148-2").status_code == 404


def test_an_offline_token_may_not_list_clients_but_read_one(stranger: Any) -> None:
    stranger.login(scope="openid offline_access accounting:clients:read")
    listed = stranger.call("GET", "accounting-dxso-jobs", "/clients")
    assert (listed.status_code, listed.json()["error"]) == (403, "#DCO01013")
    assert stranger.call("GET", "accounting-dxso-jobs", "/clients/455148-1").status_code == 200


def test_the_examples_of_the_sheet_hold() -> None:
    assert ledger_faults(LEDGER.encode()) == []
    assert archive_faults(ARCHIVE.encode(), NAMES) == []


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("<amount>119.00", "<amount>119,00", "amount"),
        ("<amount>119.00", "<amount>0.00", "amount"),
        ("<bpAccountNo>10042", "<bpAccountNo>1042", "bpAccountNo"),
        ("<invoiceId>RE-2026-0042", "<invoiceId>RE 2026", "invoiceId"),
        ("<invoiceId>RE-2026-0042", "<invoiceId>RE.2026", "invoiceId"),
        (
            "<date>2026-06-03</date><amount>119.00</amount>",
            "<amount>119.00</amount><date>2026-06-03</date>",
            "sequence",
        ),
        ("<tax>19.00</tax>", "<tax>19.00</tax><tax>19.00</tax>", "twice"),
        ("<tax>19.00</tax>", "<mood>good</mood>", "unknown element mood"),
        ("<amount>119.00</amount>", "", "amount is missing"),
        ("<date>2026-06-03", "<date>2026-06-31", "date"),
        ("<bookingText>", "<bookingText>" + "x" * 60, "bookingText"),
        ("berechtigt nicht", "berechtigt", "xml_data"),
        ('version="6.0"', 'version="5.0"', "version"),
        ('consolidatedAmount="119.00"', 'consolidatedAmount="119"', "consolidatedAmount"),
        ("ledger/v060", "ledger/v050", "root"),
        ("</LedgerImport>", "", "well-formed"),
        ("accountsReceivableLedger>", "salesLedger>", "entries of one kind"),
        ("<LedgerImport", "<!DOCTYPE x><LedgerImport", "document type definition"),
    ],
)
def test_what_the_ledger_schema_refuses_is_refused(old: str, new: str, word: str) -> None:
    assert old in LEDGER
    faults = ledger_faults(LEDGER.replace(old, new).encode())
    assert any(word in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('guid="3f0c7c2e', 'guid="3f0c', "guid"),
        ('value="2026-06"', 'value="06/2026"', "month"),
        ('value="Ausgangsrechnungen"', 'value=""', "folder"),
        ('xsi:type="File"', 'xsi:type="Folder"', "unknown type"),
        ("2026-06-30T18:15:00", "30.06.2026", "date"),
        ('id="2"', 'id="4"', "id"),
        ('name="GoCardless"', f'name="{"x" * 31}"', "name"),
        (f'name="{PDF_NAME}"', 'name="other.pdf"', "was not sent"),
        ("<header>", "<footer/><header>", "header and then a content"),
        ('version="6.0"', "", "version"),
    ],
)
def test_what_the_archive_schema_refuses_is_refused(old: str, new: str, word: str) -> None:
    assert old in ARCHIVE
    faults = archive_faults(ARCHIVE.replace(old, new).encode(), NAMES)
    assert any(word in fault for fault in faults), faults
