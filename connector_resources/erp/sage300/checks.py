"""The ping: server, certificate, sign-on, company, rights per module, and every setting that Sage can confirm (1.3, 2.2).

It stops at the first of server, sign-on and company that fails, because nothing can be asked then and failed sign-ons lock the
user. What follows is checked line by line and never raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bookkeeping.postings import AccountRole
from connector_resources.erp.contract import PingLine, PingReport
from connector_resources.erp.sage300.addresses import JOURNAL_BATCHES, RECEIPT_BATCHES
from connector_resources.erp.sage300.client import Sage300Client
from connector_resources.erp.sage300.company import CompanyChoice
from connector_resources.erp.sage300.documents import JOURNALS, PROCESSES, post_batch
from connector_resources.erp.sage300.gate import SignOnGuard
from connector_resources.erp.sage300.recurring import unknown_schedules
from connector_resources.erp.sage300.settings import Sage300Settings
from connector_resources.erp.sage300.snapshot import account_codes, unformatted
from connector_resources.errors import ConnectorError, NotFound, NotSent, PermissionRefused, RemoteError, TokenRefused

_MODULES = {
    "AR": ("ARCustomers", "CustomerNumber", "Accounts Receivable"),
    "GL": ("GLAccounts", "UnformattedAccount", "General Ledger"),
    "BK": ("BKBanks", "BankCode", "Bank Services"),
}
_CERTIFICATE = ("SSLCertVerificationError", "CertificateError")
_NO_HOST = ("gaierror", "NameResolutionError")


class Pinger:
    """Makes the checklist of one connection."""

    def __init__(
        self,
        connection: str,
        settings: Sage300Settings,
        client: Sage300Client,
        choice: CompanyChoice,
        guard: SignOnGuard,
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._client = client
        self._choice = choice
        self._guard = guard

    def report(self) -> PingReport:
        """One line per check, in the order in which a person would repair them."""
        # A person asks: refused credentials are tried once more, because they may have been corrected in Sage.
        self._guard.forget()
        try:
            profile = self._choice.require(self._client)
        except ConnectorError as error:
            return PingReport((self._unreachable(error),))
        lines = [
            PingLine("server", True, f"{self._settings.base_url} answers"),
            PingLine("sign-on", True, "user and password are accepted"),
            PingLine("company", True, f"{self._settings.company} {profile.company_name}".strip()),
        ]
        modules = [self._module(name) for name in self._modules()]
        lines += modules
        if all(line.ok for line in modules):
            for check in (self._currency, self._accounts, self._banks, self._codes, self._batches, self._recurring):
                lines += self._run(check)
        return PingReport(tuple(lines))

    # --- server, sign-on, company --------------------------------------------------------------------------------------

    def _unreachable(self, error: ConnectorError) -> PingLine:
        """What kind of trouble it is, by what was answered; for connections that were not made, by the cause."""
        if isinstance(error, TokenRefused):
            return PingLine("sign-on", False, str(error), error.next_step)
        if not isinstance(error, RemoteError):
            return PingLine("company", False, str(error), error.next_step)
        if error.status == 403:
            return PingLine("rights in Common Services", False, str(error), error.next_step)
        if error.code == "not_the_web_api":
            return PingLine("server", False, str(error), error.next_step)
        text = str(error)
        if any(cause in text for cause in _CERTIFICATE):
            todo = "Put the CA's certificate as PEM on this machine and set ca_bundle, or correct the host in base_url."
            return PingLine("certificate", False, f"it is not trusted, or is for another host: {text}", todo)
        if any(cause in text for cause in _NO_HOST):
            return PingLine("server", False, f"its name is not known: {text}", "Correct the host in base_url.")
        if isinstance(error, NotSent) and error.status == 0:
            todo = "Correct host and port in base_url; see whether the server runs and can be reached from here."
            return PingLine("server", False, f"it cannot be reached: {text}", todo)
        return PingLine("server", False, text, error.next_step or "See in the log of IIS what it answers.")

    # --- modules -------------------------------------------------------------------------------------------------------

    def _modules(self) -> tuple[str, ...]:
        return ("AR", "GL", "BK") if self._settings.mode == "ar_receipts" else ("AR", "GL")

    def _module(self, name: str) -> PingLine:
        resource, field, title = _MODULES[name]
        what = f"module {name}"
        try:
            self._client.module_answers(f"{name}/{resource}", field)
        except PermissionRefused as error:
            todo = (
                f"Tick Sage 300 Web API and the rights of the screens in the user's security group for {title}, and assign "
                f"the group in User Authorizations for {self._settings.company}."
            )
            return PingLine(what, False, f"the user has no Web API right in {title}: {error}", todo)
        except NotFound as error:
            todo = f"Activate {title} for company {self._settings.company} in Data Activation, and its web screens."
            return PingLine(what, False, f"{title} is not there: {error}", todo)
        except ConnectorError as error:
            return PingLine(what, False, str(error), error.next_step or "See in the log of IIS what it answers.")
        return PingLine(what, True, f"{title} can be read")

    # --- what the settings name ----------------------------------------------------------------------------------------

    def _currency(self) -> Iterator[PingLine]:
        currency = self._choice.functional_currency(self._client.company_profile())
        missing = sorted(set(self._settings.currencies) - {currency} - set(self._settings.exchange_rates))
        detail = f"it is {currency}"
        if missing:
            detail += f"; journals in {', '.join(missing)} that GoCardless did not convert need exchange_rates"
        yield PingLine("functional currency", True, detail)

    def _accounts(self) -> Iterator[PingLine]:
        settings = self._settings
        for role in required_roles(settings):
            if role not in settings.accounts:
                todo = f"Set accounts.{role} in the connection file."
                yield PingLine(f"account {role}", False, "no account is configured", todo)
        rows = {row.unformatted_account: row for row in self._client.gl_accounts(account_codes(settings))}
        control = settings.accounts.get(AccountRole.RECEIVABLE) if settings.mode == "payout_gl" else None
        for code in sorted(account_codes(settings)):
            row = rows.get(code)
            problem = ""
            if row is None:
                problem = "does not exist"
            elif row.status == "Inactive":
                problem = "is inactive"
            elif control is not None and code == unformatted(control) and not row.takes_journals:
                problem = "is a control account that takes no journals of the GL; add GL to its subledgers"
            todo = f"Choose another account than {code}, or correct it in Sage 300." if problem else ""
            shown = f"{row.formatted} {row.description} is usable" if row else ""
            yield PingLine(f"account {code}", not problem, problem or shown, todo)

    def _banks(self) -> Iterator[PingLine]:
        if self._settings.mode != "ar_receipts":
            return
        for currency, accounts in self._settings.currencies.items():
            assert accounts.bank_code is not None
            assert accounts.clearing_account is not None
            row = self._client.bank(accounts.bank_code)
            problem = ""
            if row is None:
                problem = "does not exist"
            elif row.statement_currency and row.statement_currency != currency:
                problem = f"is kept in {row.statement_currency}, not {currency}"
            elif row.bank_account and unformatted(row.bank_account) != unformatted(accounts.clearing_account):
                problem = f"books on {row.bank_account}, not on clearing_account {accounts.clearing_account}"
            todo = f"Correct bank {accounts.bank_code} in the connection file or in Bank Services." if problem else ""
            yield PingLine(f"bank {accounts.bank_code}", not problem, problem or "is usable", todo)

    def _codes(self) -> Iterator[PingLine]:
        settings = self._settings
        if settings.mode == "ar_receipts":
            row = self._client.payment_code(settings.payment_code)
            problem = "does not exist" if row is None else ("is inactive" if row.status == "Inactive" else "")
            todo = f"Create payment code {settings.payment_code} of type Other in A/R." if problem else ""
            yield PingLine(f"payment code {settings.payment_code}", not problem, problem or "is usable", todo)
        name = f"{settings.source_ledger}-{settings.source_type}"
        found = self._client.source_code_exists(settings.source_ledger, settings.source_type)
        todo = "" if found else f"Create source code {name} in the general ledger, or correct source_type."
        yield PingLine(f"source code {name}", found, "is usable" if found else "does not exist", todo)

    def _batches(self) -> Iterator[PingLine]:
        """Rights for what is written, as far as reading shows them; and how the journal process wants to be called."""
        needed = [JOURNAL_BATCHES, *([RECEIPT_BATCHES] if self._settings.mode == "ar_receipts" else [])]
        for resource in needed:
            self._client.module_answers(resource, "BatchNumber")
        yield PingLine("batches", True, "can be read")
        if self._settings.post_mode == "post":
            template = self._client.process_template(PROCESSES[JOURNALS])
            try:
                post_batch(JOURNALS, "1", template)
            except ValueError as problem:
                todo = "Set post_mode to ready: a person posts journal batches then."
                yield PingLine("posting of journals", False, str(problem), todo)
            else:
                yield PingLine("posting of journals", True, "its parameters are known")

    def _recurring(self) -> Iterator[PingLine]:
        if not self._settings.schedules:
            return
        unknown = unknown_schedules(self._client.recurring_charges(), self._settings)
        shown = ", ".join(f"{code} ({count})" for code, count in sorted(unknown.items()))
        todo = "Name them under schedules in the connection file, with unit and interval." if unknown else ""
        detail = f"not named, so their charges are left out: {shown}" if unknown else "all are named"
        yield PingLine("schedules of recurring charges", not unknown, detail, todo)

    def _run(self, check: Callable[[], Iterator[PingLine]]) -> list[PingLine]:
        name = check.__name__.strip("_").replace("_", " ")
        try:
            return list(check())
        except ConnectorError as error:
            return [PingLine(name, False, str(error), error.next_step or "Correct what the answer names.")]


def required_roles(settings: Sage300Settings) -> tuple[AccountRole, ...]:
    """Roles whose postings would be held without an account."""
    needed = [AccountRole.FEES, AccountRole.INPUT_VAT, AccountRole.SUSPENSE, AccountRole.PAYOUT_TRANSIT]
    if settings.mode == "payout_gl":
        needed.append(AccountRole.RECEIVABLE)
    if settings.mode == "payout_gl" and settings.refund_offset == "sales_returns":
        needed.append(AccountRole.SALES_RETURNS)
    if settings.mode == "ar_receipts" and settings.refund_mode == "credit_note":
        needed.append(AccountRole.SALES_RETURNS)
    if len(settings.currencies) > 1:
        needed.append(AccountRole.FX_DIFFERENCE)
    return tuple(needed)
