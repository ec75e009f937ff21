"""Codes that stand for a situation in the books: who is not linked, what a setting leaves to a person, which rate is missing."""

from __future__ import annotations

from tests.runbook.answers import a_failure, a_refund, answered
from tests.runbook.exercise import AMOUNT, WITHDRAWN, Exercise, Person
from tests.sites import Site

#: a payer whom none of the ledgers knows.
STRANGER = 50
BY_HAND = {"refund_mode": "hold"}


def a_stranger_pays(site: Site) -> None:
    site.merchant.collected(AMOUNT, customer=STRANGER)


def linked_by_hand(number: str) -> object:
    """`connector customers link`, which releases what waited for it."""

    def link(site: Site) -> None:
        customer = site.merchant.mandate(STRANGER).body["links"]["customer"]
        Person(site).types("customers", "link", site.name, customer, number, "--note", "confirmed by phone")

    return link


def crowns(site: Site) -> None:
    site.merchant.collected(AMOUNT, customer=2, currency="SEK")


def a_new_payer(site: Site) -> None:
    site.merchant.collected(AMOUNT, customer=4)


def unmapped(ledger: str, number: str = "10002") -> Exercise:
    return Exercise(ledger, "customer_unmapped", a_stranger_pays, linked_by_hand(number))


def refund_by_hand(ledger: str) -> Exercise:
    return Exercise(ledger, "refund_by_hand", a_refund, ends=WITHDRAWN, settings=BY_HAND)


NOT_THERE = {"error": {"code": "ODP_RESOURCE_NOTFOUND", "message": "The resource is not found.", "details": []}}

SITUATIONS = (
    unmapped("visma"),
    unmapped("exact_online"),
    unmapped("sage300"),
    unmapped("ifs_cloud", "10:10002"),
    refund_by_hand("visma"),
    refund_by_hand("exact_online"),
    refund_by_hand("sage300"),
    refund_by_hand("ifs_cloud"),
    Exercise(
        "sage300", "late_failure_by_hand", a_failure, ends=WITHDRAWN, settings={"late_failure": "task"},
    ),
    Exercise("datev", "exchange_rate_missing", crowns, ends=WITHDRAWN, names=("SEK",), moves=0),
    answered(
        "visma", "attribute_not_linked", r"/v1/customer/", 400,
        {"message": "The attribute GCMANDATE is not linked to customer class 10."},
        cause=a_new_payer, names=("GCMANDATE",),
    ),
    answered("ifs_cloud", "projection_missing", r"MixedPayment", 400, NOT_THERE, names=("not found",)),
)  # fmt: skip
