"""Counting collections in GoCardless's own books: what is one, and when an invoice is collected twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.business.collections_made import collections_made
from sandbox.gocardless.records import Record
from sandbox.gocardless.world import World
from tests.evenings import MORNING, evening_world
from tests.merchant import Merchant


@pytest.fixture
def world() -> World:
    return evening_world(MORNING)


@pytest.fixture
def mandate(world: World) -> Record:
    return Merchant(world).mandate(1)


def collect(world: World, mandate: Record, invoices: str) -> Record:
    world.clock.advance(timedelta(minutes=1))
    return world.builder.payment(mandate, 1_000, "EUR", metadata={"invoice": invoices} if invoices else {})


def doubled(world: World) -> tuple[str, ...]:
    return collections_made(world).doubled


def test_payments_of_the_merchant_itself_are_not_counted(world: World, mandate: Record) -> None:
    own, other = collect(world, mandate, "1"), collect(world, mandate, "1")

    assert collections_made(world, {own.id}).payments == (other.id,)
    assert collections_made(world, {own.id}).doubled == ()
    assert doubled(world) == ("1",)


def test_an_invoice_in_two_living_payments_is_doubled_also_in_a_group(world: World, mandate: Record) -> None:
    collect(world, mandate, "1, 2")
    collect(world, mandate, "2, 3")
    collect(world, mandate, "")
    collect(world, mandate, "")

    assert doubled(world) == ("2",)


@pytest.mark.parametrize("end", ["cancel", "fail", "charge_back"])
def test_a_second_payment_after_the_first_has_ended_is_no_double(world: World, mandate: Record, end: str) -> None:
    states, first = world.payment_states, collect(world, mandate, "1")
    if end != "cancel":
        states.submit(first)
        states.confirm(first)
    getattr(states, end)(first)

    second = collect(world, mandate, "1")

    assert doubled(world) == ()
    assert collections_made(world).alive == {second.id}


def test_a_second_payment_before_the_first_has_ended_stays_a_double(world: World, mandate: Record) -> None:
    first = collect(world, mandate, "1")
    collect(world, mandate, "1")
    world.payment_states.cancel(first)

    assert doubled(world) == ("1",)


def test_a_failure_that_gocardless_tries_again_by_itself_has_not_ended(world: World, mandate: Record) -> None:
    states, first = world.payment_states, collect(world, mandate, "1")
    states.submit(first)
    states.fail(first, will_attempt_retry=True)
    collect(world, mandate, "1")

    assert doubled(world) == ("1",)


@pytest.mark.parametrize("revival", ["retry", "cancel_chargeback"])
def test_a_payment_that_comes_back_to_life_beside_another_is_a_double(
    world: World, mandate: Record, revival: str
) -> None:
    states, first = world.payment_states, collect(world, mandate, "1")
    states.submit(first)
    states.confirm(first)
    states.fail(first) if revival == "retry" else states.charge_back(first)
    collect(world, mandate, "1")
    assert doubled(world) == ()

    getattr(states, revival)(first)

    assert doubled(world) == ("1",)


def test_what_happened_counts_before_gocardless_shows_it(world: World, mandate: Record) -> None:
    """Events that appear late are no excuse: the cancellation came first."""
    first = collect(world, mandate, "1")
    world.settings.late_events_per_thousand = 1000
    world.payment_states.cancel(first)
    collect(world, mandate, "1")

    assert doubled(world) == ()
