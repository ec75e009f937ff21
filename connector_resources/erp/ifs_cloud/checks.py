"""The ping: token, companies, the projection map against the tenant's metadata, and what the settings name (2.3 and 13).

Every line is checked even when an earlier one failed, and nothing is raised: a check that cannot run is a line that is not ok.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from bookkeeping.money import exponent
from bookkeeping.postings import AccountRole
from connector_resources.erp.contract import PingLine, PingReport
from connector_resources.erp.ifs_cloud import metadata, odata, wire
from connector_resources.erp.ifs_cloud.client import IfsCloudClient, references
from connector_resources.erp.ifs_cloud.customer_contacts import ENTRIES
from connector_resources.erp.ifs_cloud.metadata import Model
from connector_resources.erp.ifs_cloud.settings import IfsCloudSettings, Marker
from connector_resources.errors import ConnectorError

_ACTION = re.compile(r"\{(\w+)\.namespace\}\.(\w+)")
RIGHTS = "Grant the projection to the service user, or correct map in the connection file."
#: levels of authority with which vouchers can be entered (section 3.6).
ENTERS = frozenset({"EnterOnly", "EnterAndApprove"})


class Pinger:
    """Makes the checklist of one connection."""

    def __init__(
        self, connection: str, settings: IfsCloudSettings, client: IfsCloudClient, now: Callable[[], datetime]
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._client = client
        self._now = now

    def report(self) -> PingReport:
        """One line per check, in the order in which a person would repair them."""
        try:
            rows = {row.company: row for row in self._client.rows("companies", wire.CompanyRow)}
        except ConnectorError as error:
            todo = error.next_step or f"connector credentials set {self._connection} {self._settings.client_secret}"
            return PingReport((PingLine("token and companies", False, str(error), todo),))
        lines = [PingLine("token and companies", True, f"the user sees {', '.join(sorted(rows)) or 'no company'}")]
        lines += self._projections()
        for code in sorted(self._settings.companies):
            row = rows.get(code)
            if row is None:
                todo = "Correct companies in the connection file, or add the service user to the company."
                lines.append(PingLine(f"company {code}", False, "the user does not see it", todo))
                continue
            lines.append(PingLine(f"company {code}", True, f"{row.description}, {row.currency}".strip(", ")))
            for check in (self._accounts, self._voucher_type, self._currencies, self._tax_codes):
                lines += _run(check, code)
        return PingReport(tuple(lines))

    # --- the projection map --------------------------------------------------------------------------------------------

    def _projections(self) -> Iterator[PingLine]:
        """Every set in use, with what it lacks by name: service, set, member, array, action."""
        models: dict[str, Model | ConnectorError | ValueError] = {}
        actions = self._actions()
        for name in used_projections(self._settings):
            projection = self._settings.projections[name]
            where = f"{projection.layer} {projection.service}.svc/{projection.set}"
            if projection.service_path not in models:
                models[projection.service_path] = self._model(name)
            model = models[projection.service_path]
            if not isinstance(model, Model):
                activate = "Activate the Entity Service in the API Explorer. " if projection.kind == "entity" else ""
                yield PingLine(f"projection {name}", False, f"{where}: {model}", f"{activate}{RIGHTS}")
                continue
            problems = metadata.missing(projection, model, in_array=name in ENTRIES["arrays"])
            problems += [f"no action {each}" for each in sorted(actions.get(name, set()) - model.operations)]
            todo = f"Name what your tenant has in map.{name} (or in recipes), see the API Explorer." if problems else ""
            yield PingLine(f"projection {name}", not problems, "; ".join(problems) or where, todo)

    def _model(self, name: str) -> Model | ConnectorError | ValueError:
        try:
            return metadata.parse(self._client.metadata(name))
        except (ConnectorError, ValueError) as problem:
            return problem

    def _actions(self) -> dict[str, set[str]]:
        """Actions that the recipes in use call, by the projection whose service has them."""
        found: dict[str, set[str]] = {}
        for name in used_recipes(self._settings):
            recipe = self._settings.recipe(name)
            for step in (*recipe.steps, *recipe.cleanup):
                for projection, action in _ACTION.findall(step.path):
                    found.setdefault(projection, set()).add(action)
        return found

    # --- what the settings name, per company ---------------------------------------------------------------------------

    def _accounts(self, company: str) -> Iterator[PingLine]:
        wanted = account_roles(self._settings, company)
        member = self._settings.projections["accounts"].member("account")
        codes = {code for code in wanted.values() if code}
        condition = references(member, codes) if codes else ""
        rows = {row.account: row for row in self._client.rows("accounts", wire.Account, condition, company=company)}
        today = self._now().date()
        for role, code in wanted.items():
            what, todo = f"company {company} account {role}", f"Correct companies.{company} in the connection file."
            row = rows.get(code or "")
            if code is None:
                yield PingLine(what, False, "no account is named", todo)
            elif row is None:
                yield PingLine(what, False, f"{code} does not exist", todo)
            elif row.ledger:
                yield PingLine(what, False, f"{code} is a ledger account, which takes no vouchers", todo)
            elif (ends := odata.day_of(row.valid_until)) is not None and ends < today:
                yield PingLine(what, False, f"{code} was valid until {ends}", todo)
            else:
                yield PingLine(what, True, f"{code} {row.description}".strip())

    def _voucher_type(self, company: str) -> Iterator[PingLine]:
        """The period of today is open, and the user group may enter vouchers of the type in it."""
        section, today = self._settings.companies[company], self._now().date()
        group = {"Company": company, "VoucherDate": today, "UserGroup": section.user_group}
        period = self._client.function("voucher_entry", f"AccYearPeriodInfo{odata.key(group)}")
        year, number = int(str(period["AccountingYear"])), period.get("AccountingPeriod")
        yield PingLine(f"company {company} period", True, f"{year}/{number} is open for {section.user_group}")
        kind = {"Company": company, "AccountingYear": year, "UserGroup": section.user_group,
                "VoucherType": section.voucher_type}  # fmt: skip
        told = self._client.function("voucher_entry", f"VoucherHeaderInfo{odata.key(kind)}")
        level = str(told.get("AuthorizeLevel") or "")
        what = f"company {company} voucher type {section.voucher_type}"
        todo = "" if level in ENTERS else f"Let user group {section.user_group} enter vouchers of this type."
        yield PingLine(what, level in ENTERS, f"user group {section.user_group}: {level or 'no authority'}", todo)

    def _currencies(self, company: str) -> Iterator[PingLine]:
        """Each currency is known, with as many decimals as money of it has (section 3)."""
        codes = self._settings.companies[company].currencies
        condition = references(self._settings.projections["currencies"].member("currency"), list(codes))
        rows = {
            row.currency: row for row in self._client.rows("currencies", wire.CurrencyRow, condition, company=company)
        }
        for code in codes:
            row = rows.get(code)
            decimals = row.decimals if row else None
            ok = decimals == exponent(code)
            detail = f"{decimals} decimals" if row else "is not set up"
            todo = "" if ok else f"Set up {code} with {exponent(code)} decimals on the page Currency Codes."
            yield PingLine(f"company {company} currency {code}", ok, detail, todo)

    def _tax_codes(self, company: str) -> Iterator[PingLine]:
        if self._settings.fee_vat_mode != "tax_code":
            return
        codes = sorted(set(self._settings.tax_codes.values()))
        condition = references(self._settings.projections["tax_codes"].member("code"), codes)
        present = {row.code for row in self._client.rows("tax_codes", wire.TaxCode, condition, company=company)}
        for code in codes:
            todo = "" if code in present else "Correct tax_codes in the connection file."
            yield PingLine(f"company {company} tax code {code}", code in present, "", todo)


def used_projections(settings: IfsCloudSettings) -> list[str]:
    """The entries of the map that this connection asks or writes to, in a steady order."""
    names = ["companies", "customers", "open_items", "accounts", "currencies", "voucher_entry", "hold_rows", "gl_rows"]
    names += ["customer_companies"] if len(settings.companies) > 1 else []
    names += ENTRIES[settings.customer_details]
    names += ["history"] if settings.customer_changes == "history_log" else []
    names += marker_projections(settings.marker)
    names += ["mixed_payments", "payment_lines"] if settings.settles else []
    names += ["file_task", "file_loads"] if settings.settlement == "camt_file" else []
    names += [settings.invoice_status.target] if settings.invoice_status.target != "off" else []
    names += ["tax_codes"] if settings.fee_vat_mode == "tax_code" else []
    if any(len(each.currencies) > 1 for each in settings.companies.values()):
        names += ["currency_rates", "currency_types"]
    return list(dict.fromkeys(names))


def marker_projections(marker: Marker | None) -> list[str]:
    """What is read to find the invoices that are ready to be collected."""
    if marker is None:
        return []
    return {
        "pay_term": ["payment_terms", "invoices", "order_invoices"],
        "payment_way": ["payment_ways"],
        "field": ["invoices", "order_invoices"] if marker.on == "invoices" else [],
        "proposal": ["proposals", "proposal_items"],
        "all": [],
    }[marker.strategy]


def used_recipes(settings: IfsCloudSettings) -> list[str]:
    return ["gl_voucher", *([settings.settlement] if settings.settles else [])]


def account_roles(settings: IfsCloudSettings, company: str) -> dict[str, str | None]:
    """`role` or `role currency` -> account: those without which postings would be held."""
    roles = [AccountRole.FEES, AccountRole.SUSPENSE]
    roles += [AccountRole.INPUT_VAT] if settings.fee_vat_mode == "plain_line" else []
    roles += [AccountRole.FX_DIFFERENCE] if len(settings.companies[company].currencies) > 1 else []
    found = {str(role): settings.account(company, role, "") for role in roles}
    for currency in settings.companies[company].currencies:
        for role in (AccountRole.CLEARING, AccountRole.BANK):
            found[f"{role} {currency}"] = settings.account(company, role, currency)
    return found


def _run(check: Callable[[str], Iterator[PingLine]], company: str) -> list[PingLine]:
    name = f"company {company} {check.__name__.strip('_').replace('_', ' ')}"
    try:
        return list(check(company))
    except ConnectorError as error:
        return [PingLine(name, False, str(error), error.next_step or RIGHTS)]
