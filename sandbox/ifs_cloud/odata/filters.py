"""`$filter` of OData v4 as the provider takes it: read into a test on rows, and into the equalities an index can use.

Literals must fit the property's kind; enumerations need `Namespace.Enum'Member'`; OData v2 literals (`datetime'...'`)
are a 400, lambdas and `in` are refused (fact sheet 3 and 4). Strings compare exactly, with their case.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.ifs_cloud.odata.edm import EDM, EntityType, Property, Row
from sandbox.ifs_cloud.odata.literals import Zone
from sandbox.ifs_cloud.refusals import BadRequest, NotImplementedHere

Test = Callable[[Row], bool]
Value = Callable[[Row], Any]

_TOKEN = re.compile(
    r"\s*(?:(?P<enum>[A-Za-z_][\w.]*'(?:[^']|'')*')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))"
    r"|(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})|(?P<day>\d{4}-\d\d-\d\d)(?![\dT])"
    r"|(?P<number>-?\d+(?:\.\d+)?)(?![\w'])|(?P<word>[A-Za-z_][\w/.]*)|(?P<mark>[(),:]))"
)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip
_LITERAL_FITS = {
    "enum": "E", "text": "SX", "moment": "T", "guid": "G", "day": "Y", "number": "DI", "flag": "B", "null": "SDIBYTEG",
}  # fmt: skip
#: name: kinds of its arguments, kind of its result, and what it does.
_FUNCTIONS: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "contains": ("SS", "B", lambda hay, needle: needle in hay),
    "startswith": ("SS", "B", lambda hay, needle: hay.startswith(needle)),
    "endswith": ("SS", "B", lambda hay, needle: hay.endswith(needle)),
    "indexof": ("SS", "I", lambda hay, needle: hay.find(needle)),
    "length": ("S", "I", len),
    "tolower": ("S", "S", str.lower),
    "toupper": ("S", "S", str.upper),
    "trim": ("S", "S", str.strip),
    "concat": ("SS", "S", operator.add),
    "year": ("Y", "I", lambda day: day.year),
    "month": ("Y", "I", lambda day: day.month),
    "day": ("Y", "I", lambda day: day.day),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """`matches` is the test; `equal_to` holds, per column, the values one of which any hit must have."""

    matches: Test
    equal_to: Mapping[str, frozenset[Any]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What varies between tenants. `namespace` qualifies enumerations, `enums` are their members."""

    namespace: str
    enums: Mapping[str, tuple[str, ...]]
    zone: Zone
    plain_enum_strings: bool = False
    objstate: bool = True


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class _Operand:
    value: Value
    kind: str  # a letter of EDM for properties and functions, a name of _LITERAL_FITS for literals
    known: Property | None = None
    constant: Any = None
    enum: str = ""

    @property
    def literal(self) -> bool:
        return self.kind in _LITERAL_FITS


def parse(text: str, kind: EntityType, dialect: Dialect) -> Filter:
    """Raises `BadRequest` for what cannot be read and for properties the type does not have."""
    reader = _Reader(_tokens(text), kind, dialect)
    part = reader.either()
    reader.expect_end()
    return part


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise BadRequest(f"The filter expression cannot be read at position {position}.")
        assert found.lastgroup is not None
        tokens.append(_Token(found.lastgroup, found[found.lastgroup]))
        position = found.end()
    return tokens


class _Reader:
    """Recursive descent: or < and < not < comparison."""

    def __init__(self, tokens: list[_Token], kind: EntityType, dialect: Dialect) -> None:
        self._tokens = tokens
        self._at = 0
        self._kind = kind
        self._dialect = dialect

    def either(self) -> Filter:
        parts = [self._both()]
        while self._accept("word", "or"):
            parts.append(self._both())
        if len(parts) == 1:
            return parts[0]
        tests = [part.matches for part in parts]
        shared = set.intersection(*(set(part.equal_to) for part in parts))
        equal_to = {name: frozenset[Any]().union(*(part.equal_to[name] for part in parts)) for name in shared}
        return Filter(lambda row: any(test(row) for test in tests), equal_to)

    def _both(self) -> Filter:
        parts = [self._single()]
        while self._accept("word", "and"):
            parts.append(self._single())
        if len(parts) == 1:
            return parts[0]
        tests = [part.matches for part in parts]
        equal_to: dict[str, frozenset[Any]] = {}
        for part in parts:
            for name, values in part.equal_to.items():
                equal_to[name] = equal_to[name] & values if name in equal_to else values
        return Filter(lambda row: all(test(row) for test in tests), equal_to)

    def _single(self) -> Filter:
        if self._accept("word", "not"):
            inner = self._single()
            return Filter(lambda row: not inner.matches(row), {})
        if self._accept("mark", "("):
            inner = self.either()
            self._need(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Filter:
        left = self._operand()
        if left.kind == "B" and not self._peek_comparison():
            return Filter(lambda row: bool(left.value(row)), {})
        compare = self._next("a comparison").text
        if compare in ("in", "has", "mod", "add", "sub", "mul", "div", "divby"):
            raise NotImplementedHere(f"The operator '{compare}' is not supported.")
        if compare not in _COMPARE:
            raise self._broken(compare)
        right = self._operand()
        if left.literal:
            raise BadRequest("A comparison starts with a property.")
        self._check_types(compare, left, right)
        test = _test(compare, left.value, right.value)
        if compare == "eq" and left.known is not None and right.literal:
            return Filter(test, {left.known.column: frozenset([right.constant])})
        return Filter(test, {})

    def _check_types(self, compare: str, left: _Operand, right: _Operand) -> None:
        if left.known is not None and left.known.name == "Objstate" and not self._dialect.objstate:
            raise BadRequest("The attribute Objstate cannot be used in $filter.")
        if left.kind == "E":
            self._check_enum(left, right)
            return
        fits = left.kind in _LITERAL_FITS[right.kind] if right.literal else {left.kind, right.kind} <= _alike(left.kind)
        if not fits:
            raise BadRequest(
                f"The types '{EDM.get(left.kind, left.kind)}' and '{EDM.get(right.kind, right.kind)}' "
                f"are not compatible with the operator '{compare}'."
            )

    def _check_enum(self, left: _Operand, right: _Operand) -> None:
        assert left.known is not None
        plain_allowed = left.known.plain or self._dialect.plain_enum_strings
        if right.kind == "null" or (right.kind == "text" and plain_allowed):
            return
        wanted = f"{self._dialect.namespace}.{left.known.enum}"
        if right.kind != "enum" or right.enum != wanted:
            raise BadRequest(f"The types '{wanted}' and '{right.enum or EDM['S']}' are not compatible.")
        if right.constant not in self._dialect.enums[left.known.enum]:
            raise BadRequest(f"'{right.constant}' is not a member of the enumeration '{wanted}'.")

    def _operand(self) -> _Operand:
        token = self._next("a value")
        if token.kind == "word":
            return self._named(token.text)
        if token.kind == "mark":
            raise self._broken(token.text)
        return self._literal(token)

    def _literal(self, token: _Token) -> _Operand:
        try:
            if token.kind == "enum":
                name, _, value = token.text.partition("'")
                if "." not in name:
                    raise ValueError(name)
                return _Operand(lambda row: value[:-1], "enum", constant=value[:-1], enum=name)
            if token.kind == "moment":
                return _constant("moment", self._dialect.zone.read(token.text))
            if token.kind == "day":
                return _constant("day", date.fromisoformat(token.text))
        except ValueError as problem:
            raise BadRequest(f"The literal {token.text} is not supported.") from problem
        if token.kind == "text":
            return _constant("text", token.text[1:-1].replace("''", "'"))
        if token.kind == "guid":
            return _constant("guid", token.text.lower())
        return _constant("number", Decimal(token.text))

    def _named(self, word: str) -> _Operand:
        if word in ("true", "false"):
            return _constant("flag", word == "true")
        if word == "null":
            return _constant("null", None)
        if self._accept("mark", "("):
            return self._function(word)
        if "/" in word:
            raise NotImplementedHere(f"The path '{word}' is not supported in $filter.")
        known = self._kind.member(word)
        column = known.column
        if known.kind == "X":
            raise BadRequest(f"The stream property '{word}' cannot be filtered.")
        if known.kind == "T":
            shown = self._dialect.zone.shown
            return _Operand(lambda row: None if row.get(column) is None else shown(row[column]), "T", known)
        return _Operand(lambda row: row.get(column), known.kind, known)

    def _function(self, name: str) -> _Operand:
        if name not in _FUNCTIONS:
            raise NotImplementedHere(f"The function '{name}' is not supported.")
        arguments = [self._operand()]
        while self._accept("mark", ","):
            arguments.append(self._operand())
        self._need(")")
        wanted, result, work = _FUNCTIONS[name]
        kinds = "".join({"text": "S", "E": "S", "T": "Y", "day": "Y"}.get(each.kind, each.kind) for each in arguments)
        if kinds != wanted:
            raise BadRequest(f"The function '{name}' does not take these arguments.")
        values = [each.value for each in arguments]

        def value(row: Row) -> Any:
            given = [each(row) for each in values]
            return None if None in given else work(*given)

        return _Operand(value, result)

    def _peek_comparison(self) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at].text in _COMPARE

    def _accept(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == _Token(kind, text):
            self._at += 1
            return True
        return False

    def _need(self, mark: str) -> None:
        if not self._accept("mark", mark):
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
        return BadRequest(f"The filter expression cannot be read: {what}.")


def _alike(kind: str) -> set[str]:
    return {"D", "I"} if kind in "DI" else {kind}


def _test(compare: str, left: Value, right: Value) -> Test:
    """Null equals null and nothing else; ordered comparisons with null do not hold."""
    run = _COMPARE[compare]
    if compare in ("eq", "ne"):
        return lambda row: bool(run(left(row), right(row)))

    def ordered(row: Row) -> bool:
        first, second = left(row), right(row)
        return first is not None and second is not None and bool(run(first, second))

    return ordered


def _constant(kind: str, value: Any) -> _Operand:
    return _Operand(lambda row: value, kind, constant=value)
