"""The ping: token, the right company, and every setting that Visma can confirm or deny (visma.md 2.1, 2.2, 13).

Every line is checked even when an earlier one failed, and nothing is raised: a check that cannot run is a line that is not ok.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bookkeeping.postings import AccountRole
from connector_resources.erp.contract import PingLine, PingReport
from connector_resources.erp.visma.client import VismaClient
from connector_resources.erp.visma.periods import JOURNALS, RECEIPTS, Calendar
from connector_resources.erp.visma.settings import CurrencyAccounts, VismaSettings
from connector_resources.erp.visma.wire import OrganizationRow
from connector_resources.errors import ConnectorError, WrongCompany


def ping(client: VismaClient, settings: VismaSettings) -> PingReport:
    """One line per check, in the order in which a person would repair them."""
    checks = _Checks(client, settings)
    lines = list(checks.company())
    if not all(line.ok for line in lines):
        return PingReport(tuple(lines))
    for check in (checks.accounts, checks.cash_accounts, checks.payment_method, checks.ledger, checks.branch):
        lines += _run(check)
    for check in (checks.periods, checks.attributes, checks.vat_codes):
        lines += _run(check)
    return PingReport(tuple(lines))


def require_company(client: VismaClient, settings: VismaSettings, connection: str) -> OrganizationRow:
    """The company of the connection file. Raises `WrongCompany` when another one answers (section 9.4)."""
    shown = {each.shown_name: each for each in client.organizations()}
    if settings.company_name not in shown:
        raise WrongCompany(
            f"Visma answers for {', '.join(shown) or 'no company at all'}, not for {settings.company_name}.",
            connection=connection,
            next_step="use the Company tenant id of the right company, or correct company_name and company_id.",
        )
    return shown[settings.company_name]


def _run(check: Callable[[], Iterator[PingLine]]) -> list[PingLine]:
    try:
        return list(check())
    except ConnectorError as error:
        return [PingLine(check.__name__.replace("_", " "), False, str(error), error.next_step or "Try again.")]


class _Checks:
    def __init__(self, client: VismaClient, settings: VismaSettings) -> None:
        self._client = client
        self._settings = settings

    def company(self) -> Iterator[PingLine]:
        """The token, and which company it belongs to: a wrong one often answers with empty lists (section 9.4)."""
        try:
            organizations = self._client.organizations()
        except ConnectorError as error:
            todo = error.next_step or "Check client id, secret, tenant_id and the app's approval in Visma App Store."
            yield PingLine("token", False, str(error), todo)
            return
        yield PingLine("token", True, "an access token is accepted")
        names = [each.shown_name for each in organizations]
        wanted = self._settings.company_name
        if wanted in names:
            yield PingLine("company", True, wanted)
        elif not names:
            todo = "Check company_id and tenant_id: an empty answer means another company."
            yield PingLine("company", False, "WrongCompany: Visma shows no company at all", todo)
        else:
            shown = ", ".join(names)
            todo = "Use the Company tenant id of the right company, or correct company_name."
            yield PingLine("company", False, f"WrongCompany: Visma answers for {shown}, not {wanted}", todo)

    def accounts(self) -> Iterator[PingLine]:
        rows = {row.account_cd: row for row in self._client.accounts()}
        for role in required_roles(self._settings):
            if role not in self._settings.accounts:
                todo = f"Set accounts.{role} in the connection file."
                yield PingLine(f"account {role}", False, "no account is configured", todo)
        for what, number in self._account_numbers():
            row = rows.get(number)
            problem = ""
            if row is None:
                problem = "does not exist"
            elif not row.active:
                problem = "is inactive"
            elif row.control_account_module or not row.allow_manual_entry:
                problem = "takes no manual entries"
            todo = f"Choose another account for {what}, or open it in Visma." if problem else ""
            yield PingLine(f"account {what}", not problem, f"{number} {problem or 'is usable'}", todo)

    def _account_numbers(self) -> list[tuple[str, str]]:
        settings = self._settings
        named = [(str(role), number) for role, number in settings.accounts.items()]
        for currency, accounts in settings.currencies.items():
            named.append((f"clearing {currency}", accounts.clearing_ledger_account))
            named.append((f"bank {currency}", accounts.bank_account))
        if settings.chargeback_receivable:
            named.append(("chargeback_receivable", settings.chargeback_receivable))
        return named

    def cash_accounts(self) -> Iterator[PingLine]:
        rows = {row.number: row for row in self._client.cash_accounts()}
        for currency, accounts in self._settings.currencies.items():
            for number in _cash_numbers(accounts):
                row = rows.get(number)
                problem = ""
                if row is None or not row.active:
                    problem = "does not exist or is inactive"
                elif row.currency not in ("", currency):
                    problem = f"is kept in {row.currency}"
                todo = f"Create a cash account in {currency}, or correct currencies.{currency}." if problem else ""
                yield PingLine(f"cash account {currency}", not problem, f"{number} {problem or 'is usable'}", todo)

    def payment_method(self) -> Iterator[PingLine]:
        usable = {row.payment_method_id for row in self._client.payment_methods() if row.active}
        for method in filter(None, (self._settings.payment_method, self._settings.direct_payment_method)):
            ok = method in usable
            detail = f"{method} is active" if ok else f"{method} does not exist or is inactive"
            yield PingLine("payment method", ok, detail, "" if ok else "Create or activate it in Visma.")

    def ledger(self) -> Iterator[PingLine]:
        wanted = self._settings.ledger
        ledgers = [row for row in self._client.ledgers() if row.balance_type == "Actual"]
        if wanted is None:
            ok = bool(ledgers)
            detail = "Visma's actual ledger" if ok else "there is no actual ledger"
        else:
            ok = any(row.number == wanted for row in ledgers)
            detail = f"{wanted} is an actual ledger" if ok else f"{wanted} is no actual ledger"
        yield PingLine("ledger", ok, detail, "" if ok else "Correct ledger in the connection file.")

    def branch(self) -> Iterator[PingLine]:
        wanted = self._settings.branch
        if wanted is None:
            return
        ok = any(row.number == wanted and row.is_active for row in self._client.branches())
        detail = f"{wanted} is active" if ok else f"{wanted} does not exist or is inactive"
        yield PingLine("branch", ok, detail, "" if ok else "Correct branch in the connection file.")

    def periods(self) -> Iterator[PingLine]:
        open_periods = Calendar(self._client.periods()).open_periods(RECEIPTS | JOURNALS)
        ok = bool(open_periods)
        detail = f"{open_periods[0]} to {open_periods[-1]} are open" if ok else "no period is open in every ledger"
        yield PingLine("financial periods", ok, detail, "" if ok else "Open a financial period in Visma.")

    def attributes(self) -> Iterator[PingLine]:
        """The API cannot link an attribute to a class, so this is the only warning before the first write (2.9)."""
        if not self._settings.write_attributes:
            return
        names = self._settings.attributes
        known = {row.shown_id for row in self._client.attributes()}
        classes = self._client.customer_classes()
        for name in (names.customer, names.mandate, names.mandate_status):
            linked = [each.id for each in classes if any(item.shown_id == name for item in each.attributes)]
            if name not in known:
                todo = f"Create the attribute {name} in Visma and link it to the customer classes."
                yield PingLine("attribute", False, f"{name} does not exist", todo)
            elif not linked:
                todo = f"Link {name} to the customer classes in Visma; the API cannot do it."
                yield PingLine("attribute", False, f"{name} is linked to no customer class", todo)
            else:
                yield PingLine("attribute", True, f"{name} belongs to customer class {', '.join(linked)}")

    def vat_codes(self) -> Iterator[PingLine]:
        if self._settings.fee_vat_mode != "gl_vat":
            return
        known = {row.vat_id for row in self._client.vats()}
        for rate, code in self._settings.vat_codes.items():
            ok = code.vat_id in known
            detail = f"{rate} is VAT id {code.vat_id}" if ok else f"VAT id {code.vat_id} of {rate} does not exist"
            yield PingLine("VAT code", ok, detail, "" if ok else f"Correct vat_codes.{rate}.")


def _cash_numbers(accounts: CurrencyAccounts) -> Sequence[str]:
    extra = (accounts.bank_cash_account,) if accounts.bank_cash_account else ()
    return (accounts.clearing_cash_account, *extra)


def required_roles(settings: VismaSettings) -> tuple[AccountRole, ...]:
    """Roles whose postings would be held without an account."""
    needed = [AccountRole.FEES, AccountRole.SUSPENSE]
    if settings.fee_vat_mode != "none":
        needed.append(AccountRole.INPUT_VAT)
    if settings.refund_mode == "credit_memo":
        needed.append(AccountRole.SALES_RETURNS)
    if len(settings.currencies) > 1:
        needed += [AccountRole.FX_TRANSIT, AccountRole.FX_DIFFERENCE]
    return tuple(needed)
