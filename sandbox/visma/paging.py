"""Pages of a list: the default page, the cap, `metadata` in every row, and the filter by modification stamp
(section 4).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.visma import formats
from sandbox.visma.calls import Answer, Call
from sandbox.visma.records import Stamped
from sandbox.visma.refusals import Malformed

if TYPE_CHECKING:
    from sandbox.visma.company import Company

Row = TypeVar("Row")
StampedRow = TypeVar("StampedRow", bound=Stamped)

_CONDITIONS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def page(company: Company, call: Call, rows: Sequence[Row], dto: Callable[[Row], dict[str, Any]]) -> Answer:
    """One page of `rows`, each with `metadata`; an empty page is a bare empty array. Rows are built for the page
    only.
    """
    if call.blind:
        return Answer(payload=[])
    if company.switches.newest_first:
        rows = rows[::-1]
    number, size = window(company, call)
    metadata = {"totalCount": len(rows), "maxPageSize": company.switches.max_page_size}
    chosen = rows[(number - 1) * size : number * size]
    answer = Answer(payload=[{**dto(row), "metadata": metadata} for row in chosen])
    served(company)
    return answer


def window(company: Company, call: Call) -> tuple[int, int]:
    """Page number and effective page size. A page size above the cap is silently reduced."""
    number = call.whole("pageNumber") or 1
    size = call.whole("pageSize") or company.switches.default_page_size
    return number, min(size, company.switches.max_page_size)


def served(company: Company) -> None:
    """A page went out: now the next row that was to be inserted between pages comes in."""
    if company.between_pages:
        company.between_pages.popleft()()


def modified(company: Company, call: Call, rows: Iterable[StampedRow]) -> list[StampedRow]:
    """Rows by `lastModifiedDateTime` and `createdDateTime`; a stamp without its condition filters nothing."""
    result = list(rows)
    for name, attribute in (("lastModifiedDateTime", "modified_at"), ("createdDateTime", "created_at")):
        bound, compare = _bound(company, call, name)
        if bound is not None and compare is not None:
            result = [row for row in result if compare(_milliseconds(getattr(row, attribute)), bound)]
    return result


def by_day(call: Call, name: str, rows: Iterable[Row], value: Callable[[Row], Any]) -> list[Row]:
    """Rows by a date parameter and its `...Condition`; a date without its condition filters nothing."""
    text, condition = call.text(name), call.text(f"{name}Condition")
    if text is None or condition is None:
        return list(rows)
    bound, compare = formats.read_day(text, name), _compare(condition)
    return [row for row in rows if compare(value(row), bound)]


def _bound(company: Company, call: Call, name: str) -> tuple[datetime | None, Callable[[Any, Any], bool] | None]:
    text, condition = call.text(name), call.text(f"{name}Condition")
    if text is None or condition is None:
        return None, None
    return formats.read_stamp(text, company.switches.stamp_zone), _compare(condition)


def _compare(condition: str) -> Callable[[Any, Any], bool]:
    if condition not in _CONDITIONS:
        raise Malformed(f"The condition '{condition}' is not one of >, <, >=, <=.")
    return _CONDITIONS[condition]


def _milliseconds(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)
