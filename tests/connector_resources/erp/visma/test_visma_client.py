"""Reading lists that break the rules: filters that are ignored, pages without metadata, answers that are no lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector_resources.erp.visma.client import VismaClient, explain
from connector_resources.errors import BadAnswer
from connector_resources.transport.http_transport import HttpTransport
from connector_resources.transport.messages import Response as Answer
from sandbox.serve import running

Page = Callable[[int, int], list[dict[str, Any]]]


@contextmanager
def visma_with(pages: Page) -> Iterator[tuple[VismaClient, list[dict[str, str]]]]:
    """A server that answers every path with a page of these rows, and the client; the queries are kept."""
    seen: list[dict[str, str]] = []

    async def page(request: Request) -> Response:
        query = dict(request.query_params)
        seen.append(query)
        return JSONResponse(pages(int(query.get("pageNumber", "1")), int(query.get("pageSize", "0"))))

    with running(Starlette(routes=[Route("/{path:path}", page)])) as address:
        transport = HttpTransport("visma", address)
        client = VismaClient(transport, connection="nordlys", hosts={"127.0.0.1"}, page_size=3)
        yield client, seen
        client.close()


def payments(*numbers: int, customer: str = "1", **metadata: int) -> list[dict[str, Any]]:
    rows = [{"type": "Payment", "refNbr": f"{n:06}", "customer": {"number": customer}} for n in numbers]
    return [{**row, "metadata": metadata} if metadata else row for row in rows]


def test_filters_that_visma_ignores_are_applied_again() -> None:
    rows = [*payments(1, customer="1"), *payments(2, customer="2"), {"type": "VoidPayment", "refNbr": "000003"}]
    with visma_with(lambda page, size: rows if page == 1 else []) as (client, seen):
        assert [row.ref_nbr for row in client.payments(kind="Payment", customer="2")] == ["000002"]
    assert seen[0]["customer"] == "2"


def test_a_short_page_is_not_the_end_while_the_total_says_more() -> None:
    """The server caps pages at two rows although three were asked for."""
    with visma_with(lambda page, size: payments(*range(page * 2 - 1, min(page * 2, 5) + 1), totalCount=5)) as (
        client,
        seen,
    ):
        assert len(client.payments()) == 5
    assert len(seen) == 3


def test_without_metadata_a_short_page_is_the_end() -> None:
    with visma_with(lambda page, size: payments(*range(3)) if page == 1 else payments(9)) as (client, seen):
        assert len(client.payments()) == 4
    assert len(seen) == 2


def test_a_row_that_comes_twice_counts_once() -> None:
    with visma_with(lambda page, size: payments(page, page + 1, totalCount=6)) as (client, _):
        assert [row.ref_nbr for row in client.payments()] == ["000001", "000002", "000003", "000004"]


def test_a_batch_that_is_split_over_pages_is_one_batch() -> None:
    def pages(page: int, size: int) -> list[dict[str, Any]]:
        lines = [{"debitAmount": 1.25}, {"debitAmount": 2.5}] if page == 1 else [{"creditAmount": 3.75}]
        batch = {"module": "GL", "batchNumber": "000001", "journalTransactionLines": lines}
        return [{**batch, "metadata": {"totalCount": 3, "maxPageSize": 2}}] if page < 3 else []

    with visma_with(pages) as (client, seen):
        (batch,) = client.journals(period="202603")
    assert len(batch.journal_transaction_lines) == 3
    assert len(seen) == 2


def test_a_stamp_always_goes_with_its_condition() -> None:
    with visma_with(lambda page, size: []) as (client, seen):
        list(client.customers("2026-03-01T10:00:00.000"))
        client.journals(modified_from="2026-03-01")
    assert seen[0]["lastModifiedDateTimeCondition"] == ">="
    assert "lastModifiedDateTimeCondition" not in seen[1]


def test_an_answer_that_is_no_list_is_no_empty_list() -> None:
    with visma_with(lambda page, size: {"records": []}) as (client, _), pytest.raises(BadAnswer):  # type: ignore[arg-type, return-value]
        client.payments()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"message": "VismaId: 1. Error"}', ("", "VismaId: 1. Error")),
        (b'{"Message": "Error"}', ("", "Error")),
        (b'{"ExceptionFaultCode": "12027", "ExceptionMessage": "No license"}', ("12027", "No license")),
        (b'{"statusCode": 401, "message": "Access denied"}', ("", "Access denied")),
        (b"", ("", "")),
        (b"[1]", ("", "")),
        (b"\xff<xml/>", ("", "\ufffd<xml/>")),
    ],
)
def test_errors_of_every_shape_are_explained(body: bytes, expected: tuple[str, str]) -> None:
    assert explain(Answer(400, {}, body)) == expected
