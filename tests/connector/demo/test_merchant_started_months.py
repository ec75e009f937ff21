"""The months that merchants start in GoCardless, taken in by one run, through the same stage and judge as in the demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.connector.demo.conftest import DAYS_AT_ONCE, theatre

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["nordic", "german"])
def test_the_ledgers_books_are_what_they_must_be_and_nothing_was_collected(tmp_path: Path, name: str) -> None:
    with theatre(tmp_path / "home") as opened:
        while not opened.stand_ins.advance(DAYS_AT_ONCE)["over"]:
            pass
        opened.run(name, days=30)

        assert [(run.success, run.failure) for run in opened.runs] == [(True, "")]
        assert opened.differences(name) == []
        assert opened.truth(name)["collections"] == {"created": 0, "doubled": []}
