"""JSON as the store keeps it: sorted keys, no blanks, exact decimals. The same value always gives the same text."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson

#: kept, because `json.loads` makes a new one for every text.
_EXACT = json.JSONDecoder(parse_float=Decimal)


def dump_json(value: object) -> str:
    """Canonical text of `value`. A `Decimal` is written as a JSON number with all its digits."""
    return orjson.dumps(value, default=_exact, option=orjson.OPT_SORT_KEYS).decode()


def load_json(text: str) -> Any:
    """The value of `text`; numbers with a point or an exponent come back as `Decimal`."""
    return _EXACT.decode(text)


def _exact(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} cannot be kept as JSON")
