"""JSON whose amounts are exact: `Decimal` is written digit by digit and read back as `Decimal`, never through a float.

Shared by the ERP connectors. The same value always gives the same bytes; field order is the order of insertion.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson


def dump_exact(value: Any) -> bytes:
    """Compact JSON of dictionaries, lists, strings, integers, booleans and Decimals: `Decimal("125.00")` is `125.00`.

    Raises `TypeError` for a float or anything else, and for a Decimal that is not finite.
    """
    _refuse_floats(value)
    return orjson.dumps(value, default=_number, option=orjson.OPT_PASSTHROUGH_DATETIME)


def load_exact(text: bytes | str) -> Any:
    """The value of `text`, fractional numbers as `Decimal` with the digits that were written. Raises `ValueError`."""
    return json.loads(text, parse_float=Decimal)


def _number(value: object) -> orjson.Fragment:
    if not isinstance(value, Decimal) or not value.is_finite():
        raise TypeError(f"{value!r} has no exact JSON form")
    return orjson.Fragment(format(value, "f").encode())


def _refuse_floats(value: Any) -> None:
    if isinstance(value, dict):
        for each in value.values():
            _refuse_floats(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _refuse_floats(each)
    elif isinstance(value, float):
        raise TypeError(f"{value!r} is a float; amounts are Decimals")
