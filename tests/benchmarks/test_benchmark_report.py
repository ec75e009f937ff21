"""The page of a measurement says what was wanted, what was found, and why a target is missed; nothing here is timed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.measure import Page, Result, Sample, ratio
from benchmarks.registry import MODULES, benchmark
from benchmarks.report import Chapter, Report
from benchmarks.target import Benchmark, Found, at_least, at_most

MACHINE = {"cores": "2", "measured_at": "2026-11-21 17:20 UTC"}


def a_chapter() -> Chapter:
    page = Page("", "Payments a second.", "", {}, ["reader", "payments/s"])
    page.add(["connector", "9"], {"per_second": 9})
    page.notes.append("Three rounds.")
    found = Found(
        [page],
        [
            at_least("share of the loop", 0.5, 0.7, reason="Half of the time is parsing."),
            at_most("memory", 1.2, 1.3, unit="MiB"),
        ],
    )
    return Chapter.of("extraction", "Reading payments", 61.2, json.loads(json.dumps(asdict(found))))


@pytest.mark.parametrize("name", MODULES)
def test_every_registered_measurement_says_what_it_is_to_reach(name: str) -> None:
    found = benchmark(name)
    assert isinstance(found, Benchmark)
    assert found.name == name
    assert found.title
    assert all(found.targets)
    assert found.targets


def test_a_name_that_is_not_registered_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="there is no measurement 'os'; there are extraction"):
        benchmark("os")


def test_the_page_tells_targets_then_misses_then_tables() -> None:
    text = Report(MACHINE, quick=True, chapters=[a_chapter()]).markdown()

    assert "1 of 2 targets are met. `make bench QUICK=1` measured for 1 minutes" in text
    assert "| Reading payments | share of the loop | >= 0.7 | 0.50 | **not met** |" in text
    assert "| Reading payments | memory | <= 1.3 MiB | 1.20 MiB | met |" in text
    assert "### Not met: Reading payments, share of the loop\n\n0.50 where >= 0.7 is wanted. Half of the time" in text
    assert "### Not met: Reading payments, memory" not in text
    assert "| connector | 9 |" in text
    assert text.index("## Misses") < text.index("## Reading payments") < text.index("- Three rounds.")


def test_a_figure_that_only_reaches_its_target_when_it_is_rounded_is_a_miss() -> None:
    assert at_least("share", 0.799, 0.8).figure == "0.80"
    assert not at_least("share", 0.799, 0.8).met
    assert not at_most("share", 0.801, 0.8).met
    assert at_least("share", 0.8, 0.8).met
    assert at_most("share", 0.8, 0.8).met


def test_a_measurement_that_failed_is_on_the_page_and_the_others_beside_it() -> None:
    failed = Chapter("writing", "Writing files", 3, failure="RuntimeError: dlt failed")
    text = Report(MACHINE, quick=False, chapters=[failed, a_chapter()]).markdown()

    assert "It failed: `RuntimeError: dlt failed`" in text
    assert "1 of 2 targets are met. `make bench` measured" in text


@pytest.mark.parametrize(
    ("quick", "part", "stem"),
    [(False, (), "2026-11-21"), (True, (), "2026-11-21-quick"), (True, ("writing",), "2026-11-21-quick-writing")],
)
def test_a_part_or_a_quick_run_never_takes_the_place_of_a_whole_one(
    quick: bool, part: tuple[str, ...], stem: str, tmp_path: Path
) -> None:
    text, figures = Report(MACHINE, quick, part, [a_chapter()]).write(tmp_path)

    assert (text.name, figures.name) == (f"{stem}.md", f"{stem}.json")
    assert json.loads(figures.read_text())["chapters"][0]["pages"][0]["figures"] == [{"per_second": 9}]


def test_a_ratio_compares_what_met_the_same_machine() -> None:
    own = Result("own", tuple(Sample(seconds, 1, 100) for seconds in (2, 20, 3)))
    other = Result("other", tuple(Sample(seconds, 1, 100) for seconds in (1, 10, 3)))
    assert ratio(own, other) == 0.5
