"""The ping: consent, division, and every setting that Exact can confirm or deny (exact_online.md 2.1, 2.7, 13).

Every line is checked even when an earlier one failed, and nothing is raised: a check that cannot run is a line that is not ok.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bookkeeping.postings import AccountRole
from connector_resources.erp.contract import PingLine, PingReport
from connector_resources.erp.exact_online.client import ExactOnlineClient
from connector_resources.erp.exact_online.division import DivisionChoice
from connector_resources.erp.exact_online.odata import day_of
from connector_resources.erp.exact_online.reading import account_codes, journal_codes
from connector_resources.erp.exact_online.settings import ExactOnlineSettings
from connector_resources.erp.exact_online.wire import Division
from connector_resources.errors import ConnectorError

#: an unused refresh token dies after 30 days (section 1.4); every use gives a new one.
CONSENT_LIFE = timedelta(days=30)
#: idle for longer than this, something that should use the connection does not run.
LONGEST_IDLE = timedelta(days=7)
RIGHTS = "Give the consenting user the right in this division, and tick the scope of the app in the App Center."
#: the id of nothing: asked for where only the answer's status matters.
NOTHING = "00000000-0000-0000-0000-000000000000"
NO_MATCHING = "Set matching_mode to verify_only, or give the consenting user the right to import XML."
BANK, SALES, GENERAL = 12, 20, 90
RECEIVABLES = 20


@dataclass(frozen=True, slots=True)
class Consent:
    """When a person consented, when a token was last fetched, and what time it is now (all aware UTC)."""

    granted_at: datetime
    renewed_at: datetime
    now: datetime
    refused: bool = False
    reply_lost_at: datetime | None = None

    @property
    def ends_at(self) -> datetime:
        return self.renewed_at + CONSENT_LIFE


class Pinger:
    """Makes the checklist of one connection, with at most fifteen calls."""

    def __init__(
        self,
        connection: str,
        settings: ExactOnlineSettings,
        client: ExactOnlineClient,
        choice: DivisionChoice,
        consent: Callable[[], Consent | None],
        match_sets_refused_at: Callable[[], datetime | None],
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._client = client
        self._choice = choice
        self._consent = consent
        self._match_sets_refused_at = match_sets_refused_at

    def report(self) -> PingReport:
        """One line per check, in the order in which a person would repair them."""
        # Looked at before the first call, which renews the token and with it the consent.
        lines = [self._consent_line()]
        try:
            user = self._client.me()
        except ConnectorError as error:
            todo = error.next_step or self._authorise
            return PingReport((*lines, PingLine("token", False, str(error), todo)))
        lines.append(PingLine("token", True, f"accepted; the user is {user.full_name or user.user_name}"))
        try:
            division = self._choice.require(self._client)
        except ConnectorError as error:
            return PingReport((*lines, PingLine("division", False, str(error), error.next_step)))
        lines.append(PingLine("division", True, f"{division.code} {division.description}, {division.currency}"))
        for check in (self._journals, self._accounts, self._vat_codes, self._periods, self._rights):
            lines += _run(check, division)
        if (refused_at := self._match_sets_refused_at()) is not None:
            lines.append(
                PingLine("match sets", False, f"Exact refused them at {refused_at:%Y-%m-%d %H:%M} UTC", NO_MATCHING)
            )
        return PingReport(tuple(lines))

    @property
    def _authorise(self) -> str:
        return f"connector authorize {self._connection}"

    def _consent_line(self) -> PingLine:
        consent = self._consent()
        if consent is None:
            return PingLine("consent", False, "no consent is stored", self._authorise)
        ends, left = f"{consent.ends_at:%Y-%m-%d %H:%M} UTC", (consent.ends_at - consent.now).days
        if consent.refused or consent.ends_at <= consent.now:
            return PingLine("consent", False, f"it ended, at the latest on {ends}", self._authorise)
        if consent.reply_lost_at is not None:
            detail = f"the answer to a token refresh at {consent.reply_lost_at:%H:%M:%S} UTC was lost"
            todo = (
                f"`connector ping {self._connection}` in ten minutes; if the consent has ended then: {self._authorise}"
            )
            return PingLine("consent", False, detail, todo)
        idle = consent.now - consent.renewed_at
        if idle > LONGEST_IDLE:
            detail = f"unused for {idle.days} days; without use it ends on {ends}, in {left} days"
            todo = "This ping has used it. See that erp_poll and the daily job consents run: they keep it."
            return PingLine("consent", False, detail, todo)
        detail = f"given {consent.granted_at:%Y-%m-%d}; used regularly it does not end, unused it ends on {ends}"
        return PingLine("consent", True, f"{detail}, in {left} days")

    # --- what the settings name ----------------------------------------------------------------------------------------

    def _journals(self, division: Division) -> Iterator[PingLine]:
        settings = self._settings
        rows = {row.code: row for row in self._client.journals(journal_codes(settings))}
        wanted = [(code, BANK, currency) for code, currency in settings.own_journals.items()]
        wanted += [(settings.general_journal, GENERAL, "")] if settings.general_journal else []
        wanted += [(settings.sales_journal, SALES, "")] if settings.sales_journal else []
        for code, kind, currency in wanted:
            row = rows.get(code)
            problem = ""
            if row is None:
                problem = "does not exist"
            elif row.is_blocked:
                problem = "is blocked"
            elif row.type != kind:
                problem = f"is of type {row.type}, not {kind}"
            elif currency and row.currency not in ("", currency):
                problem = f"is kept in {row.currency}, not {currency}"
            todo = f"Correct journal {code} in the connection file or in Exact Online." if problem else ""
            yield PingLine(
                f"journal {code}", not problem, problem or f"{row.description if row else ''} is usable", todo
            )

    def _accounts(self, division: Division) -> Iterator[PingLine]:
        settings = self._settings
        for role in required_roles(settings):
            if role not in settings.accounts:
                todo = f"Set accounts.{role} in the connection file."
                yield PingLine(f"account {role}", False, "no account is configured", todo)
        rows = {row.code: row for row in self._client.gl_accounts(account_codes(settings))}
        for code in sorted(account_codes(settings)):
            row = rows.get(code)
            problem = ""
            if row is None:
                problem = "does not exist"
            elif row.is_blocked:
                problem = "is blocked"
            elif row.vat_code and settings.no_vat_code is None:
                problem = f"applies VAT code {row.vat_code} to every line; name a no_vat_code"
            elif settings.accounts.get(AccountRole.RECEIVABLE) == code and row.type != RECEIVABLES:
                problem = f"is of type {row.type}; a receivables account is of type {RECEIVABLES}"
            todo = f"Choose another account than {code}, or correct it in Exact Online." if problem else ""
            detail = problem or f"{row.description if row else ''} is usable"
            yield PingLine(f"account {code}", not problem, detail, todo)

    def _vat_codes(self, division: Division) -> Iterator[PingLine]:
        settings = self._settings
        wanted = dict.fromkeys(settings.vat_codes.values(), "I") if settings.fee_vat_mode == "vat_code" else {}
        wanted |= {settings.no_vat_code: "BN"} if settings.no_vat_code else {}
        wanted |= {settings.refund_vat_code: "EIBN"} if settings.refund_vat_code else {}
        if not wanted:
            return
        rows = {row.code: row for row in self._client.vat_codes()}
        for code, kinds in sorted(wanted.items()):
            row = rows.get(code)
            problem = ""
            if row is None:
                problem = "does not exist, or is blocked"
            elif row.type not in kinds:
                problem = f"is of type {row.type}, not {' or '.join(kinds)}"
            elif code == settings.refund_vat_code and row.percentage * 100 != settings.refund_vat_percent:
                problem = f"is {(row.percentage * 100).normalize():f} %, not {settings.refund_vat_percent} %"
            todo = f"Correct VAT code {code} in the connection file." if problem else ""
            yield PingLine(f"VAT code {code}", not problem, problem or "is usable", todo)

    def _periods(self, division: Division) -> Iterator[PingLine]:
        """Whether the journals we book in are open today."""
        consent = self._consent()
        assert consent is not None
        today = consent.now.date()
        current = [row for row in self._client.periods(today) if (starts := day_of(row.start_date)) and starts <= today]
        if not current:
            yield PingLine("period", False, f"none holds {today}", "Create the financial year in Exact Online.")
            return
        year, number = current[0].fin_year, current[0].fin_period
        rows = self._client.closed_periods(journal_codes(self._settings), year)
        closed = sorted(row.journal for row in rows if (row.year, row.period) == (year, number))
        detail = f"{year}/{number} is closed in journal {', '.join(closed)}" if closed else f"{year}/{number} is open"
        yield PingLine("period", not closed, detail, "Open it in Exact Online." if closed else "")

    # --- rights --------------------------------------------------------------------------------------------------------

    def _rights(self, division: Division) -> Iterator[PingLine]:
        """One empty read of each resource that a run needs, so that a missing right or scope has a name (section 2.1)."""
        reads: dict[str, Callable[[], object]] = {
            "bank entries": lambda: [
                self._client.last_bank_entry(each) for each in list(self._settings.own_journals)[:1]
            ],
            "posted lines": lambda: self._client.lines_of_entries({NOTHING}),
            "open items": lambda: self._client.open_items_of_entries({NOTHING}),
            "customers": lambda: self._client.accounts_by_id({NOTHING}),
        }
        if self._settings.refund_mode == "credit_note":
            reads["sales entries"] = lambda: self._client.sales_entries({NOTHING})
        if self._settings.mandate_sync != "off":
            reads["mandates"] = lambda: self._client.mandates_by_id({NOTHING})
        for what, read in reads.items():
            try:
                read()
            except ConnectorError as error:
                yield PingLine(f"right to read {what}", False, str(error), error.next_step or RIGHTS)
            else:
                yield PingLine(f"right to read {what}", True)


def required_roles(settings: ExactOnlineSettings) -> tuple[AccountRole, ...]:
    """Roles whose postings would be held without an account."""
    needed = [AccountRole.RECEIVABLE, AccountRole.FEES, AccountRole.SUSPENSE]
    if settings.fee_vat_mode == "plain_line":
        needed.append(AccountRole.INPUT_VAT)
    if settings.refund_mode == "credit_note":
        needed.append(AccountRole.SALES_RETURNS)
    if len(settings.currencies) > 1:
        needed += [AccountRole.FX_TRANSIT, AccountRole.FX_DIFFERENCE]
    return tuple(needed)


def _run(check: Callable[[Division], Iterator[PingLine]], division: Division) -> list[PingLine]:
    name = check.__name__.strip("_").replace("_", " ")
    try:
        return list(check(division))
    except ConnectorError as error:
        return [PingLine(name, False, str(error), error.next_step or RIGHTS)]
