"""Depth told by the brackets of a text is the depth of its value, whatever its strings hold."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector_resources.transport.answers import MAX_DEPTH, USUAL_DEPTH, is_bounded, is_shallow

TEXTS = st.text(st.sampled_from('[]{}"\\aé\n/'), max_size=6)
VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


def nested(levels: int, core: Any) -> Any:
    for level in range(levels):
        core = [core] if level % 2 else {"a": core}
    return core


@settings(max_examples=200)
@given(VALUES, st.integers(0, 80), st.booleans())
def test_the_text_never_promises_less_depth_than_the_value_has(core: Any, levels: int, escaped: bool) -> None:
    value = nested(levels, core)
    text = json.dumps(value, ensure_ascii=escaped).encode()
    assert is_shallow(text, value) == is_bounded(value)


@pytest.mark.parametrize("hidden", ["]" * 70, '"]' * 70, "\\]" * 70, '\\"' + "]" * 70])
def test_brackets_in_strings_hide_no_depth(hidden: str) -> None:
    value = [[hidden], nested(MAX_DEPTH + 5, hidden), hidden]
    assert not is_shallow(orjson.dumps(value), value)


def test_a_page_of_ordinary_depth_is_not_walked() -> None:
    page = {"payments": [{"id": f"PM{n}", "links": {"mandate": "MD1"}, "metadata": {"a": 'b "c"'}} for n in range(500)]}
    never_looked_at = nested(MAX_DEPTH + 5, 1)
    assert is_shallow(orjson.dumps(page), never_looked_at)
    assert not is_shallow(orjson.dumps(nested(USUAL_DEPTH + 1, 1)), never_looked_at)
