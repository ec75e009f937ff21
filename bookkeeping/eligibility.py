"""Is this open invoice to be collected now, with how much, from which mandate and when, or why not.

One invoice is never in two collections at a time: a collection that is planned, under way, held or collected keeps the
invoice until it is known to be dead. Nothing is fetched and nothing is sent here; what the world looks like is passed in.
Sources: gocardless.md sections 9 (row 4) and 11, exact_online.md, sage300.md and ifs_cloud.md sections on collection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Literal

from bookkeeping.collection_schemes import CURRENCIES, SCHEMES, LimitSettings, Scheme, currency_of, is_usable
from bookkeeping.entities import Mandate
from bookkeeping.money import Money

#: causes after which the same mandate may well pay later (gocardless.md section 7.3).
RETRYABLE_CAUSES = frozenset({"insufficient_funds", "refer_to_payer", "daily_payment_limit_reached", "test_failure"})
#: causes that another mandate cures, and this one never will.
MANDATE_CAUSES = frozenset(
    {
        "bank_account_closed", "bank_account_transferred", "bank_account_disabled", "direct_debit_not_enabled",
        "invalid_bank_details", "mandate_cancelled", "mandate_expired", "mandate_suspended_by_payer",
        "account_blocked_for_any_financial_transaction", "customer_deceased", "scheme_identifier_changed",
    }
)  # fmt: skip


class AttemptState(StrEnum):
    """How a collection stands. `planned`, `held`, `in_flight` and `collected` keep their invoices; the others free them."""

    PLANNED = "planned"
    HELD = "held"
    IN_FLIGHT = "in_flight"
    COLLECTED = "collected"
    FAILED = "failed"
    CHARGED_BACK = "charged_back"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"


#: states in which money of the invoice was taken, or may still be.
LIVE = frozenset({AttemptState.PLANNED, AttemptState.HELD, AttemptState.IN_FLIGHT, AttemptState.COLLECTED})
#: states of a collection that is still on its way.
WITHOUT_END = LIVE - {AttemptState.COLLECTED}


@dataclass(frozen=True, slots=True)
class Receivable:
    """An open item of the ERP. `reopens` names the invoice that an item of our own journal opened again.

    `open_amount` is negative for credit notes; `root` is what one debt is called however often it is opened again.
    """

    number: str
    customer: str
    open_amount: Money
    due_on: date | None
    issued_on: date | None = None
    document_type: str = "invoice"
    on_hold: bool = False
    reopens: str = ""
    references: tuple[str, ...] = ()

    @property
    def root(self) -> str:
        return self.reopens or self.number


@dataclass(frozen=True, slots=True)
class Attempt:
    """One collection of one invoice. `amount` is the invoice's part of it, `open_amount` what was open when it was planned.

    `ours` tells that the connector itself cancelled or withdrew it. `ended_on` is the day of a failure.
    """

    number: int
    reference: str
    state: AttemptState
    amount: Money
    open_amount: Money
    mandate: str
    payment: str = ""
    cause: str = ""
    ours: bool = False
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed collection is tried again: at most `attempts` in all, `wait_days` after each failure, for these causes."""

    attempts: int = 3
    wait_days: int = 5
    causes: frozenset[str] = RETRYABLE_CAUSES


@dataclass(frozen=True, slots=True)
class CollectionSettings:
    """The choices of one connection.

    window_days    how many days before its due date an invoice may be ordered
    credit_notes   `net`: open credit of the customer lowers what is collected, oldest invoice first; `hold`: it keeps
                   all the customer's invoices back; `ignore`
    smallest, largest  the connection's own bounds per invoice, minor units of any currency, on top of the schemes'
    grouped        one payment for several invoices of a payer
    issued_from    older invoices are left alone
    """

    window_days: int = 7
    credit_notes: Literal["net", "hold", "ignore"] = "net"
    smallest: int | None = None
    largest: int | None = None
    grouped: bool = False
    issued_from: date | None = None
    document_types: frozenset[str] = frozenset({"invoice"})
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    limits: LimitSettings = field(default_factory=LimitSettings)
    no_statement_reference: frozenset[str] = frozenset({"bacs"})


@dataclass(frozen=True, slots=True)
class Payer:
    """The ERP customer with the GoCardless customers linked to it and all their mandates, in any state.

    `preferred` is the mandate the ERP itself names. `set_up` describes a mandate set-up that waits for the payer.
    """

    customer: str
    is_active: bool = True
    gocardless_customers: tuple[str, ...] = ()
    mandates: tuple[Mandate, ...] = ()
    preferred: str = ""
    set_up: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What the decision about one invoice depends on besides it.

    attempts       every collection of this debt so far, in any order
    credit         open credit of the customer in this currency that no other invoice has used, not negative
    allowed_after  a person allows another attempt after the one of this number, whatever ended it
    covered_by     the subscription that collects this invoice, "" when none does
    """

    today: date
    payer: Payer
    attempts: tuple[Attempt, ...] = ()
    credit: int = 0
    allowed_after: int = 0
    covered_by: str = ""


@dataclass(frozen=True, slots=True)
class Eligible:
    """To be collected: `amount` from `mandate`. `charge_date` None means as soon as GoCardless can."""

    invoice: Receivable
    attempt: int
    amount: Money
    mandate: Mandate
    charge_date: date | None = None


@dataclass(frozen=True, slots=True)
class NotEligible:
    """Why not. `code` is stable; `next_step` says what a person can do, "" when nothing needs doing."""

    invoice: Receivable
    code: str
    reason: str
    next_step: str = ""


Judgement = Eligible | NotEligible


@dataclass(slots=True)
class _Case:
    """One invoice under judgement, and what earlier rules have found out about it."""

    invoice: Receivable
    context: Context
    settings: CollectionSettings
    not_before: date | None = None
    mandate: Mandate | None = None
    amount: Money = field(init=False)

    def __post_init__(self) -> None:
        self.amount = self.invoice.open_amount

    def no(self, code: str, reason: str, next_step: str = "") -> NotEligible:
        return NotEligible(self.invoice, code, reason, next_step)


def judge(invoice: Receivable, context: Context, settings: CollectionSettings) -> Judgement:
    """Decide about one invoice. The first rule that objects gives the reason; the same input always gives the same answer."""
    case = _Case(invoice, context, settings)
    for rule in _RULES:
        objection = rule(case)
        if objection is not None:
            return objection
    assert case.mandate is not None, invoice.number
    assert 0 < case.amount.minor <= invoice.open_amount.minor, invoice.number
    return Eligible(invoice, next_attempt(context.attempts), case.amount, case.mandate, _charge_date(case))


def next_attempt(attempts: Sequence[Attempt]) -> int:
    """Numbers are never used twice, so that each attempt has a reference and an idempotency key of its own."""
    return max((attempt.number for attempt in attempts), default=0) + 1


def usable_mandates(payer: Payer, currency: str) -> list[Mandate]:
    """Mandates that can be collected from in `currency`, the ERP's own choice first, then the newest."""
    usable = [m for m in payer.mandates if is_usable(m) and currency_of(m) == currency]
    newest_first = sorted(usable, key=lambda mandate: (mandate.created_at, mandate.id), reverse=True)
    return sorted(newest_first, key=lambda mandate: mandate.id != payer.preferred)


@dataclass(frozen=True, slots=True)
class NoMandate:
    """Why nothing can be collected from a payer: code, reason and next step as in `NotEligible`."""

    code: str
    reason: str
    next_step: str


def mandate_for(payer: Payer, currency: str, what: str) -> Mandate | NoMandate:
    """The mandate to collect `what` (an invoice, a charge: named in reasons) in `currency` from, or why there is none."""
    if not payer.gocardless_customers:
        step = payer.set_up or "Link the customer (`connector customers link`), or send it a mandate set-up."
        return NoMandate("no_gocardless_customer", f"Customer {payer.customer} is no GoCardless customer.", step)
    usable = usable_mandates(payer, currency)
    named = [mandate for mandate in usable if mandate.id == payer.preferred]
    if not named and len({mandate.customer_id for mandate in usable}) > 1:
        owners = ", ".join(sorted({mandate.customer_id or "?" for mandate in usable}))
        step = "Link the ERP customer to one of them, or cancel the mandate that is not to be used."
        return NoMandate("duplicate_customer", f"Several GoCardless customers could pay: {owners}.", step)
    if usable:
        return usable[0]
    others = sorted({c for m in payer.mandates if is_usable(m) and (c := currency_of(m))})
    step = payer.set_up or "Set up a mandate in this currency."
    if others:
        reason = f"{what} is in {currency}, the payer's mandates collect {', '.join(others)}."
        return NoMandate("currency_mismatch", reason, step)
    ended = max(payer.mandates, key=lambda mandate: mandate.created_at, default=None)
    if ended is not None:
        return NoMandate("mandate_not_usable", f"Mandate {ended.id} is {ended.status.replace('_', ' ')}.", step)
    return NoMandate("no_mandate", f"Customer {payer.customer} has no mandate.", step)


# --- the rules, in the order in which a person would ask --------------------------------------------------------------


def _is_an_open_invoice(case: _Case) -> NotEligible | None:
    invoice, opened = case.invoice, case.invoice.open_amount
    if invoice.document_type not in case.settings.document_types:
        return case.no("not_an_invoice", f"It is a {invoice.document_type.replace('_', ' ')}.")
    if opened.minor < 0:
        return case.no("negative_amount", f"Its open amount is {opened}.", "Look at the item in the ERP.")
    if opened.minor == 0:
        return case.no("nothing_open", "Nothing is open.")
    if opened.currency not in CURRENCIES:
        return case.no("currency_not_collectable", f"No bank-debit scheme collects {opened.currency}.", _OTHERWISE)
    first = case.settings.issued_from
    if first is not None and invoice.issued_on is not None and invoice.issued_on < first:
        return case.no("issued_too_early", f"Issued on {invoice.issued_on}, before collections.issued_from ({first}).")
    return None


def _nothing_under_way(case: _Case) -> NotEligible | None:
    """A collection that may still bring money, or has brought it, keeps the invoice."""
    for attempt in sorted(case.context.attempts, key=lambda each: each.number, reverse=True):
        what = attempt.payment or attempt.reference
        match attempt.state:
            case AttemptState.PLANNED:
                return case.no("planned", f"Collection {attempt.reference} of {attempt.amount} is about to be sent.")
            case AttemptState.IN_FLIGHT:
                return case.no("in_flight", f"{what} over {attempt.amount} is under way.")
            case AttemptState.HELD:
                step = f"See `connector held`, then release or withdraw collection:{attempt.reference}."
                return case.no("collection_held", f"Collection {attempt.reference} is held.", step)
            case AttemptState.COLLECTED:
                step = "Match the receipt with the invoice in the ERP, if it is not matched by itself."
                return case.no("collected_already", f"{what} has collected {attempt.amount} of it.", step)
            case _:
                continue
    return None


def _no_subscription(case: _Case) -> NotEligible | None:
    """The subscription takes the money on its own day; a payment that failed there is tried again there."""
    covered_by = case.context.covered_by
    if not covered_by:
        return None
    return case.no("covered_by_subscription", f"Subscription {covered_by} collects it.")


def _not_blocked(case: _Case) -> NotEligible | None:
    if case.invoice.on_hold:
        return case.no("on_hold", "The ERP holds it back.", "Release it in the ERP.")
    if not case.context.payer.is_active:
        return case.no("customer_inactive", f"Customer {case.invoice.customer} is inactive in the ERP.")
    return None


def _is_due(case: _Case) -> NotEligible | None:
    due = case.invoice.due_on
    if due is None:
        return case.no("no_due_date", "It has no due date.", "Enter a due date in the ERP.")
    first = due - timedelta(days=case.settings.window_days)
    if case.context.today < first:
        return case.no("not_due_yet", f"Due on {due}; it is ordered from {first} on.")
    return None


def _credit_considered(case: _Case) -> NotEligible | None:
    credit, mode = case.context.credit, case.settings.credit_notes
    if credit <= 0 or mode == "ignore":
        return None
    shown = Money(credit, case.amount.currency)
    if mode == "hold":
        step = "Match the credit with an invoice in the ERP."
        return case.no("open_credit", f"Customer {case.invoice.customer} has {shown} of open credit.", step)
    if credit >= case.amount.minor:
        step = "Match the credit with the invoice in the ERP."
        return case.no("covered_by_credit", f"Open credit of the customer ({shown}) covers it.", step)
    case.amount = case.amount - shown
    return None


def _has_a_mandate(case: _Case) -> NotEligible | None:
    chosen = mandate_for(case.context.payer, case.amount.currency, "The invoice")
    if isinstance(chosen, NoMandate):
        return case.no(chosen.code, chosen.reason, chosen.next_step)
    case.mandate = chosen
    return None


def _earlier_attempts_allow(case: _Case) -> NotEligible | None:
    """What ended the newest attempt decides whether, and from when, there is another (settings `collections.retry`)."""
    attempts, retry = case.context.attempts, case.settings.retry
    last = max(attempts, key=lambda each: each.number, default=None)
    if last is None or last.number <= case.context.allowed_after or last.ours:
        return None
    assert case.mandate is not None, case.invoice.number
    what, because = last.payment or last.reference, f" ({last.cause})" if last.cause else ""
    if last.state is AttemptState.CHARGED_BACK:
        return case.no("charged_back", f"The payer had {what} charged back{because}.", _BY_A_PERSON)
    if last.state is AttemptState.WITHDRAWN:
        return case.no("withdrawn_by_a_person", f"A person withdrew collection {last.reference}.", _BY_A_PERSON)
    if last.cause in MANDATE_CAUSES:
        if case.mandate.id != last.mandate:
            return None
        step = "Set up a new mandate, or ask for another way to pay."
        return case.no("needs_new_mandate", f"{what} ended{because}: mandate {last.mandate} will not pay.", step)
    if last.state is AttemptState.CANCELLED:
        return case.no("cancelled_by_a_person", f"{what} was cancelled at GoCardless{because}.", _BY_A_PERSON)
    if last.cause not in retry.causes:
        return case.no(
            "failed_for_good", f"{what} failed{because}; collections.retry.causes leaves it out.", _BY_A_PERSON
        )
    failures = sum(each.state is AttemptState.FAILED for each in attempts)
    if failures >= retry.attempts:
        return case.no("attempts_used_up", f"It failed {failures} times, last as {what}{because}.", _BY_A_PERSON)
    again = (last.ended_on or case.context.today) + timedelta(days=retry.wait_days)
    if case.context.today < again:
        return case.no("waits_to_retry", f"{what} failed{because}; tried again from {again} on.")
    return None


def _within_limits(case: _Case) -> NotEligible | None:
    scheme, amount = _scheme_of(case), case.amount
    limits, own = case.settings.limits.of(scheme), case.settings
    most = min((bound for bound in (limits.largest, own.largest) if bound is not None), default=None)
    if most is not None and amount.minor > most:
        reason = f"{amount} is more than {Money(most, amount.currency)}, the most that is collected at once."
        return case.no("over_limit", reason, f"Raise the limit (collections.limits). {_OTHERWISE}")
    least = own.smallest if own.grouped else max(own.smallest or 0, limits.smallest or 0)
    if least is not None and amount.minor < least:
        reason = f"{amount} is less than {Money(least, amount.currency)}, the least that is collected."
        return case.no("below_minimum", reason, _OTHERWISE)
    return None


def _scheme_of(case: _Case) -> Scheme:
    assert case.mandate is not None, case.invoice.number
    return SCHEMES[case.mandate.scheme or ""]


def _charge_date(case: _Case) -> date | None:
    """The due date where GoCardless could charge earlier; None (as soon as possible) otherwise."""
    assert case.mandate is not None, case.invoice.number
    assert case.invoice.due_on is not None, case.invoice.number
    earliest = case.mandate.next_possible_charge_date or case.context.today
    return case.invoice.due_on if case.invoice.due_on > earliest else None


_OTHERWISE = "Ask for another way to pay."
_BY_A_PERSON = "Settle it with the payer; `connector collections again` allows another attempt."

_RULES: tuple[Callable[[_Case], NotEligible | None], ...] = (
    _is_an_open_invoice,
    _nothing_under_way,
    _no_subscription,
    _not_blocked,
    _is_due,
    _credit_considered,
    _has_a_mandate,
    _earlier_attempts_allow,
    _within_limits,
)
