"""Numbers, names and references that came from outside, in addresses, conditions and payment files: they stay one value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from bookkeeping.money import Money
from connector_resources.erp.exact_online import odata as exact
from connector_resources.erp.ifs_cloud import camt
from connector_resources.erp.ifs_cloud import odata as ifs
from connector_resources.erp.ifs_cloud.projections import Projection
from connector_resources.erp.sage300 import odata as sage
from connector_resources.erp.visma import documents as visma
from connector_resources.erp.visma.client import VismaClient
from connector_resources.gocardless.client import action_request
from connector_resources.transport.http_transport import HttpTransport
from sandbox.ifs_cloud import camt as reader
from sandbox.serve import running

WORDS = st.text(
    st.sampled_from("'\"/\\?#%&+=;:,.()$@ \r\n\0aä2F7") | st.characters(codec="utf-8"), min_size=1, max_size=20
)
#: one string of OData and nothing else: a quote inside is written twice.
LITERAL = re.compile(r"'((?:[^']|'')*)'", re.DOTALL)


def value_of(literal: str) -> str:
    found = LITERAL.fullmatch(literal)
    assert found, literal
    return found[1].replace("''", "'")


@settings(max_examples=200)
@given(WORDS)
def test_a_literal_is_one_string_and_keeps_its_value(word: str) -> None:
    assert [value_of(each.text(word)) for each in (exact, ifs, sage)] == [word] * 3
    states = Projection(
        service="A", set="B", enums={"state": "State"}, fields={"state": "Objstate"}, orderby=["Objstate"]
    )
    kind = f"{states.types}.State"
    for condition in (states.enumeration("state", word), states.key_of({"Objstate": word})[len("(Objstate=") : -1]):
        assert value_of(condition.removeprefix(kind)) == word


@settings(max_examples=200)
@given(WORDS)
def test_a_condition_stays_the_only_one_that_is_asked(word: str) -> None:
    addresses = {
        exact.address("/a/b", filter=f"Code eq {exact.text(word)}"): "$filter",
        sage.address("/a/b", filter=f"Code eq {sage.text(word)}"): "$filter",
        ifs.address("/a/b", filter=f"Code eq {ifs.text(word)}"): "$filter",
    }
    for address, name in addresses.items():
        parts = urlsplit(address)
        asked = parse_qs(parts.query, keep_blank_values=True, strict_parsing=True, separator="&")
        assert (parts.path, parts.fragment, list(asked)) == ("/a/b", "", [name])
        assert value_of(asked[name][0].removeprefix("Code eq ")) == word


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[VismaClient, list[tuple[str, list[tuple[str, str]]]]]]:
    """A client of Visma, and every request it made: path as it was sent, names and values of its query."""
    seen: list[tuple[str, list[tuple[str, str]]]] = []

    async def page(request: HttpRequest) -> JSONResponse:
        query = request.scope["query_string"].decode("ascii")
        seen.append((request.scope["raw_path"].decode("ascii"), parse_qsl(query, True, True, separator="&")))
        return JSONResponse([])

    with running(Starlette(routes=[Route("/{path:path}", page)])) as address:
        client = VismaClient(HttpTransport("visma", address), connection="nordlys", hosts=(), page_size=3)
        yield client, seen
        client.close()


PAGE = [("pageNumber", "1"), ("pageSize", "3")]


@settings(max_examples=60)
@given(WORDS)
def test_a_condition_of_visma_is_one_parameter_and_keeps_its_value(asked: Any, word: str) -> None:
    client, seen = asked
    seen.clear()
    client.payments(kind="Payment", number=word, customer=word)
    client.credit_notes(external_reference=word)
    list(client.open_invoices(word))
    client.customers_with("GCID", word)
    assert [query for _, query in seen[:3]] == [
        [("paymentType", "Payment"), ("paymentNbr", word), ("customer", word), *PAGE],
        [("externalReference", word), *PAGE],
        [("status", "Open"), ("customer", word), *PAGE],
    ]
    ((name, condition), *rest) = seen[3][1]
    assert (name, json.loads(condition), rest) == ("attributes", {"GCID": word}, PAGE)
    assert [path for path, _ in seen] == [
        "/v1/customerPayment", "/v1/customerCreditNote", "/v1/customerinvoice", "/v1/customer",
    ]  # fmt: skip


@settings(max_examples=200)
@given(WORDS)
def test_a_key_stays_within_its_place_in_the_path(word: str) -> None:
    of_ifs = ifs.address("/a/Set" + ifs.segment(ifs.key({"Identity": word})) + "/Lines")
    of_visma = f"/a/{visma.segment(word)}/b"
    for address in (of_ifs, of_visma):
        parts = urlsplit(address)
        assert (parts.query, parts.fragment) == ("", "")
        assert parts.path == address
        assert address.count("/") == 3
    place = unquote(of_ifs.split("/")[2])
    assert value_of(place.removeprefix("Set(Identity=")[:-1]) == word
    assert visma.segment_value(of_visma.split("/")[2]) == word


@settings(max_examples=200)
@given(WORDS)
def test_a_key_that_an_address_of_sage_cannot_hold_is_refused(word: str) -> None:
    if sage.UNSAFE_IN_KEY & set(word):
        with pytest.raises(ValueError, match="cannot stand"):
            sage.key(word)
    else:
        assert value_of(unquote(sage.key(word))) == word
        assert not set("/?#&") & set(sage.key(word))


@pytest.mark.parametrize("word", ["'", "a' or 1 eq 1 or Code eq '", "../Accounts", ""])
def test_what_is_no_guid_is_no_key_of_exact(word: str) -> None:
    with pytest.raises(ValueError, match="GUID"):
        exact.guid(word)


@settings(max_examples=200)
@given(WORDS)
def test_an_id_stays_within_its_place_in_an_address_of_gocardless(word: str) -> None:
    if word in (".", ".."):
        return
    path = action_request("payments", word, "cancel", "key").url
    assert urlsplit(path).path == path
    assert [unquote(part) for part in path.split("/")] == ["", "payments", word, "actions", "cancel"]


@pytest.mark.parametrize("word", ["", ".", ".."])
def test_an_id_that_leads_elsewhere_is_none_of_gocardless(word: str) -> None:
    with pytest.raises(ValueError, match="is no id"):
        action_request("payments", word, "cancel", "key")


TEXTS = st.text(st.sampled_from("\0\r\n\t\x85\u2028\ud800\uffff<>&\"']]>=@ aä") | st.characters(), max_size=60)
VERSIONS = st.sampled_from(["camt.054.001.02", "camt.054.001.04", "camt.054.001.08"])


@settings(max_examples=150)
@given(TEXTS, TEXTS, TEXTS, VERSIONS)
def test_a_payment_file_holds_two_transactions_whatever_its_texts_say(
    name: str, text: str, number: str, version: str
) -> None:
    amount = Money(12_100, "EUR")
    harmful = camt.Transaction("GC1", amount, "PM1", "C1", name, "MD1", [camt.Share(number, amount)], text)
    plain = camt.Transaction("GC2", -amount, "PM2", "C2", cause=text)
    file = camt.Notification(
        "GC-EUR-1", version, datetime(2026, 3, 4, tzinfo=UTC), date(2026, 3, 4), "GCEUR", False, "EUR", [harmful, plain]
    )
    first, second = reader.read(camt.write(file).encode(), version)
    assert (first.amount, second.amount) == (amount.major, -amount.major)
    assert (first.end_to_end, first.customer, second.customer) == ("GC1", "C1", "C2")
    shown = [*first.texts, *(share.document for share in first.shares)]
    assert not [each for each in shown if any(ord(character) < 32 for character in each)]
