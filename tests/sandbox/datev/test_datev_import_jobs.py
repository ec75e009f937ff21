"""Uploads, jobs, and the ways in which an upload stays unclear (datev.md 2.2, 6 and 10)."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from sandbox.datev.extf_import import EICAR
from sandbox.faults import Fault


def code_of(answer: requests.Response) -> str:
    return str(answer.json()["type"]).rsplit("/", 1)[1]


def failed_fields(job: dict[str, Any]) -> list[str]:
    """`Consultant is invalid (11)` of every affected element."""
    assert job["result"] == "failed", job
    return [f"{element['name']} {element['reason']}" for element in job["validation_details"]["affected_elements"]]


def test_the_golden_file_is_accepted_and_its_job_tells_what_the_sheet_tells(datev: Any, golden: bytes) -> None:
    name = "EXTF_GC_455148-1_202606_A.csv"
    headers = {"Reference-Id": "gc-202606-A", "Client-Application-Version": "1.0"}
    answer = datev.upload(golden, name, headers=headers)
    assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (202, b"", "5")
    address = answer.headers["location"]
    job_id = address.rsplit("/", 1)[1]
    assert address == f"/clients/455148-1/extf-files/jobs/{job_id}"
    assert datev.jobs(f"/{job_id}").json()["result"] == "pending"
    assert datev.jobs(f"/{job_id}").json() == {
        "id": job_id,
        "filename": name,
        "reference_id": "gc-202606-A",
        "result": "succeeded",
        "timestamp": "2026-06-30T18:15:00Z",
        "data_category_id": 21,
        "fiscal_year_begin": "2026-01-01",
        "date_from": "2026-06-01",
        "date_to": "2026-06-30",
        "label": "GoCardless 2026-06",
        "number_of_accounting_records": 6,
        "client_application_display_name": "GoCardless connector",
        "client_application_vendor": "ml-connector",
        "client_application_version": "1.0",
    }


@pytest.mark.parametrize(
    "name",
    ["", "A.csv", "EXTF_" + "a" * 52 + ".csv", "EXTF_a.CSV", "extf_a.csv", "EXTF_a.csvx"],
)
def test_a_filename_outside_its_expression_is_1008832(datev: Any, files: Any, name: str) -> None:
    answer = datev.upload(files.bookings(files.payment()), name)
    assert (answer.status_code, code_of(answer)) == (400, "1008832")


def test_the_longest_filename_is_taken_and_odd_characters_become_underscores(datev: Any, files: Any) -> None:
    longest = "EXTF_" + "a" * 51 + ".csv"
    assert datev.job(files.bookings(files.payment()), name=longest)["filename"] == longest
    assert datev.job(files.bookings(files.payment()), name="EXTF_a b&c.csv")["filename"] == "EXTF_a_b_c.csv"


@pytest.mark.parametrize("reference", ["a" * 255, "a/b", "a:b", "Ärger é"])
def test_a_reference_outside_its_expression_is_1008832(datev: Any, files: Any, reference: str) -> None:
    headers = {"Reference-Id": reference.encode("latin-1")}
    answer = datev.upload(files.bookings(files.payment()), headers=headers)
    assert (answer.status_code, code_of(answer)) == (400, "1008832")
    assert answer.json()["affected_elements"][0]["name"] == "Reference-Id"


def test_a_reference_with_umlauts_comes_back(datev: Any, files: Any) -> None:
    headers = {"Reference-Id": "Verkäufe_2026 + ß".encode("latin-1")}
    assert datev.job(files.bookings(files.payment()), headers=headers)["reference_id"] == "Verkäufe_2026 + ß"


def test_wrong_transport_is_refused_with_its_own_status(datev: Any, files: Any) -> None:
    content = files.bookings(files.payment())
    assert datev.upload(content, headers={"Content-Type": "text/csv"}).status_code == 415
    assert datev.upload(content, headers={"Accept": "text/csv"}).status_code == 406
    missing = datev.upload(b"")
    assert (missing.status_code, code_of(missing)) == (400, "1008831")
    malformed = datev.upload(content, client="455148_1")
    assert (malformed.status_code, code_of(malformed)) == (400, "1008835")
    assert datev.upload(content, client="455148-77").status_code == 404
    assert datev.centre.jobs == {}


def test_more_than_50_mb_is_413_1008833(datev: Any) -> None:
    answer = datev.upload(b"x" * (50 * 1024 * 1024 + 1))
    assert (answer.status_code, code_of(answer)) == (413, "1008833")


@pytest.mark.parametrize(
    ("form", "start"), [("slash", "/clients/"), ("relative", "clients/"), ("absolute", "http://127.0.0.1:")]
)
def test_location_comes_in_three_forms(datev: Any, files: Any, form: str, start: str) -> None:
    datev.centre.behaviour.location_form = form
    address = datev.upload(files.bookings(files.payment())).headers["location"]
    assert address.startswith(start)
    assert address.rsplit("/", 1)[1] in datev.centre.jobs
    if form == "absolute":
        assert datev.http.get(address, headers=datev.headers).status_code == 200


def test_rotating_location_shows_all_forms(datev: Any, files: Any) -> None:
    datev.centre.behaviour.location_form = "rotate"
    found = {datev.upload(files.bookings(files.payment())).headers["location"].split("clients/")[0] for _ in range(3)}
    assert {start[:1] for start in found} == {"/", "", "h"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"h1": '"DTVF"'}, ["DATEV Format Label must be EXTF (1)"]),
        ({"h2": "510"}, ["Version Number is invalid (2)"]),
        ({"h3": "22"}, ["Data Category is invalid (3)"]),
        ({"h4": '""'}, ["Format Name is invalid (4)"]),
        ({"h5": "x"}, ["Format Version is invalid (5)"]),
        ({"h6": "20260630"}, ["Created On is invalid (6)"]),
        ({"h7": "20260630181500000"}, ["Imported is invalid (7)"]),
        ({"h11": "12"}, ["Consultant is invalid (11)"]),
        ({"h12": "0"}, ["Client is invalid (12)"]),
        ({"h13": "20261301"}, ["FY Begin is invalid (13)"]),
        ({"h14": "9"}, ["Length of Ledger Account is invalid (14)"]),
        ({"h15": "20260631"}, ["Date From is invalid (15)"]),
        ({"h16": "x"}, ["Date To is invalid (16)"]),
        ({"h23": "1"}, ["Reserved must be empty (23)"]),
        ({"h24": '"x"'}, ["Reserved must be empty (24)"]),
        ({"h25": "1", "h26": "1"}, ["Reserved must be empty (25)", "Reserved must be empty (26)"]),
        ({"h29": "1", "h30": '"x"'}, ["Reserved must be empty (29)", "Reserved must be empty (30)"]),
        ({"h15": "20260701"}, ["Date From DateFrom must not be greater than DateTo"]),
        ({"h4": '"Debitoren/Kreditoren"'}, ["EXTF-header Invalid combination"]),
        ({"h5": "9"}, ["EXTF-header Invalid combination"]),
        ({"h11": "455149"}, ["Consultant The consultant-number in the EXTF-header does not match"]),
        ({"h12": "2"}, ["Client The client-number in the EXTF-header does not match"]),
        ({"h31": '"";'}, []),
    ],
)
def test_header_errors_fail_the_job_and_end_with_the_field_number(
    datev: Any, files: Any, fields: dict[str, str], expected: list[str]
) -> None:
    job = datev.job(files.bookings(files.payment(), **fields))
    if not expected:
        assert job["result"] == "succeeded"
        return
    assert job["validation_details"]["type"].endswith("/1008834")
    found = failed_fields(job)
    assert len(found) == len(expected)
    assert all(reason.startswith(start) for reason, start in zip(found, expected, strict=True)), found


def test_a_short_header_and_one_of_more_than_1000_characters_fail(datev: Any, files: Any) -> None:
    cut = files.header.rsplit(";", 1)[0]
    assert failed_fields(datev.job(files.bookings(files.payment(), header=cut))) == [
        "EXTF-header Missing columns in EXTF-header"
    ]
    long = datev.job(files.bookings(files.payment(), h17='"' + "a" * 1000 + '"'))
    assert "exceeds maximum length" in failed_fields(long)[0]
    assert (len(long["label"]), long["label"][-4:]) == (250, "a...")


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(b"", "cp1252"), (b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")],
)
def test_the_byte_order_mark_decides_how_a_file_is_decoded(datev: Any, files: Any, mark: bytes, encoding: str) -> None:
    text = files.bookings(files.payment(c14="Müller"), h17='"Gebühren"').decode("cp1252")
    assert datev.job(mark + text.encode(encoding))["label"] == "Gebühren"


def test_utf8_without_a_mark_is_misread_and_other_encodings_fail(datev: Any, files: Any) -> None:
    text = files.bookings(files.payment(), h17='"Gebühren"').decode("cp1252")
    assert datev.job(text.encode("utf-8"))["label"] == "GebÃ¼hren"
    for content in (b"\xef\xbb\xbf" + text.encode("cp1252"), text.encode("utf-32"), text.encode("cp1252") + b"\x81"):
        assert datev.job(content)["validation_details"]["type"].endswith("/1008833")


def test_no_rows_and_more_than_99999_rows_are_1008833(datev: Any, files: Any) -> None:
    empty = datev.job(files.bookings())
    assert empty["validation_details"]["detail"] == "No payload"
    head = files.bookings()
    enough = datev.job(head + b"x\r\n" * 99_999)
    assert (enough["result"], enough["number_of_accounting_records"]) == ("succeeded", 99_999)
    assert "99999" in datev.job(head + b"x\r\n" * 100_000)["validation_details"]["detail"]


def test_rows_are_not_checked_so_nonsense_rows_succeed_and_only_the_adviser_refuses_them(
    datev: Any, files: Any
) -> None:
    job = datev.job(files.bookings() + b"nonsense\r\n")
    assert job["result"] == "succeeded"
    assert [record.state for record in datev.centre.books("455148-1").files] == ["rejected"]


def test_virus_internal_error_and_missing_permission_on_demand(datev: Any, files: Any) -> None:
    content = files.bookings(files.payment())
    codes = ["1008836", "1008837", "1008838"]
    datev.centre.behaviour.forced_failures = list(codes)
    assert [datev.job(content)["validation_details"]["type"].rsplit("/", 1)[1] for _ in codes] == codes
    assert datev.job(content)["result"] == "succeeded"
    infected = files.bookings(files.payment()) + EICAR + b"\r\n"
    assert datev.job(infected)["validation_details"]["type"].endswith("/1008836")


def test_a_client_without_the_service_fails_with_1008838(datev: Any, files: Any) -> None:
    job = datev.job(files.bookings(files.payment(), h12="3"), client="455148-3")
    assert job["validation_details"]["type"].endswith("/1008838")


def test_a_connection_dropped_after_accepting_leaves_the_job(datev: Any, files: Any) -> None:
    datev.app.faults.add(Fault("drop_after", method="POST", path="import"))
    with pytest.raises(requests.ConnectionError):
        datev.upload(files.bookings(files.payment()), "EXTF_lost.csv")
    assert [job["filename"] for job in datev.jobs().json()] == ["EXTF_lost.csv"]


@pytest.mark.parametrize("status", [500, 503])
def test_500_or_503_after_accepting_leaves_the_job(datev: Any, files: Any, status: int) -> None:
    body = '{"type":"http://www.datev.de/hilfe/1008837","title":"Try again"}'
    datev.app.faults.add(Fault("error_after", method="POST", path="import", status=status, body=body))
    assert datev.upload(files.bookings(files.payment())).status_code == status
    assert len(datev.jobs().json()) == 1


def test_a_job_shows_in_the_list_only_after_a_delay(datev: Any, files: Any) -> None:
    datev.centre.behaviour.listed_after_s = 10
    job_id = datev.upload(files.bookings(files.payment())).headers["location"].rsplit("/", 1)[1]
    assert datev.jobs().json() == []
    assert datev.jobs(f"/{job_id}").status_code == 200
    datev.advance(10)
    assert [job["id"] for job in datev.jobs().json()] == [job_id]


def test_by_default_a_second_file_of_the_same_name_is_booked_twice(datev: Any, files: Any) -> None:
    content = files.bookings(files.payment())
    assert [datev.job(content)["result"] for _ in range(2)] == ["succeeded"] * 2
    books = datev.centre.books("455148-1")
    assert books.balance("1360") == 2 * 11900
    assert [times for times, _ in books.double_rows] == [2]


def test_in_the_other_mode_the_second_file_succeeds_too_but_is_never_booked(datev: Any, files: Any) -> None:
    datev.centre.behaviour.duplicate_mode = "same_name_is_ignored"
    content = files.bookings(files.payment())
    assert [datev.job(content)["result"] for _ in range(2)] == ["succeeded"] * 2
    books = datev.centre.books("455148-1")
    assert books.balance("1360") == 11900
    assert [record.state for record in books.files] == ["imported", "ignored"]
    assert books.double_rows == []


def test_a_failed_file_does_not_block_its_name(datev: Any, files: Any) -> None:
    datev.centre.behaviour.duplicate_mode = "same_name_is_ignored"
    datev.centre.behaviour.forced_failures = ["1008837"]
    content = files.bookings(files.payment())
    assert [datev.job(content)["result"] for _ in range(2)] == ["failed", "succeeded"]
    assert datev.centre.books("455148-1").balance("1360") == 11900


def test_the_job_list_comes_in_pages_newest_first_while_new_jobs_arrive(datev: Any, files: Any) -> None:
    wanted = datev.upload(files.bookings(files.payment())).headers["location"].rsplit("/", 1)[1]
    datev.control("POST", "seed", json={"foreign_jobs": {"455148-1": 149}, "behaviour": {"arriving_jobs": 3}})
    first = datev.jobs()
    assert first.headers["total-items"] == "150"
    assert first.headers["link"] == '<?skip=100&top=100>;rel="next"'
    second = datev.jobs(params={"skip": 100, "top": 100})
    assert second.headers["total-items"] == "153"
    ids = [job["id"] for page in (first, second) for job in page.json()]
    assert ids[-1] == wanted
    assert len(ids) - len(set(ids)) == 3


def test_a_job_stays_pending_by_time_and_by_looks(datev: Any, files: Any) -> None:
    datev.centre.behaviour.change({"pending_s": 60.0, "pending_polls": 3})
    job_id = datev.upload(files.bookings(files.payment())).headers["location"].rsplit("/", 1)[1]
    assert {datev.jobs(f"/{job_id}").json()["result"] for _ in range(5)} == {"pending"}
    assert datev.centre.books("455148-1").files == []
    datev.advance(60)
    assert datev.jobs(f"/{job_id}").json()["result"] == "succeeded"
    assert datev.centre.books("455148-1").files[0].state == "imported"


def test_an_unknown_result_word_can_be_shown_before_the_end(datev: Any, files: Any) -> None:
    datev.centre.behaviour.change({"pending_word": "in_transfer", "pending_polls": 2})
    job_id = datev.upload(files.bookings(files.payment())).headers["location"].rsplit("/", 1)[1]
    assert [datev.jobs(f"/{job_id}").json()["result"] for _ in range(3)] == ["in_transfer", "in_transfer", "succeeded"]


def test_fields_without_a_value_are_left_out(datev: Any, files: Any) -> None:
    job = datev.job(files.debtors({1: "10050", 2: "Neu GmbH", 7: "2"}))
    assert not {"reference_id", "date_from", "date_to", "label", "validation_details"} & set(job)
    assert (job["data_category_id"], job["number_of_accounting_records"]) == (16, 1)


def test_polls_are_counted(datev: Any, files: Any) -> None:
    job_id = datev.upload(files.bookings(files.payment())).headers["location"].rsplit("/", 1)[1]
    for _ in range(4):
        datev.jobs(f"/{job_id}")
    datev.jobs()
    seen = datev.control("GET", "requests").json()
    assert seen["job_polls"] == {job_id: 4}
    assert seen["job_list_gets"] == {"455148-1": 1}


def test_a_job_of_another_client_is_not_found(datev: Any, files: Any) -> None:
    job_id = datev.job(files.bookings(files.payment()))["id"]
    assert datev.jobs(f"/{job_id}", "455148-2").status_code == 404
    assert datev.jobs(client="455148-2").json() == []
