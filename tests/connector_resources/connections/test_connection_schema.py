"""The JSON Schema of connection files: it takes every file that is in order, refuses what is not, and explains each field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from connector.demo.cast import ROLES
from connector.demo.stage import CUT_OVER
from connector_resources.connections.load import load_connection
from connector_resources.connections.schema import MODELINE, SCHEMA_FILE, SettingTree, connection_schema
from connector_resources.connections.template import connection_file, connection_template, typed_answers
from connector_resources.erp.registry import ERPS
from sandbox.clock import SandboxClock
from sandbox.visma.company import Company
from tests.erp_sections import (
    datev_section,
    exact_online_section,
    ifs_cloud_section,
    sage300_section,
    visma_section,
)

DAY = date(2026, 6, 1)
ADDRESS = "http://127.0.0.1:8600"
COMPANIES: dict[str, Any] = {
    "visma": {"company_name": "A", "tenant_id": "B"},
    "sage300": {"company": "LIFFEY"},
    "ifs_cloud": {"creditors": {"10": "CR1", "20": "CR2"}, "calls_per_minute": 1000},
    "exact_online": {"division": 7, "calls_per_minute": 60},
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = connection_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _as_editors_read(document: Any) -> Any:
    """Editors know no dates: what looks like one is a text."""
    return json.loads(json.dumps(document, default=str))


def _minimal(erp: dict[str, Any], **sections: Any) -> dict[str, Any]:
    books = {"time_zone": "Europe/Oslo", "cut_over": "2026-06-01"}
    return {"gocardless": {"environment": "sandbox"}, "books": books, "erp": erp, **sections}


def _sections() -> dict[str, dict[str, Any]]:
    return {
        "visma": visma_section(Company(clock=SandboxClock()), ADDRESS),
        "datev": datev_section(ADDRESS),
        "exact_online": exact_online_section(ADDRESS),
        "sage300": sage300_section(ADDRESS),
        "ifs_cloud": ifs_cloud_section(ADDRESS, "CR000123"),
    }


def _every_preset() -> Iterator[Any]:
    for erp, kind in ERPS.items():
        for preset in kind.onboarding.presets:
            yield pytest.param(erp, preset.name, id=f"{erp} {preset.name}")


@pytest.mark.parametrize(("erp", "preset"), list(_every_preset()))
def test_every_chart_of_every_ledger_makes_a_file_that_schema_and_loader_take(
    tmp_path: Path, validator: Draft202012Validator, erp: str, preset: str
) -> None:
    onboarding = ERPS[erp].onboarding
    answers = typed_answers(erp, {question.key: question.example for question in onboarding.questions})
    chart = next(each for each in onboarding.presets if each.name == preset)
    section = onboarding.section(erp, answers, chart, ["EUR", "GBP", "SEK", "DKK"], "CR000123")
    path = tmp_path / "first.yaml"
    path.write_text(connection_file({"name": "first", **_minimal(section)}), encoding="utf-8")

    assert load_connection(path).erp.kind == erp
    assert list(validator.iter_errors(_as_editors_read(yaml.safe_load(path.read_text())))) == []


@pytest.mark.parametrize("name", sorted(ROLES))
def test_the_files_of_the_demo_fit(validator: Draft202012Validator, name: str) -> None:
    role = ROLES[name]
    document = {
        "description": "Demo merchant",
        "gocardless": {"environment": "sandbox", "base_url": ADDRESS},
        "books": {"time_zone": role.time_zone, "cut_over": CUT_OVER},
        "polling": {"events_every_s": 5, **role.polling},
        **role.sections,
        "erp": role.section(ADDRESS, COMPANIES.get(role.erp, {})),
    }
    assert list(validator.iter_errors(_as_editors_read(document))) == []


@pytest.mark.parametrize("erp", sorted(ERPS))
def test_the_files_of_the_tests_fit(validator: Draft202012Validator, erp: str) -> None:
    assert list(validator.iter_errors(_minimal(_sections()[erp]))) == []


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"colour": "blue"}, ""),
        ({"gocardless": {"environment": "test"}}, "gocardless/environment"),
        ({"gocardless": {"environment": "live", "acess_token": "x"}}, "gocardless"),
        ({"books": {"time_zone": "Europe/Oslo"}}, "books"),
        ({"books": {"time_zone": "Europe/Oslo", "cut_over": "2026-06-01", "rounding": "up"}}, "books/rounding"),
        ({"polling": {"sweep_days": 90}}, "polling/sweep_days"),
        ({"collections": {"retry": {"attempts": 0}}}, "collections/retry/attempts"),
        ({"erp": {"kind": "sap"}}, "erp"),
        ({"name": "Not A Name"}, "name"),
    ],
)
def test_what_the_loader_refuses_the_schema_marks_at_its_place(
    validator: Draft202012Validator, tmp_path: Path, wrong: dict[str, Any], place: str
) -> None:
    document = {**_minimal(_sections()["sage300"]), **wrong}
    errors = list(validator.iter_errors(document))
    assert [("/".join(str(step) for step in error.absolute_path)) for error in errors] == [place]
    path = tmp_path / "first.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(Exception, match="problem in connection files"):
        load_connection(path)


@pytest.mark.parametrize(
    ("setting", "value", "right"),
    [("begins", "22:00", True), ("begins", "22:00:30", True), ("begins", "25:00", False), ("begins", "10 pm", False)],
)
def test_a_time_of_day_needs_no_seconds_and_no_zone(
    validator: Draft202012Validator, setting: str, value: str, right: bool
) -> None:
    hours = {"begins": "22:00", "ends": "04:00", setting: value}
    document = _minimal({**_sections()["sage300"], "quiet_hours": hours})
    assert validator.is_valid(document) is right


def _nodes(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for title, part in {"": schema, **schema["$defs"]}.items():
        for name, setting in part.get("properties", {}).items():
            yield f"{title}.{name}", setting


def test_every_field_has_a_description() -> None:
    schema = connection_schema()
    tree = SettingTree()
    # One that is the same as its section's stands there alone.
    assert [name for name, setting in _nodes(schema) if not tree.description(setting)] == []
    assert len(list(_nodes(schema))) > 200


def test_the_first_line_of_a_file_leads_to_the_schema_beside_it() -> None:
    text = connection_template("visma", "first", cut_over=DAY)
    assert text.splitlines()[0] == MODELINE
    assert MODELINE.partition("$schema=")[2] == SCHEMA_FILE


@pytest.mark.parametrize("erp", sorted(ERPS))
def test_a_file_names_every_setting_there_is_and_switching_all_on_changes_nothing(tmp_path: Path, erp: str) -> None:
    path = tmp_path / "first.yaml"
    text = connection_template(erp, "first", cut_over=DAY)
    path.write_text(text, encoding="utf-8")
    as_written = load_connection(path)

    # A setting is switched off by a # in front of it; a comment has a blank and a word behind its #.
    path.write_text(re.sub(r"^( *)#(?! \S)", r"\1", text, flags=re.MULTILINE), encoding="utf-8")

    assert load_connection(path) == as_written
    tree = SettingTree()
    sections = {"": tree.root, **tree.settings(tree.root, erp)}
    for node in sections.values():
        for name in tree.settings(node, erp):
            assert re.search(rf"^[ #]*'?{name}'?:", text, flags=re.MULTILINE), name
