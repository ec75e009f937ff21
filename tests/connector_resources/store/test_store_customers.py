"""Customer links are never changed silently, and a customer number is handed out once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connector_resources.erp.contract import ErpCustomer
from connector_resources.errors import StoreError
from connector_resources.store.store import Store

ALLOCATE = """
for _ in range(10):
    print(store.customers.allocate_number("acme", 10000, 10999))
"""


def test_a_link_is_kept_with_how_it_was_found(store, make):
    store.customers.put("acme", "CU1", "10042", "email")

    link = store.customers.get("acme", ["CU1", "CU2"])["CU1"]

    assert (link.erp_customer, link.method, link.linked_at) == ("10042", "email", make.start)
    assert store.customers.get("other", ["CU1"]) == {}
    assert store.customers.count("acme") == 1
    (row,) = store.trail.about("acme", ["CU1"])
    assert (row.kind, row.payload) == ("customer_linked", {"erp_customer": "10042", "method": "email"})


def test_another_link_is_refused_and_the_same_one_changes_nothing(store):
    store.customers.put("acme", "CU1", "10042", "email")
    before = store.trail.head("acme")

    store.customers.put("acme", "CU1", "10042", "metadata")
    with pytest.raises(StoreError, match="CU1 is linked to 10042, not to 10043") as error:
        store.customers.put("acme", "CU1", "10043", "email")

    assert store.customers.get("acme", ["CU1"])["CU1"].method == "email"
    assert store.trail.head("acme") == before
    assert "connector customers link --replace acme CU1 10043" in error.value.next_step


def test_replacing_keeps_both_numbers_in_the_trail(store):
    store.customers.put("acme", "CU1", "10042", "email")

    store.customers.replace("acme", "CU1", "10043", by="ada", note="merged")
    store.customers.replace("acme", "CU2", "10044", by="ada", note="new")

    assert store.customers.get("acme", ["CU1"])["CU1"].erp_customer == "10043"
    row = store.trail.about("acme", ["CU1"])[-1]
    assert row.payload == {"erp_customer": "10043", "before": "10042", "by": "ada", "note": "merged"}
    assert store.trail.about("acme", ["CU2"])[-1].payload["before"] is None


def test_one_erp_customer_may_be_several_payers(store):
    for payer, number in (("CU1", "10042"), ("CU2", "10042"), ("CU3", "10043")):
        store.customers.put("acme", payer, number, "email")

    found = store.customers.by_erp("acme", ["10042", "10099"])

    assert {number: [link.gocardless_customer for link in links] for number, links in found.items()} == {
        "10042": ["CU1", "CU2"]
    }


def test_numbers_are_handed_out_once_and_never_again(store):
    numbers = [store.customers.allocate_number("acme", 10000, 10999) for _ in range(3)]

    assert numbers == [10000, 10001, 10002]
    assert store.customers.allocate_number("other", 10000, 10999) == 10000


def test_numbers_in_use_are_passed_over(store):
    store.customers.put("acme", "CU1", "10000", "by_hand")
    store.customers.put_erp("acme", [ErpCustomer(str(n), f"Customer {n}") for n in range(10001, 10300)])

    assert store.customers.allocate_number("acme", 10000, 10999) == 10300


def test_a_range_that_is_used_up_says_what_to_do(store):
    store.customers.allocate_number("acme", 10000, 10000)

    with pytest.raises(StoreError, match="from 10000 to 10000") as error:
        store.customers.allocate_number("acme", 10000, 10000)

    assert "widen" in error.value.next_step


def test_a_number_whose_transaction_failed_was_not_handed_out(store, make):
    with make.undone(store) as transaction:
        number = store.customers.allocate_number("acme", 20000, 20999, within=transaction)
        store.customers.put("acme", "CU1", str(number), "allocated", within=transaction)

    assert store.customers.count("acme") == 0
    assert store.customers.allocate_number("acme", 20000, 20999) == 20000


def test_threads_and_processes_never_get_the_same_number(url, start_python):
    processes = [start_python(ALLOCATE, url) for _ in range(2)]
    numbers: list[int] = []
    with Store.open(url, clock=lambda: datetime.now(UTC)) as store:

        def allocate() -> None:
            numbers.extend(store.customers.allocate_number("acme", 10000, 10999) for _ in range(10))

        threads = [threading.Thread(target=allocate) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for process in processes:
        output, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        numbers.extend(int(line) for line in output.split())

    assert sorted(numbers) == list(range(10000, 10040))


ADA = ErpCustomer("10042", "Ada  Ltd", "Ada@Example.com", "EUR", True, "CU1", "MD1", "DE123", "DE")
BOB = ErpCustomer("10043", "Bob GmbH", "bob@example.com")
TWIN = ErpCustomer("10044", "ada ltd", "ada@example.com", active=False)


def test_erp_customers_are_kept_by_number_and_streamed(store):
    store.customers.put_erp("acme", [BOB, TWIN])
    store.customers.put_erp("acme", [ADA, ErpCustomer("10043", "Bob AG")])

    found = store.customers.erp_all("acme")

    assert isinstance(found, Iterator)
    assert list(found) == [ADA, ErpCustomer("10043", "Bob AG"), TWIN]
    assert list(store.customers.erp_all("other")) == []


def test_erp_customers_are_found_by_each_key(store):
    store.customers.put_erp("acme", [ADA, BOB, TWIN])

    assert store.customers.erp_by("acme", email="ADA@example.com") == [ADA, TWIN]
    assert store.customers.erp_by("acme", email="ada@example.com", gocardless_customer="CU1") == [ADA]
    assert store.customers.erp_by("acme", number="10043") == [BOB]
    with pytest.raises(ValueError, match="erp_by needs"):
        store.customers.erp_by("acme")


def test_candidates_agree_with_one_key_and_empty_ones_agree_with_nobody(store):
    store.customers.put_erp("acme", [ADA, BOB, TWIN])

    def candidates(**keys):
        blank = {"gocardless_customer": "", "email": "", "name": "", "numbers": []}
        return store.customers.erp_candidates("acme", **{**blank, **keys})

    assert candidates() == []
    assert candidates(gocardless_customer="CU1") == [ADA]
    assert candidates(name="ADA Ltd") == [ADA, TWIN]
    assert candidates(email="bob@example.com", numbers=["10044"]) == [BOB, TWIN]
