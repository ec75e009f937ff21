"""Connection files: every problem of every file at once, with file, line and field; templates that are valid as they are."""

from __future__ import annotations

import textwrap
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from bookkeeping.settings import BookSettings
from connector_resources.connections.load import COMPONENT_TYPE, load_component, load_connection, load_connections
from connector_resources.connections.template import connection_template
from connector_resources.erp.registry import ERPS
from connector_resources.errors import BrokenConnectionFile

CUT_OVER = date(2026, 6, 1)


def _template(erp: str = "visma", name: str = "first") -> str:
    return connection_template(erp, name, cut_over=CUT_OVER, time_zone="Europe/Oslo")


def _file(directory: Path, name: str, text: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def _problems(directory: Path, components: Path | None = None) -> list[str]:
    with pytest.raises(BrokenConnectionFile) as raised:
        load_connections(directory, components)
    assert all(problem in str(raised.value) for problem in raised.value.problems)
    return [problem.replace(f"{directory}/", "") for problem in raised.value.problems]


@pytest.mark.parametrize("erp", sorted(ERPS))
@pytest.mark.parametrize("environment", ["live", "sandbox"])
def test_the_template_of_every_erp_is_valid(tmp_path: Path, erp: str, environment: Any) -> None:
    text = connection_template(erp, "first", cut_over=CUT_OVER, time_zone="Europe/Oslo", environment=environment)
    connection = load_connection(_file(tmp_path, "first.yaml", text))

    assert (connection.name, connection.erp.kind) == ("first", erp)
    assert connection.gocardless.environment == environment
    assert (connection.books.cut_over, connection.books.time_zone) == (CUT_OVER, "Europe/Oslo")
    assert text.endswith("\n")
    assert "{{" not in text


@pytest.mark.parametrize("erp", sorted(ERPS))
def test_a_template_names_no_secret(erp: str) -> None:
    values = yaml.safe_load(_template(erp))
    assert not {key for key in (*values["gocardless"], *values["erp"]) if "secret" in key or "token" in key}


def test_the_file_gives_the_connection_its_name(tmp_path: Path) -> None:
    values = yaml.safe_load(_template())
    del values["name"]
    connection = load_connection(_file(tmp_path, "from_file.yaml", yaml.safe_dump(values)))
    assert connection.name == "from_file"


def test_every_bookkeeping_choice_of_the_file_reaches_the_rules(tmp_path: Path) -> None:
    document = yaml.safe_load(_template())
    document["books"] |= {
        "receipt_trigger": "paid_out", "post_transient_pairs": True, "invoice_references": ["reference"],
        "rounding": "rounding_account", "closed_through": "2026-05-31", "closed_period": "next_open_day",
        "partner_income": "suspense",
    }  # fmt: skip
    connection = load_connection(_file(tmp_path, "first.yaml", yaml.safe_dump(document)))
    assert connection.book_settings == BookSettings(
        "first", ZoneInfo("Europe/Oslo"), CUT_OVER, "paid_out", True, ("reference",), "rounding_account", date(2026, 5, 31),
        "next_open_day", "suspense",
    )  # fmt: skip


def test_every_problem_is_listed_with_file_line_and_field(tmp_path: Path) -> None:
    broken = """\
        gocardless:
          environment: test
          acess_token: gocardless_access_token
        books:
          time_zone: Mars/Base
          receipt_trigger: someday
        erp:
          kind: datev
          consultant_number: 7
          client_number: 1
          chart: skr03
        polling:
          sweep_days: 90
        """
    _file(tmp_path, "one.yaml", textwrap.dedent(broken))
    _file(tmp_path, "two.yaml", _template() + "colour: blue\n")
    _file(tmp_path, "three.yml", _template(name="Upper Case"))

    problems = _problems(tmp_path)

    starts = {problem.split(": ")[0] + ": " + problem.split(": ")[1] for problem in problems}
    assert starts == {
        "one.yaml:2: gocardless.environment",
        "one.yaml:3: gocardless.acess_token",
        "one.yaml:4: books.cut_over",
        "one.yaml:5: books.time_zone",
        "one.yaml:6: books.receipt_trigger",
        "one.yaml:9: erp.consultant_number",
        "one.yaml:13: polling.sweep_days",
        f"two.yaml:{len(_template().splitlines()) + 1}: colour",
        "three.yml:3: name",
    }
    text = "\n".join(problems)
    assert "acess_token: is not a known field; is it misspelt?" in text
    assert "books.cut_over: is required" in text
    assert "(found: 'Mars/Base')" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gocardless: [\n", "is not YAML"),
        ("a: 1\n  b: 2\n", "bad.yaml:2: is not YAML"),
        ("- a\n- b\n", "a connection file is a mapping"),
        ("", "a connection file is a mapping"),
        ("just words\n", "a connection file is a mapping"),
    ],
)
def test_what_is_no_mapping_is_said_in_words(tmp_path: Path, text: str, expected: str) -> None:
    _file(tmp_path, "bad.yaml", text)
    (problem,) = _problems(tmp_path)
    assert expected in problem


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00")
    (problem,) = _problems(tmp_path)
    assert "bad.yaml: cannot be read" in problem


@pytest.mark.parametrize(("erp", "expected"), [({"kind": "sap"}, "erp"), ({}, "erp"), ("visma", "erp"), (None, "erp")])
def test_an_erp_nobody_knows_is_one_clear_problem(tmp_path: Path, erp: Any, expected: str) -> None:
    values = {**yaml.safe_load(_template()), "erp": erp}
    _file(tmp_path, "first.yaml", yaml.safe_dump(values))
    (problem,) = _problems(tmp_path)
    assert f": {expected}: " in problem


def test_two_connections_of_one_name_are_a_problem(tmp_path: Path) -> None:
    _file(tmp_path, "one.yaml", _template(name="same"))
    _file(tmp_path, "two.yaml", _template(name="same"))
    assert _problems(tmp_path) == ["two files are called 'same': names must differ"]


def _component(text: str) -> str:
    return f"type: {COMPONENT_TYPE}\n\nattributes:\n{textwrap.indent(text, '  ')}"


def test_components_and_files_are_loaded_together(tmp_path: Path) -> None:
    _file(tmp_path / "home", "one.yaml", _template(name="one"))
    _file(tmp_path / "defs" / "two", "defs.yaml", _component(_template("datev", "two")))
    _file(tmp_path / "defs" / "other", "defs.yaml", "type: somebody.else.Component\nattributes: {}\n")

    names = [c.name for c in load_connections(tmp_path / "home", tmp_path / "defs")]

    assert names == ["one", "two"]
    assert load_component(tmp_path / "defs" / "other" / "defs.yaml") is None


def test_a_component_and_a_file_of_one_name_are_a_problem(tmp_path: Path) -> None:
    _file(tmp_path / "home", "one.yaml", _template(name="one"))
    _file(tmp_path / "defs" / "one", "defs.yaml", _component(_template(name="one")))
    assert _problems(tmp_path / "home", tmp_path / "defs") == ["two files are called 'one': names must differ"]


def test_a_broken_component_names_the_line_in_its_own_file(tmp_path: Path) -> None:
    text = _component(_template(name="two")).replace("receipt_trigger: confirmed", "receipt_trigger: never")
    path = _file(tmp_path / "defs" / "two", "defs.yaml", text)
    line = next(n for n, row in enumerate(text.splitlines(), start=1) if "never" in row)

    (problem,) = _problems(tmp_path / "home", tmp_path / "defs")

    assert problem.startswith(f"{path}:{line}: books.receipt_trigger: ")


def test_a_home_without_files_has_no_connections(tmp_path: Path) -> None:
    assert load_connections(tmp_path / "nothing", tmp_path / "nothing") == ()


@pytest.mark.parametrize("erp", ["visma", "exact_online"])
def test_a_bare_off_means_the_word_and_not_false(tmp_path: Path, erp: str) -> None:
    document = yaml.safe_load(_template(erp))
    document.setdefault("customers", {})["to_gocardless"] = False
    text = yaml.safe_dump(document).replace("to_gocardless: false", "to_gocardless: off")
    assert "to_gocardless: off" in text

    assert load_connection(_file(tmp_path, "first.yaml", text)).customers.to_gocardless == "off"
