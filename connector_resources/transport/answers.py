"""Reads what remote systems answer as if it were hostile: JSON and XML within bounds, everything else is a `ValueError`.

The size of a body is bounded before (`exchange.Limits`). Here it is the shape: depth, numbers, names given twice, entities.
Whether the content makes sense is for the model of each system to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

#: no system nests deeper than nine levels; what is stored again is written by a library that ends at 254.
MAX_DEPTH = 64
#: digits of a number, and powers of ten: no ledger holds amounts beyond, and an exponent is a bomb that opens later.
MAX_DIGITS = 40
MAX_TEN = 30
#: the largest integer that a database column and every JSON library keep whole.
MAX_INTEGER = 2**63 - 1

#: levels that are peeled off before the exact walk takes over.
USUAL_DEPTH = 12
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(each for each in range(256) if each not in b'[]{}"')

_HALF_A_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(body: bytes) -> Any:
    """The value of a JSON text, fractional numbers as exact `Decimal`.

    Raises `ValueError` when it is not JSON, is nested deeper than `MAX_DEPTH`, holds a number of more than `MAX_DIGITS`
    digits or beyond 10^`MAX_TEN`, NaN or infinity, half of a character, or an object that gives one name twice: two
    readers could take either value.
    """
    try:
        text = body.decode(json.detect_encoding(body))
        value = _STRICT.decode(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    if not is_bounded(value):
        raise ValueError("the JSON is nested too deeply or holds a number beyond every amount")
    if _HALF_A_CHARACTER.search(text):
        json.dumps(value, ensure_ascii=False, default=str).encode()
    return value


def is_bounded(value: Any) -> bool:
    """Whether a value that any JSON library made is nested within `MAX_DEPTH` and holds no number beyond the bounds."""
    level = [value]
    for _ in range(MAX_DEPTH):
        following: list[Any] = []
        for each in level:
            if isinstance(each, str):
                # Most are: asked first, because this is done for every event of a webhook.
                continue
            if isinstance(each, dict):
                following.extend(each.values())
            elif isinstance(each, list):
                following.extend(each)
            elif isinstance(each, (int, float)) and not -MAX_INTEGER <= each <= MAX_INTEGER:
                return False
        if not following:
            return True
        level = following
    return False


def is_shallow(text: bytes, value: Any) -> bool:
    """As `is_bounded` for `value`, which a JSON library made of `text`; large pages are only looked at for their depth.

    Their numbers are left to whoever takes them. The brackets alone tell the depth, and each pass takes the innermost pairs
    away. It is certain only when no string holds a bracket: then the quotes that are left beside each other are pairs.
    Otherwise, and when they nest deeper than usual, the value itself is walked.
    """
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = text.translate(_ONE_KIND, _NO_BRACKETS).replace(b'""', b"")
    for _ in range(USUAL_DEPTH):
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"")
    return not brackets or is_bounded(value)


def read_xml(body: bytes) -> etree._Element:
    """The root of an XML text. Raises `ValueError` when it is none, or declares a document type: none of ours has one.

    So no entity is defined, none is expanded and none is fetched. libxml2's own limits of depth and size stay on.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError("the answer is no XML") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("the answer declares a document type")
    return root


def _fraction(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        # An exponent that not even the library holds.
        raise ValueError("a number is beyond every amount") from None
    if len(text) > MAX_DIGITS or (value and not -MAX_TEN <= value.adjusted() <= MAX_TEN):
        raise ValueError("a number is beyond every amount")
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("a number is beyond every amount")
    return int(text)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _each_name_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object gives one name twice")
    return members


_STRICT = json.JSONDecoder(
    parse_float=_fraction, parse_int=_integer, parse_constant=_no_number, object_pairs_hook=_each_name_once
)
