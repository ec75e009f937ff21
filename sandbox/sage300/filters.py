"""`$filter` as Sage 300 takes it: read into a test on rows. Only properties of the record itself may be compared.

Literals are those of one OData dialect (v4 or v3, a switch); enumerations compare with a quoted member name or a quoted
raw number, texts exactly as a binary collation does (sections 3.5 and 4).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sandbox.sage300.refusals import InvalidParameters
from sandbox.sage300.schema import EntityType, Field, Row, member, midnight
from sandbox.sage300.switches import Switches

Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<v3date>datetime'[^']*')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<v4date>\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?)"
    r"|(?P<number>-?\d+(?:\.\d+)?(?P<suffix>[mMdDfFL])?)(?![\w'])|(?P<word>[A-Za-z_]\w*)|(?P<mark>[(),]))"
)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[[str, str], Any]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": operator.contains,
    "substringof": operator.contains,
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def parse(text: str, kind: EntityType, switches: Switches) -> Test:
    """Raises `InvalidParameters` for what cannot be read, for unknown properties and for literals of another type."""
    reader = _Reader(_tokens(text, switches), kind, switches)
    test = reader.either()
    reader.expect_end()
    return test


def _tokens(text: str, switches: Switches) -> list[_Token]:
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise InvalidParameters(f"Syntax error at position {position} in '{text}'.")
        kind = "number" if found.lastgroup == "suffix" else str(found.lastgroup)
        foreign = {"v4": ("v3date",), "v3": ("v4date",)}[switches.dialect]
        if kind in foreign or (found["suffix"] in ("m", "M") and switches.dialect == "v4"):
            raise InvalidParameters(f"Unrecognized literal '{found[0].strip()}' at position {position} in '{text}'.")
        tokens.append(_Token(kind, found[kind]))
        position = found.end()
    return tokens


@dataclass(frozen=True, slots=True)
class _Equal:
    """A test that chains of `or` can put into one set."""

    name: str
    wanted: Any

    def __call__(self, row: Row) -> bool:
        return bool(row[self.name] == self.wanted)


def _one_of(tests: list[Test]) -> Test | None:
    """One look-up for `A eq 1 or A eq 2 …`; None when the tests are of another kind."""
    equals = [test for test in tests if isinstance(test, _Equal)]
    if len(equals) < len(tests) or len({each.name for each in equals}) > 1:
        return None
    name, wanted = equals[0].name, frozenset(each.wanted for each in equals)
    return lambda row: row[name] in wanted


class _Reader:
    """Recursive descent: or < and < not < comparison."""

    def __init__(self, tokens: list[_Token], kind: EntityType, switches: Switches) -> None:
        self._tokens = tokens
        self._at = 0
        self._kind = kind
        self._switches = switches

    def either(self) -> Test:
        tests = [self._both()]
        while self._accept("word", "or"):
            tests.append(self._both())
        if len(tests) == 1:
            return tests[0]
        return _one_of(tests) or (lambda row: any(test(row) for test in tests))

    def _both(self) -> Test:
        tests = [self._single()]
        while self._accept("word", "and"):
            tests.append(self._single())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _single(self) -> Test:
        if self._accept("word", "not"):
            inner = self._single()
            return lambda row: not inner(row)
        if self._accept("mark", "("):
            inner = self.either()
            self._need(")")
            return inner
        word = self._next("a property")
        if word.kind != "word":
            raise self._broken(word.text)
        if self._accept("mark", "("):
            return self._function(word.text)
        return self._comparison(self._field(word.text))

    def _comparison(self, known: Field) -> Test:
        compare = self._next("an operator").text
        if compare not in _COMPARE:
            raise self._broken(compare)
        run, name = _COMPARE[compare], known.name
        wanted = self._literal(known, self._next("a value"), compare)
        if compare == "eq":
            return _Equal(name, wanted)
        if compare == "ne":
            return lambda row: bool(row[name] != wanted)
        if known.kind == "D":
            return lambda row: row[name] is not None and bool(run(midnight(row[name]), wanted))
        return lambda row: bool(run(row[name], wanted))

    def _literal(self, known: Field, token: _Token, compare: str) -> Any:
        if token == _Token("word", "null") and known.kind == "D" and compare in ("eq", "ne"):
            return None
        if known.kind == "E" and token.kind == "text" and compare in ("eq", "ne"):
            return self._member(known, _plain(token.text))
        if known.kind == "S" and token.kind == "text":
            return _plain(token.text)
        if known.kind in ("N", "I") and token.kind == "number":
            return Decimal(token.text.rstrip("mMdDfFL"))
        if known.kind == "B" and token.text in ("true", "false"):
            return token.text == "true"
        if known.kind == "D" and token.kind in ("v3date", "v4date"):
            return self._moment(token.text, compare)
        raise InvalidParameters(
            f"A binary operator with incompatible types was detected. Property '{known.name}' cannot be compared with "
            f"{token.text} by '{compare}'."
        )

    def _member(self, known: Field, text: str) -> str:
        allowed = {"name": not text.isdigit(), "number": text.isdigit(), "both": True}[self._switches.filter_enums]
        found = member(known, text, self._switches) if allowed else None
        if found is None:
            raise InvalidParameters(f"The string '{text}' is not a valid enumeration type constant.")
        return found

    def _moment(self, text: str, compare: str) -> datetime | date:
        try:
            if text.startswith("datetime'"):
                moment = datetime.fromisoformat(text[9:-1])
            elif "T" not in text or not text.endswith("Z"):
                raise ValueError(text)
            else:
                moment = datetime.fromisoformat(text)
        except ValueError as problem:
            raise InvalidParameters(f"{text} is no literal of type Edm.DateTimeOffset.") from problem
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        if compare in ("eq", "ne"):
            return moment.date() if moment == midnight(moment.date()) else moment
        return moment

    def _function(self, name: str) -> Test:
        first, second = self._argument(), self._argument(after_comma=True)
        self._need(")")
        if name == {"v4": "substringof", "v3": "contains"}[self._switches.dialect] or name not in _FUNCTIONS:
            raise InvalidParameters(f"An unknown function with name '{name}' was found.")
        if name == "substringof":
            first, second = second, first
        if first.kind != "word" or second.kind != "text":
            raise InvalidParameters(f"No function signature for '{name}' matches its arguments.")
        known, needle, run = self._field(first.text), _plain(second.text), _FUNCTIONS[name]
        if known.kind != "S":
            raise InvalidParameters(f"No function signature for '{name}' takes '{known.name}'.")
        return lambda row: bool(run(row[known.name], needle))

    def _argument(self, *, after_comma: bool = False) -> _Token:
        if after_comma:
            self._need(",")
        return self._next("an argument")

    def _field(self, name: str) -> Field:
        found = self._kind.fields.get(name)
        if found is None:
            raise no_property(name, self._kind)
        return found

    def _accept(self, kind: str, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == _Token(kind, text):
            self._at += 1
            return True
        return False

    def _need(self, mark: str) -> None:
        if not self._accept("mark", mark):
            raise self._broken(f"'{mark}' expected")

    def _next(self, wanted: str) -> _Token:
        if self._at >= len(self._tokens):
            raise self._broken(f"{wanted} expected")
        self._at += 1
        return self._tokens[self._at - 1]

    def expect_end(self) -> None:
        if self._at != len(self._tokens):
            raise self._broken(self._tokens[self._at].text)

    def _broken(self, what: str) -> InvalidParameters:
        return InvalidParameters(f"Syntax error in $filter: {what}.")


def no_property(name: str, kind: EntityType) -> InvalidParameters:
    return InvalidParameters(
        f"Could not find a property named '{name}' on type 'Sage.CA.SBS.ERP.Sage300.WebApi.Models.{kind.name}'."
    )


def _plain(text: str) -> str:
    return text[1:-1].replace("''", "'")
