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
from connector_resources.connections.load import (
    COMPONENT_TYPE,
    find_connection,
    load_component,
    load_connection,
    load_connections,
    read_connections,
)
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


def _line(part: str, text: str) -> int:
    return next(number for number, row in enumerate(text.splitlines(), start=1) if part in row)


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
        f"three.yml:{_line('name: Upper', _template(name='Upper Case'))}: name",
    }
    text = "\n".join(problems)
    assert "gocardless.acess_token: is not a known field; did you mean access_token?" in text
    assert "gocardless.environment: must be one of: live, sandbox (found: 'test')" in text
    assert "books.cut_over: is required: First activity day that is posted" in text
    assert "books.receipt_trigger: must be one of: confirmed, paid_out (found: 'someday')" in text
    assert "colour: is not a known field; known here: name, description" in text
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
    assert _problems(tmp_path) == [
        f"{name}: name: another file is called 'same' too; names must differ" for name in ("one.yaml", "two.yaml")
    ]


def _component(text: str) -> str:
    return f"type: {COMPONENT_TYPE}\n\nattributes:\n{textwrap.indent(text, '  ')}"


def test_components_and_files_are_loaded_together(tmp_path: Path) -> None:
    _file(tmp_path / "home", "one.yaml", _template(name="one"))
    _file(tmp_path / "defs" / "two", "defs.yaml", _component(_template("datev", "two")))
    _file(tmp_path / "defs" / "other", "defs.yaml", "type: somebody.else.Component\nattributes: {}\n")

    names = [c.name for c in load_connections(tmp_path / "home", tmp_path / "defs")]

    assert names == ["one", "two"]
    assert load_component(tmp_path / "defs" / "other" / "defs.yaml") is None
    at_home = read_connections(tmp_path / "home", tmp_path / "defs").at_home
    assert [connection.name for connection in at_home] == ["one"]


def test_a_component_and_a_file_of_one_name_are_a_problem(tmp_path: Path) -> None:
    _file(tmp_path / "home", "one.yaml", _template(name="one"))
    _file(tmp_path / "defs" / "one", "defs.yaml", _component(_template(name="one")))
    first, second = _problems(tmp_path / "home", tmp_path / "defs")
    assert first == "one.yaml: name: another file is called 'one' too; names must differ"
    assert second.startswith(f"{tmp_path}/defs/one/defs.yaml: name: another file is called 'one' too")


def test_a_broken_component_names_the_line_in_its_own_file(tmp_path: Path) -> None:
    text = _component(_template(name="two")).replace("receipt_trigger: confirmed", "receipt_trigger: never")
    path = _file(tmp_path / "defs" / "two", "defs.yaml", text)
    line = _line("receipt_trigger: never", text)

    (problem,) = _problems(tmp_path / "home", tmp_path / "defs")

    assert problem.startswith(f"{path}:{line}: books.receipt_trigger: ")


def test_what_a_ledger_cannot_do_is_told_beside_the_problems_of_other_sections(tmp_path: Path) -> None:
    document = yaml.safe_load(_template())
    document["books"]["time_zone"] = "Mars/Base"
    document["collections"] = {"enabled": True}
    document["subscriptions"] = {"enabled": True}
    document["erp"] |= {"fee_vat_mode": "gl_vat", "chargeback_mode": "debit_note", "create_customers": True}
    _file(tmp_path, "first.yaml", yaml.safe_dump(document))

    text = "\n".join(_problems(tmp_path))

    for expected in (
        "books.time_zone: ", "erp: fee_vat_mode gl_vat needs vat_codes", "erp: chargeback_mode debit_note needs",
        "erp: create_customers needs the customer_class", "collections.enabled: invoices of Visma.net ERP cannot",
        "subscriptions.enabled: Visma.net ERP has no recurring charges",
    ):  # fmt: skip
        assert text.count(expected) == 1, (expected, text)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"erp": {"kind": "vismo"}}, "did you mean visma?"),
        (
            {"erp": {"kind": "sap"}},
            "kind must be one of: visma, datev, exact_online, sage300, ifs_cloud (found: 'sap')",
        ),
        ({"erp": {}}, "erp: needs a kind: one of visma"),
        ({"receipt_triger": "confirmed"}, "receipt_triger: is not a known field"),
        ({"gocardless": {"enviroment": "live"}}, "did you mean environment?"),
        ({"webhook": {"invalid_signature_status": 400}}, "must be one of: 401, 498 (found: 400)"),
        ({"gocardless": {}}, "Which GoCardless environment the token belongs to. One of: live, sandbox."),
        ({"name": "Not A Name"}, "must look like ^[a-z][a-z0-9_]{1,39}$"),
    ],
)
def test_a_problem_says_what_is_allowed_and_what_was_meant(tmp_path: Path, wrong: Any, expected: str) -> None:
    _file(tmp_path, "first.yaml", yaml.safe_dump({**yaml.safe_load(_template()), **wrong}))
    assert expected in "\n".join(_problems(tmp_path))


def test_a_key_that_stands_twice_is_a_problem_and_not_the_last_one_the_winner(tmp_path: Path) -> None:
    text = _template() + "polling:\n  sweep_days: 2\n  sweep_days: 5\n"
    _file(tmp_path, "first.yaml", text)
    (problem,) = _problems(tmp_path)
    assert problem == f"first.yaml:{len(text.splitlines())}: polling.sweep_days: stands twice; take one of the two out"


def test_a_broken_file_does_not_take_the_others_away(tmp_path: Path) -> None:
    _file(tmp_path, "good.yaml", _template(name="good"))
    _file(tmp_path, "named.yaml", _template(name="other_name") + "colour: blue\n")
    _file(tmp_path, "un-readable.yaml", "a: [\n")

    found = read_connections(tmp_path)

    assert [connection.name for connection in found.connections] == ["good"]
    assert [each.name for each in found.broken] == ["other_name", "un_readable"]
    with pytest.raises(BrokenConnectionFile, match="colour: is not a known field"):
        find_connection(found.connections, "other_name", found.broken)


def test_a_home_without_files_has_no_connections(tmp_path: Path) -> None:
    assert load_connections(tmp_path / "nothing", tmp_path / "nothing") == ()


@pytest.mark.parametrize("erp", ["visma", "exact_online"])
def test_a_bare_off_means_the_word_and_not_false(tmp_path: Path, erp: str) -> None:
    document = yaml.safe_load(_template(erp))
    document.setdefault("customers", {})["to_gocardless"] = False
    text = yaml.safe_dump(document).replace("to_gocardless: false", "to_gocardless: off")
    assert "to_gocardless: off" in text

    assert load_connection(_file(tmp_path, "first.yaml", text)).customers.to_gocardless == "off"


def test_a_bare_on_means_the_name_of_a_setting_and_not_true(tmp_path: Path) -> None:
    text = _template("ifs_cloud").replace("#'on': open_items", "on: invoices")
    assert "on: invoices" in text

    connection = load_connection(_file(tmp_path, "first.yaml", text))

    assert connection.erp.marker.on == "invoices"  # type: ignore[attr-defined]
