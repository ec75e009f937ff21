"""What requests cost in calls, and what is taken for those that were not looked at."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from bookkeeping.postings import Party, Posting, PostingKind
from connector_resources.erp.contract import PlannedSubmission
from connector_resources.erp.registry import ERPS
from connector_resources.erp.request_calls import CallTable, RequestCalls
from connector_resources.forecast.expected_calls import writing_calls
from sandbox.visma.company import Company
from tests.call_budgets import EXACT_ONLINE, IFS_CLOUD_PAYMENTS, SAGE300_RECEIPTS, VISMA, CallBudget
from tests.erp_sections import exact_online_section, ifs_cloud_section, sage300_section, visma_section
from tests.evenings import DAY, EVENING
from tests.given_postings import GivenPostings

RECEIPT, CUSTOMER, PAYOUT = PostingKind.RECEIPT, PostingKind.CUSTOMER, PostingKind.PAYOUT
ADDRESS = "http://127.0.0.1:9"
GIVEN = GivenPostings("nordic", EVENING, DAY)
COSTS = CallTable(
    starting=5,
    steps={"create": RequestCalls(2, Fraction(1, 4), 3), "journal": RequestCalls(4)},
)


def postings(kind: PostingKind, count: int) -> list[Posting]:
    return [GIVEN.of(kind, f"{kind}{number}", [], Party(f"CU{number}"), event=f"EV{number}") for number in range(count)]


def request(step: str, *about: Posting) -> PlannedSubmission:
    return PlannedSubmission("REF", step, "POST", "/", b"", "", tuple(each.key for each in about))


def test_a_step_costs_for_itself_for_each_request_and_for_each_posting() -> None:
    requests = [request("create", *postings(RECEIPT, 3)), request("create", *postings(RECEIPT, 2))]
    assert COSTS.of(requests) == 3 + 2 * 2 + 2
    assert COSTS.of([]) == 0


def test_a_step_that_nobody_names_is_one_call_and_that_of_a_currency_is_as_any() -> None:
    assert COSTS.of([request("mandate", *postings(CUSTOMER, 1))]) == 1
    assert COSTS.of([request("journal_gbp", *postings(PAYOUT, 1))]) == 4


def test_what_was_not_looked_at_costs_what_its_kind_costs() -> None:
    receipts, customers = postings(RECEIPT, 4), postings(CUSTOMER, 2)
    requests = [request("create", *receipts), *(request("details", each) for each in customers)]
    seen = writing_calls(COSTS, [*receipts, *customers], requests, {RECEIPT: 4, CUSTOMER: 2})
    assert seen == (3 + 2 + 1) + 2
    more = writing_calls(COSTS, [*receipts, *customers], requests, {RECEIPT: 40, CUSTOMER: 20})
    assert more == seen + 36 * 6 // 4 + 18


def test_a_kind_of_which_nothing_was_looked_at_costs_the_average() -> None:
    customers = postings(CUSTOMER, 2)
    requests = [request("details", each) for each in customers]
    assert writing_calls(COSTS, customers, requests, {CUSTOMER: 2, RECEIPT: 10}) == 2 + 10


def test_payouts_beside_others_have_a_connector_of_their_own() -> None:
    receipts, payouts = postings(RECEIPT, 1), postings(PAYOUT, 1)
    requests = [request("create", *receipts), request("journal", *payouts)]
    together = writing_calls(COSTS, [*receipts, *payouts], requests, {RECEIPT: 1, PAYOUT: 1})
    assert together == (3 + 2 + 1) + 4 + 5
    assert writing_calls(COSTS, payouts, requests[1:], {PAYOUT: 1}) == 4


@pytest.mark.parametrize(
    ("settings", "step", "in_a_request", "payout", "budget"),
    [
        pytest.param(visma_section(Company(), ADDRESS), "create", 1, "journal", VISMA, id="Visma.net ERP"),
        pytest.param(exact_online_section(ADDRESS), "entry", 200, "entry", EXACT_ONLINE, id="Exact Online"),
        pytest.param(sage300_section(ADDRESS), "receipt", 50, "journal", SAGE300_RECEIPTS, id="Sage 300"),
        pytest.param(ifs_cloud_section(ADDRESS, "CR1"), "payment", 500, "voucher", IFS_CLOUD_PAYMENTS, id="IFS Cloud"),
    ],
)
def test_what_is_forecast_keeps_the_budget(
    settings: dict[str, Any], step: str, in_a_request: int, payout: str, budget: CallBudget
) -> None:
    kind = ERPS[settings["kind"]]
    receipts = postings(RECEIPT, 1000)
    requests = [request(step, *receipts[n : n + in_a_request]) for n in range(0, 1000, in_a_request)]
    requests.append(request(payout, *postings(PAYOUT, 1)))
    assert 0 < kind.calls(kind.settings.model_validate(settings)).of(requests) <= budget.calls(1000)


def test_nothing_to_do_is_no_call() -> None:
    assert writing_calls(COSTS, [], [], {}) == 0
