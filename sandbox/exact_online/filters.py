"""`$filter` of OData v3 as Exact Online takes it: read into a test on rows, and into the equalities an index can use.

Literals must fit the property's type (`guid'...'`, `datetime'...'`, `L` on Int64), strings compare exactly with their
padding, and whatever is not listed in section 3.5 of the fact sheet is a 400.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.exact_online.refusals import BadRequest
from sandbox.exact_online.schema import EDM, GUID, EntityType, Row

Test = Callable[[Row], bool]
Value = Callable[[Row], Any]

_TOKEN = re.compile(
    r"\s*(?:(?P<guid>guid'[^']*')|(?P<moment>datetime'[^']*')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<long>-?\d+L)|(?P<number>-?\d+(?:\.\d+)?[dDmM]?)(?![\w'])|(?P<word>[A-Za-z_][\w/]*)|(?P<mark>[(),]))"
)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip
_LITERAL_FITS = {
    "guid": "G", "moment": "T", "text": "S", "long": "L", "number": "DIHYB", "flag": "B", "null": "GSDIHYLBT",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Filter:
    """`matches` is the test; `equal_to` holds, per property, the values one of which any hit must have; `names` are
    the properties that were asked about."""

    matches: Test
    equal_to: dict[str, frozenset[Any]]
    names: frozenset[str]
    #: the bound of `Property gt literal` at top level: the sync API starts reading there.
    above: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class _Operand:
    value: Value
    kind: str  # a letter of EDM for properties and functions, a name of _LITERAL_FITS for literals
    name: str = ""
    constant: Any = None

    @property
    def literal(self) -> bool:
        return self.kind in _LITERAL_FITS


@dataclass(frozen=True, slots=True)
class _Part:
    matches: Test
    equal_to: dict[str, frozenset[Any]]
    above: dict[str, Any]


def parse(text: str, kind: EntityType) -> Filter:
    """Raises `BadRequest` for what cannot be read and for properties the type does not have."""
    reader = _Reader(_tokens(text), kind)
    part = reader.either()
    reader.expect_end()
    return Filter(part.matches, part.equal_to, frozenset(reader.names), part.above)


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise BadRequest(f"Bad Request - Error in query syntax at position {position} of $filter.")
        assert found.lastgroup is not None
        tokens.append(_Token(found.lastgroup, found[found.lastgroup]))
        position = found.end()
    return tokens


class _Reader:
    """Recursive descent: or < and < not < comparison."""

    def __init__(self, tokens: list[_Token], kind: EntityType) -> None:
        self._tokens = tokens
        self._at = 0
        self._kind = kind
        self.names: set[str] = set()

    def either(self) -> _Part:
        parts = [self._both()]
        while self._word("or"):
            parts.append(self._both())
        if len(parts) == 1:
            return parts[0]
        tests = [part.matches for part in parts]
        shared = set.intersection(*(set(part.equal_to) for part in parts))
        equal_to = {name: frozenset[Any]().union(*(part.equal_to[name] for part in parts)) for name in shared}
        return _Part(lambda row: any(test(row) for test in tests), equal_to, {})

    def _both(self) -> _Part:
        parts = [self._single()]
        while self._word("and"):
            parts.append(self._single())
        if len(parts) == 1:
            return parts[0]
        tests = [part.matches for part in parts]
        equal_to: dict[str, frozenset[Any]] = {}
        above: dict[str, Any] = {}
        for part in parts:
            equal_to |= part.equal_to
            above |= part.above
        return _Part(lambda row: all(test(row) for test in tests), equal_to, above)

    def _single(self) -> _Part:
        if self._word("not"):
            inner = self._single()
            return _Part(lambda row: not inner.matches(row), {}, {})
        if self._mark("("):
            inner = self.either()
            self._need(")")
            return inner
        return self._comparison()

    def _comparison(self) -> _Part:
        left = self._operand()
        if left.kind == "B" and not self._peek_comparison():
            return _Part(lambda row: bool(left.value(row)), {}, {})
        compare = self._next("a comparison").text
        if compare not in _COMPARE:
            raise self._broken(compare)
        right = self._operand()
        self._check_types(compare, left, right)
        if left.literal:
            raise BadRequest("Bad Request - a comparison starts with a property.")
        test = _test(compare, left.value, right.value)
        bound = {left.name: right.constant} if left.name and right.literal else {}
        if compare == "eq":
            return _Part(test, {name: frozenset([value]) for name, value in bound.items()}, {})
        return _Part(test, {}, bound if compare == "gt" else {})

    def _check_types(self, compare: str, left: _Operand, right: _Operand) -> None:
        fits = left.kind in _LITERAL_FITS[right.kind] if right.literal and not left.literal else left.kind == right.kind
        if not fits:
            raise BadRequest(
                f"Operator '{compare}' incompatible with operand types "
                f"'{EDM.get(left.kind, left.kind)}' and '{EDM.get(right.kind, right.kind)}' at position 0."
            )
        if right.kind == "null" and left.name == "OffsetID":
            raise BadRequest("OffsetID cannot be compared with null.")

    def _operand(self) -> _Operand:
        token = self._next("a value")
        if token.kind == "word":
            return self._named(token.text)
        if token.kind not in ("guid", "moment", "text", "long", "number"):
            raise self._broken(token.text)
        return _literal(token)

    def _named(self, word: str) -> _Operand:
        if word in ("true", "false"):
            return _constant("flag", word == "true")
        if word == "null":
            return _constant("null", None)
        if self._mark("("):
            return self._function(word)
        known = self._kind.property(word)
        self.names.add(word)
        return _Operand(lambda row: row.get(word), known.kind, word)

    def _function(self, name: str) -> _Operand:
        arguments = [self._operand()]
        while self._mark(","):
            arguments.append(self._operand())
        self._need(")")
        kinds = ["S" if each.kind == "text" else each.kind for each in arguments]
        if name == "trim" and kinds == ["S"]:
            inner = arguments[0].value
            return _Operand(lambda row: (inner(row) or "").strip(), "S")
        if name in ("substringof", "startswith") and kinds == ["S", "S"]:
            return _containment(name, *arguments)
        raise BadRequest(f"Bad Request - the function '{name}' is not supported with these arguments.")

    def _peek_comparison(self) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at].text in _COMPARE

    def _word(self, word: str) -> bool:
        return self._accept("word", word)

    def _mark(self, mark: str) -> bool:
        return self._accept("mark", mark)

    def _accept(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == _Token(kind, text):
            self._at += 1
            return True
        return False

    def _need(self, mark: str) -> None:
        if not self._mark(mark):
            raise self._broken(f"missing {mark}")

    def _next(self, wanted: str) -> _Token:
        if self._at >= len(self._tokens):
            raise self._broken(f"{wanted} is missing")
        self._at += 1
        return self._tokens[self._at - 1]

    def expect_end(self) -> None:
        if self._at != len(self._tokens):
            raise self._broken(self._tokens[self._at].text)

    def _broken(self, what: str) -> BadRequest:
        return BadRequest(f"Bad Request - Error in query syntax: {what}.")


def _containment(name: str, first: _Operand, second: _Operand) -> _Operand:
    """`substringof('x', Field)` has the needle first, `startswith(Field, 'x')` last. SQL ignores case in both."""
    needle, hay = (first, second) if name == "substringof" else (second, first)
    if not needle.literal:
        raise BadRequest(f"Bad Request - '{name}' takes its arguments in the other order.")
    wanted, value = needle.constant.casefold(), hay.value
    if name == "substringof":
        return _Operand(lambda row: wanted in (value(row) or "").casefold(), "B")
    return _Operand(lambda row: (value(row) or "").casefold().startswith(wanted), "B")


def _test(compare: str, left: Value, right: Value) -> Test:
    """A comparison with null holds for `eq null` and for `ne`, as in SQL translated by OData."""
    run = _COMPARE[compare]
    if compare in ("eq", "ne"):
        return lambda row: bool(run(left(row), right(row)))

    def ordered(row: Row) -> bool:
        first, second = left(row), right(row)
        return first is not None and second is not None and bool(run(first, second))

    return ordered


def _constant(kind: str, value: Any) -> _Operand:
    return _Operand(lambda row: value, kind, constant=value)


def _literal(token: _Token) -> _Operand:
    try:
        if token.kind == "guid":
            if not GUID.fullmatch(token.text[5:-1]):
                raise ValueError(token.text)
            return _constant("guid", token.text[5:-1].lower())
        if token.kind == "moment":
            return _constant("moment", datetime.fromisoformat(token.text[9:-1]).replace(tzinfo=None))
    except ValueError as problem:
        raise BadRequest(f"Bad Request - {token.text} is not a valid literal.") from problem
    if token.kind == "text":
        return _constant("text", token.text[1:-1].replace("''", "'"))
    if token.kind == "long":
        return _constant("long", int(token.text[:-1]))
    return _constant("number", Decimal(token.text.rstrip("dDmM")))
