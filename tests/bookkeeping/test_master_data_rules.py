"""Mandate states and customers: told to the ERP, never booked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from bookkeeping.entities import Customer, Event
from bookkeeping.postings import Party
from bookkeeping.rules import decide_mandate, plan_customer


def event(make, number, action, **links):
    moment = make.start + timedelta(days=number)
    return Event(f"EV{number}", moment, "mandates", action, {"mandate": "MD1", **links})


def outcomes(verdict):
    return {decision.event_id: str(decision.outcome) for decision in verdict.decisions}


def decide(make, story, decided=None, mandate=None, **how):
    return decide_mandate(mandate or make.mandate(), story, decided or {}, None, make.settings(), **how)


def test_the_newest_event_carries_the_status_and_the_others_are_superseded(make):
    story = [event(make, 3, "active"), event(make, 1, "created"), event(make, 2, "submitted")]
    verdict = decide(make, story, mandate=make.mandate(next_possible_charge_date=date(2024, 3, 20)))
    (posting,) = verdict.postings
    assert posting.key == "EV3:mandate_status"
    assert posting.lines == ()
    assert posting.facts["status"] == "active"
    assert posting.facts["next_possible_charge_date"] == "2024-03-20"
    assert posting.facts["customer"] == "CU1"
    assert posting.party == Party("CU1")
    assert outcomes(verdict) == {"EV1": "superseded", "EV2": "superseded", "EV3": "posted"}


def test_an_event_older_than_the_handled_one_says_nothing_new(make):
    first = decide(make, [event(make, 3, "active")])
    decided = {decision.event_id: decision for decision in first.decisions}
    late = decide(make, [event(make, 3, "active"), event(make, 1, "created")], decided)
    assert late.postings == ()
    assert outcomes(late) == {"EV1": "superseded"}


def test_a_later_event_is_told_again(make):
    decided = {d.event_id: d for d in decide(make, [event(make, 1, "active")]).decisions}
    story = [event(make, 1, "active"), event(make, 2, "cancelled")]
    (posting,) = decide(make, story, decided, make.mandate(status="cancelled")).postings
    assert (posting.key, posting.facts["status"]) == ("EV2:mandate_status", "cancelled")
    assert decide(make, [], decided).decisions == ()


@pytest.mark.parametrize("known_by", ["event", "mandate"])
def test_a_replaced_mandate_names_its_successor(make, known_by):
    links = {"new_mandate": "MD2"} if known_by == "event" else {}
    mandate = make.mandate(status="cancelled", new_mandate_id=None if links else "MD2")
    (posting,) = decide(make, [event(make, 1, "replaced", **links)], mandate=mandate).postings
    assert posting.facts["replaced_by"] == "MD2"


def test_a_successor_names_the_mandate_it_replaces(make):
    (posting,) = decide(make, [event(make, 1, "created")], replaces="MD0").postings
    assert posting.facts["replaces"] == "MD0"


def test_events_before_the_cut_over_and_unknown_ones_are_not_told(make):
    story = [event(make, -200, "created"), event(make, 1, "levitated")]
    verdict = decide(make, story)
    assert verdict.postings == ()
    assert outcomes(verdict) == {"EV-200": "before_cut_over", "EV1": "ignored"}


CUSTOMER = {"company_name": "Ada Ltd", "email": "ada@example.com", "city": "London"}


def test_a_customer_is_planned_once_per_content(make):
    customer = Customer("CU1", make.start, **CUSTOMER)
    first = plan_customer(customer, None, make.settings(), make.start)
    again = plan_customer(customer, None, make.settings(), make.start + timedelta(days=9))
    moved = plan_customer(replace(customer, city="Leeds"), None, make.settings(), make.start)
    assert first.key == again.key
    assert first.key != moved.key
    assert first.key.startswith("customer:CU1:")
    assert len(first.key) == len("customer:CU1:") + 12
    assert first.reference == "GCCU1"
    assert dict(first.facts) == {**CUSTOMER, "name": "Ada Ltd", "customer": "CU1"}
    assert first.party == Party("CU1", None, "Ada Ltd")


def test_metadata_does_not_make_a_customer_new(make):
    plain = Customer("CU1", make.start, **CUSTOMER)
    tagged = replace(plain, metadata={"erp": "10042"})
    keys = {plan_customer(c, None, make.settings(), make.start).key for c in (plain, tagged)}
    assert len(keys) == 1
