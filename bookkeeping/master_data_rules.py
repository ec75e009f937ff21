"""Rules of master data: mandate states and customers, written back like postings but without lines.

Nothing here books money. Source: gocardless.md section 11 (rows mandate, customer created).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from bookkeeping.drafting import draft, event_facts, posting_text
from bookkeeping.entities import Customer, Event, Mandate
from bookkeeping.occurrences import OccurrenceKind, occurrence_of
from bookkeeping.postings import Party, Posting, PostingKind
from bookkeeping.settings import BookSettings, activity_day
from bookkeeping.story import Decision, Effect, Outcome, Verdict, classified, ordered, undecided


def decide_mandate(
    mandate: Mandate,
    story: Sequence[Event],
    decided: Mapping[str, Decision],
    party: Party | None,
    settings: BookSettings,
    *,
    replaces: str | None = None,
) -> Verdict:
    """One MANDATE_STATUS posting for the newest undecided event; the others are `superseded`.

    The status is the mandate's present one, so an event that arrives after a newer one was handled says nothing new.
    `replaces` is the mandate that this one took over from, if any.
    """
    steps = [classified(event, Effect.NONE, decided, settings) for event in ordered(story)]
    handled = [step.event.order for step in steps if not undecided(step.event, decided) and not step.ignored]
    open_steps = [step for step in steps if undecided(step.event, decided)]
    due = [s for s in open_steps if occurrence_of(s.event).kind is OccurrenceKind.MANDATE_CHANGED]
    due = [step for step in due if not step.before_cut_over]
    is_newer = due and (not handled or due[-1].event.order > max(handled))
    newest = due[-1].event if is_newer else None
    postings: list[Posting] = []
    decisions: list[Decision] = []
    for step in open_steps:
        event = step.event
        if step.before_cut_over:
            decision = Decision(event.id, mandate.id, Outcome.BEFORE_CUT_OVER, f"Before the cut-over: {step.meaning}.")
        elif step.ignored:
            decision = Decision(event.id, mandate.id, Outcome.IGNORED, step.meaning)
        elif event is newest:
            posting = _status(mandate, ordered(story), event, party, settings, replaces)
            postings.append(posting)
            reason = f"The ERP is told that the mandate is {mandate.status} ({step.meaning})."
            decision = Decision(event.id, mandate.id, Outcome.POSTED, reason, posting.key)
        else:
            reason = f"A newer event of the mandate carries its present status ({step.meaning})."
            decision = Decision(event.id, mandate.id, Outcome.SUPERSEDED, reason)
        decisions.append(decision)
    return Verdict(tuple(postings), tuple(decisions))


def plan_customer(
    customer: Customer,
    party: Party | None,
    settings: BookSettings,
    at: datetime,
    *,
    changed: Sequence[str] = (),
    revision: int = 0,
) -> Posting:
    """The CUSTOMER posting that tells the ERP a customer's present name, e-mail and address.

    GoCardless sends no event for customers, so the key is made of the content: the same content never yields two.
    `changed` names the details that the ERP must take over, none for a posting that only links; `revision` then keeps a
    value that comes back apart from its first time. `at` is the moment of the plan (aware UTC). Source: gocardless.md
    section 0, fact 3.
    """
    content = {
        "name": customer.name,
        "company_name": customer.company_name,
        "given_name": customer.given_name,
        "family_name": customer.family_name,
        "email": customer.email,
        "address_line1": customer.address_line1,
        "address_line2": customer.address_line2,
        "address_line3": customer.address_line3,
        "city": customer.city,
        "postal_code": customer.postal_code,
        "region": customer.region,
        "country_code": customer.country_code,
        "language": customer.language,
    }
    facts = {name: value for name, value in content.items() if value}
    if changed:
        facts |= {"changed": " ".join(changed), "revision": str(revision)}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:12]
    key = f"customer:{customer.id}:{digest}"
    return Posting(
        key=key,
        connection=settings.connection,
        kind=PostingKind.CUSTOMER,
        event_id=key,
        subject=customer.id,
        occurred_at=at,
        booking_date=activity_day(at, settings),
        reference=f"GC{customer.id}",
        text=posting_text("GoCardless customer", customer.id, customer.name),
        party=party or Party(gocardless_customer=customer.id, name=customer.name),
        facts={**facts, "customer": customer.id},
    )


def _status(
    mandate: Mandate,
    story: Sequence[Event],
    event: Event,
    party: Party | None,
    settings: BookSettings,
    replaces: str | None,
) -> Posting:
    announced = [e.links["new_mandate"] for e in story if e.action == "replaced" and e.links.get("new_mandate")]
    next_charge = mandate.next_possible_charge_date
    return draft(
        event, PostingKind.MANDATE_STATUS, mandate.id, settings,
        what="Mandate", details=(mandate.status, mandate.reference),
        party=party or Party(gocardless_customer=mandate.customer_id),
        facts={
            "mandate": mandate.id,
            "status": mandate.status,
            "scheme": mandate.scheme,
            "mandate_reference": mandate.reference,
            "next_possible_charge_date": next_charge.isoformat() if next_charge else None,
            "customer": mandate.customer_id,
            "bank_account": mandate.customer_bank_account_id,
            "replaced_by": mandate.new_mandate_id or (announced[-1] if announced else None),
            "replaces": replaces,
            **event_facts(event),
        },
    )  # fmt: skip
