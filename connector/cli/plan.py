"""`connector plan`: the dry run. Shows the postings and the exact requests of a run; nothing is sent or recorded."""

from __future__ import annotations

import hashlib
from datetime import date

import click

from bookkeeping.postings import Posting, Side
from connector.cli.days import chosen_days, day_options
from connector.cli.output import ConnectorCommand, console, json_option, runtime, show_json, show_table
from connector_resources.collections.overview import why_not
from connector_resources.collections.run import CollectionReport
from connector_resources.forecast.finishing import ANSWERS, Forecast, SystemTime
from connector_resources.posting.dry_run import DryRun, dry_run
from connector_resources.posting.planning import Scope
from connector_resources.subscriptions.overview import steps
from connector_resources.subscriptions.overview import why_not as charges_why_not
from connector_resources.subscriptions.run import SubscriptionReport


@click.command(cls=ConnectorCommand)
@click.argument("connection")
@day_options
@click.option("--requests", is_flag=True, help="Also print every request, byte for byte.")
@json_option
def plan(connection: str, first_day: date | None, last_day: date | None, requests: bool, as_json: bool) -> None:
    """Show what running these days of CONNECTION would post, and when it would be finished."""
    with runtime() as opened:
        item = opened.connection(connection)
        first, last = chosen_days(item, first_day, last_day, opened.clock())
        planned = dry_run(opened, item, Scope(first, last, only_new=False))
    if as_json:
        show_json(_as_json(planned))
        return
    show_dry_run(connection, planned, requests=requests)


def show_dry_run(connection: str, planned: DryRun, *, requests: bool = False) -> None:
    """The postings as tables, what would be held and why, and on demand every request byte for byte."""
    rows = [
        [str(p.kind), p.subject, p.booking_date, str(p.activity_amount or ""), _party(p), _lines(p)]
        for p in planned.postings
    ]
    show_table(f"{connection}: would be posted", ["kind", "subject", "date", "amount", "customer", "lines"], rows)
    show_table(
        "Would be held",
        ["posting", "reason", "next step"],
        [[h.posting_key, h.reason, h.next_step] for h in planned.holds],
    )
    show_table(
        "Nothing to book", ["posting", "why"], [[c.posting_key, c.nothing_to_book] for c in planned.nothing_to_book]
    )
    if planned.subscriptions is not None:
        _show_subscriptions(planned.subscriptions)
    if planned.collections is not None:
        _show_collections(planned.collections)
    for reason in planned.waiting:
        console.print(f"waits: {reason}", markup=False)
    console.print(
        f"{len(planned.postings)} postings, {len(planned.submissions)} requests as a first step, "
        f"{len(planned.holds)} held. Nothing was sent."
    )
    console.print(_sentence(planned.forecast), markup=False, highlight=False, soft_wrap=True)
    if requests:
        for submission in planned.submissions:
            console.print(f"\n{submission.method} {submission.path}  sha256 {submission.sha256}", markup=False)
            console.print(submission.body.decode("utf-8", "replace"), markup=False)


def _sentence(forecast: Forecast) -> str:
    """How many calls, and when a run that starts now would be finished."""
    if not forecast.systems:
        return "No calls."
    needed = " and ".join(_calls(each) for each in forecast.systems)
    took = f"finished at about {forecast.finished_at:%Y-%m-%d %H:%M} UTC ({_span(forecast.seconds)})"
    slowest = forecast.slowest
    bound = f", bound by {_bound(slowest)}" if slowest else ""
    stops = sum(each.stops for each in forecast.systems)
    pauses = f"; the work pauses {stops} times, until there are calls again" if stops > 1 else ""
    pauses = "; the work pauses once, until there are calls again" if stops == 1 else pauses
    return f"A run now would need {needed}: {took}{bound}{pauses}."


def _bound(slowest: SystemTime) -> str:
    label = slowest.needed.label
    return f"{label}'s answers" if slowest.bound_by == ANSWERS else f"the {slowest.bound_by} of {label}"


def _calls(each: SystemTime) -> str:
    needed = each.needed
    writing = f", of which {needed.writing:,} write and check," if needed.writing else ""
    return f"about {needed.calls:,} calls to {needed.label}{writing}".removesuffix(",")


def _span(seconds: int) -> str:
    if seconds < 120:
        return f"in {seconds} s"
    if seconds < 7200:
        return f"in {round(seconds / 60)} min"
    return f"in {seconds // 3600} h {seconds % 3600 // 60} min"


def _forecast_as_json(forecast: Forecast) -> dict[str, object]:
    return {
        "start": forecast.start,
        "finished_at": forecast.finished_at,
        "seconds": forecast.seconds,
        "systems": [
            {
                "system": each.needed.system,
                "calls": each.needed.calls,
                "reading": each.needed.reading,
                "writing": each.needed.writing,
                "seconds": each.seconds,
                "bound_by": each.bound_by,
                "pauses": each.stops,
            }
            for each in forecast.systems
        ],
    }


def _show_subscriptions(planned: SubscriptionReport) -> None:
    show_table(
        "Would be asked of GoCardless for recurring charges",
        ["what", "charge", "subscription", "amount", "starts", "why"],
        [
            [s.what, s.charge, s.subscription, str(s.amount), s.start_on or "", s.why]
            for s in steps(planned.created, planned.changes, planned.dropped)
        ],
    )
    show_table(
        "Recurring charges that would not be followed",
        ["charge", "why", "next step"],
        [[each.charge, each.reason, each.next_step] for each in charges_why_not(planned.left)],
    )
    if planned.why_nothing:
        console.print(planned.why_nothing, markup=False)


def _show_collections(planned: CollectionReport) -> None:
    show_table(
        "Would be collected",
        ["collection", "customer", "amount", "charge date", "mandate"],
        [
            [order.reference, order.customer, str(order.amount), order.charge_date or "at once", order.mandate.id]
            for order in planned.orders
        ],
    )
    show_table("Would be stopped", ["collection", "why"], [[s.standing.reference, s.reason] for s in planned.stopped])
    show_table(
        "Would not be collected",
        ["invoice", "customer", "open", "due", "why", "next step"],
        [
            [each.invoice, each.customer, str(each.open_amount), each.due_on or "", each.reason, each.next_step]
            for each in why_not(planned.not_eligible)
        ],
    )


def _collections_as_json(planned: CollectionReport) -> dict[str, object]:
    return {
        "orders": [
            {
                "reference": order.reference,
                "customer": order.customer,
                "amount_minor": order.amount.minor,
                "currency": order.amount.currency,
                "charge_date": order.charge_date,
                "mandate": order.mandate.id,
                "invoices": [{"invoice": p.item, "amount_minor": p.amount.minor} for p in order.parts],
            }
            for order in planned.orders
        ],
        "stopped": [{"reference": s.standing.reference, "code": s.code, "reason": s.reason} for s in planned.stopped],
        "not_collected": [
            {"invoice": e.invoice, "code": e.code, "reason": e.reason, "next_step": e.next_step}
            for e in why_not(planned.not_eligible)
        ],
    }


def _subscriptions_as_json(planned: SubscriptionReport) -> dict[str, object]:
    return {
        "steps": [
            {
                "what": s.what,
                "charge": s.charge,
                "subscription": s.subscription,
                "amount_minor": s.amount.minor,
                "currency": s.amount.currency,
                "starts_on": s.start_on,
                "why": s.why,
            }
            for s in steps(planned.created, planned.changes, planned.dropped)
        ],
        "not_followed": [
            {"charge": each.charge, "code": each.code, "reason": each.reason, "next_step": each.next_step}
            for each in charges_why_not(planned.left)
        ],
        "why_nothing": planned.why_nothing,
    }


def _as_json(planned: DryRun) -> dict[str, object]:
    return {
        "postings": [
            {
                "key": p.key,
                "kind": str(p.kind),
                "subject": p.subject,
                "booking_date": p.booking_date,
                "customer": _party(p),
                "lines": [
                    {
                        "role": str(x.role),
                        "side": str(x.side),
                        "amount_minor": x.amount.minor,
                        "currency": x.amount.currency,
                    }
                    for x in p.lines
                ],
            }
            for p in planned.postings
        ],
        "requests": [
            {
                "step": s.step,
                "method": s.method,
                "path": s.path,
                "sha256": s.sha256,
                "body_sha256": hashlib.sha256(s.body).hexdigest(),
                "body": s.body.decode("utf-8", "replace"),
                "postings": s.posting_keys,
            }
            for s in planned.submissions
        ],
        "held": [
            {"posting": h.posting_key, "code": h.code, "reason": h.reason, "next_step": h.next_step}
            for h in planned.holds
        ],
        "nothing_to_book": [{"posting": c.posting_key, "why": c.nothing_to_book} for c in planned.nothing_to_book],
        "waiting": list(planned.waiting),
        "subscriptions": _subscriptions_as_json(planned.subscriptions) if planned.subscriptions else None,
        "collections": _collections_as_json(planned.collections) if planned.collections else None,
        "forecast": _forecast_as_json(planned.forecast),
    }


def _party(posting: Posting) -> str:
    party = posting.party
    return "" if party is None else (party.erp_customer or party.gocardless_customer or "")


def _lines(posting: Posting) -> str:
    return "\n".join(
        f"{'Dr' if line.side is Side.DEBIT else '   Cr'} {line.role} {line.amount}" for line in posting.lines
    )
