"""Financial periods: which one a date falls in, and whether a module may still post into it (sections 2.2 and 11.4)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from sandbox.visma.calls import Answer, Call
from sandbox.visma.formats import day
from sandbox.visma.records import Period
from sandbox.visma.refusals import Invalid, Unknown

if TYPE_CHECKING:
    from sandbox.visma.company import Company

#: the flags of the answer and the module whose closing each one tells.
_FLAGS = {
    "closedInGeneralLedger": "GL",
    "closedInCustomerLedger": "AR",
    "closedInSupplierLedger": "AP",
    "closedInCashManagement": "CA",
    "closedInInventoryManagement": "IN",
    "closedInFixedAssets": "FA",
}


def of(company: Company, dated: date) -> Period:
    """The period of a date. Raises `Invalid` when the company has none."""
    period = company.periods.get(f"{dated:%Y%m}")
    if period is None or not period.starts <= dated <= period.ends:
        raise Invalid(f"Error: Financial period for {dated.isoformat()} cannot be found in the system.")
    return period


def named(company: Company, identifier: str) -> Period:
    """The period called `identifier` (YYYYPP). Raises `Invalid` when unknown."""
    if identifier not in company.periods:
        raise Invalid(f"Error: FinPeriodID '{identifier}' cannot be found in the system.")
    return company.periods[identifier]


def require_open(company: Company, period: Period, *modules: str) -> None:
    """Raises `Invalid` when the period is inactive or closed for one of the modules. Closing GL closes every module."""
    if not period.active:
        raise Invalid(f"Error: Financial period '{period.id}' is inactive.")
    for module in (*modules, "GL"):
        if module in period.closed:
            raise Invalid(f"Error: Financial period '{period.id}' is closed in module {module}.")


def list_periods(company: Company, call: Call) -> Answer:
    after = call.text("greaterThanValue") or ""
    rows = [_dto(period) for identifier, period in sorted(company.periods.items()) if identifier > after]
    return Answer(payload=[] if call.blind else rows)


def get_period(company: Company, call: Call) -> Answer:
    period = company.periods.get(call.path["id"])
    if period is None or call.blind:
        raise Unknown(f"Financial period '{call.path['id']}' was not found.")
    return Answer(payload=_dto(period))


def _dto(period: Period) -> dict[str, Any]:
    return {
        "year": period.id[:4],
        "period": period.id[4:],
        "financialPeriodId": period.id,
        "startDate": day(period.starts, "plain"),
        "endDate": day(period.ends, "plain"),
        "description": f"{period.starts:%B}",
        "active": period.active,
        **{flag: module in period.closed for flag, module in _FLAGS.items()},
    }
