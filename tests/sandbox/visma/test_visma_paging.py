"""Lists (checklist: default page, cap, metadata, modification stamps, rows inserted between pages, split batches)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest


@pytest.fixture
def many(api: Any) -> Any:
    for index in range(120):
        api.company.add_customer(f"2{index:04d}")
    return api


def test_without_parameters_only_the_default_page_comes(many: Any) -> None:
    rows = many.get("/v1/customer").json()
    assert len(rows) == 50
    assert all(row["metadata"] == {"totalCount": 122, "maxPageSize": 500} for row in rows)


def test_a_page_size_above_the_cap_is_silently_reduced(many: Any) -> None:
    many.company.switches.max_page_size = 60
    sizes = [len(many.rows("/v1/customer", pageNumber=page, pageSize=100)) for page in (1, 2, 3)]
    assert sizes == [60, 60, 2]


def test_a_page_after_the_last_is_empty_and_has_no_metadata(many: Any) -> None:
    assert many.get("/v1/customer?pageNumber=4&pageSize=50").json() == []


def test_pages_together_are_the_whole_list(many: Any) -> None:
    numbers = [row["number"] for page in (1, 2, 3) for row in many.rows("/v1/customer", pageNumber=page, pageSize=50)]
    assert len(numbers) == len(set(numbers)) == 122


def test_a_row_inserted_between_pages_repeats_another_when_the_newest_come_first(many: Any) -> None:
    many.company.switches.newest_first = True
    many.company.between_pages.append(lambda: many.company.add_customer("99999"))
    numbers = [row["number"] for page in (1, 2, 3) for row in many.rows("/v1/customer", pageNumber=page, pageSize=50)]
    assert len(numbers) == 123
    assert len(set(numbers)) == 122, "one row came twice and the inserted one not at all"
    assert "99999" not in numbers


def test_a_row_inserted_between_pages_is_seen_later_when_the_oldest_come_first(many: Any) -> None:
    many.company.between_pages.append(lambda: many.company.add_customer("99999"))
    numbers = [row["number"] for page in (1, 2, 3) for row in many.rows("/v1/customer", pageNumber=page, pageSize=50)]
    assert numbers[-1] == "99999"
    assert len(set(numbers)) == 123


def test_a_modification_stamp_filters_with_its_condition_only(many: Any) -> None:
    many.company.clock.advance(timedelta(minutes=10))
    many.put("/v1/customer/20007", many.wrap(note="changed"))
    mark = many.get("/v1/customer/20007").json()["lastModifiedDateTime"]

    def count(condition: str | None, stamp: str = mark) -> int:
        query = {"lastModifiedDateTime": stamp, "pageSize": 500}
        return len(
            many.rows("/v1/customer", **query, **({"lastModifiedDateTimeCondition": condition} if condition else {}))
        )

    assert [count(each) for each in (">=", ">", "<", "<=", None)] == [1, 0, 121, 122, 122]
    assert count(">=", "2026-03-10") == 122
    assert count(">=", "2026-03-10 13:05:00") == 1


def test_a_stamp_with_a_zone_or_an_unknown_condition_is_refused(many: Any) -> None:
    query = {"lastModifiedDateTime": "2026-03-10T13:00:00Z", "lastModifiedDateTimeCondition": ">="}
    assert many.get("/v1/customer", params=query).status_code == 400
    query = {"lastModifiedDateTime": "2026-03-10", "lastModifiedDateTimeCondition": "after"}
    assert many.get("/v1/customer", params=query).status_code == 400


def test_the_created_stamp_filters_too(many: Any) -> None:
    many.company.clock.advance(timedelta(minutes=10))
    many.company.add_customer("99999")
    query = {"createdDateTime": "2026-03-10T13:05:00", "createdDateTimeCondition": ">"}
    assert [row["number"] for row in many.rows("/v1/customer", **query)] == ["99999"]


def test_journal_pages_count_lines_and_split_batches(api: Any) -> None:
    numbers = [api.number_of(api.post("/v2/journaltransaction", api.payout())) for _ in range(3)]
    pages = [
        api.rows("/v2/journaltransaction", periodId="202603", module="GL", pageNumber=page, pageSize=4)
        for page in (1, 2, 3)
    ]
    shape = [[(row["batchNumber"], len(row["journalTransactionLines"])) for row in page] for page in pages]
    assert shape == [
        [(numbers[0], 3), (numbers[1], 1)],
        [(numbers[1], 2), (numbers[2], 2)],
        [(numbers[2], 1)],
    ]
    assert pages[0][0]["metadata"]["totalCount"] == 9
    split = [line["lineNumber"] for page in pages for row in page for line in row["journalTransactionLines"]]
    assert split == [1, 2, 3] * 3


def test_journals_need_a_period_or_a_stamp_which_means_since(api: Any) -> None:
    api.number_of(api.post("/v2/journaltransaction", api.payout()))
    api.company.clock.advance(timedelta(minutes=10))
    late = api.number_of(api.post("/v2/journaltransaction", api.payout()))
    assert "must be specified" in api.message(api.get("/v2/journaltransaction?module=GL"))
    stamp = api.get(f"/v2/journaltransaction/{late}").json()["lastModifiedDateTime"]
    rows = api.rows("/v2/journaltransaction", lastModifiedDateTime=stamp, lastModifiedDateTimeCondition="<")
    assert [row["batchNumber"] for row in rows] == [late], "the condition is unknown here and ignored"


def test_open_invoices_are_found_by_status_customer_and_references(api: Any) -> None:
    api.company.add_invoice("000401", "10043", 100, customer_ref_number="A1", payment_reference="00012345")
    api.received("125.00", api.line("000224", "125.00"))

    def numbers(path: str = "/v1/customerinvoice", **query: str) -> list[str]:
        return [row["referenceNumber"] for row in api.rows(path, **query)]

    assert numbers(status="Open") == ["000225", "000226", "000300", "000401"]
    assert numbers(status="Closed") == ["000224"]
    assert numbers(customer="10043") == numbers("/v1/customer/10043/invoice") == ["000401"]
    assert numbers(externalReference="WEB-000225") == ["000225"]
    assert numbers(customerRefNumber="A1") == numbers(paymentReference="00012345") == ["000401"]
    assert numbers(documentDate="2026-02-01", documentDateCondition=">") == ["000224", "000225", "000226"]
    assert numbers(financialPeriod="202602", released="1", greaterThanValue="000225") == ["000226"]


def test_customer_documents_can_be_filtered_by_type(api: Any) -> None:
    api.post("/v2/customerCreditNote", api.credit_note())
    assert len(api.rows("/v1/customerdocument")) == 5
    (row,) = api.rows("/v1/customerdocument", documentType="CreditNote")
    assert row["documentType"] == "CreditNote"
    assert len(api.rows("/v1/customer/10042/document", documentType="Invoice")) == 4
