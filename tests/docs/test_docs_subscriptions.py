"""The page on subscriptions names every reason that the rules give, and its settings are valid."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import yaml

from connector_resources.connections.subscriptions import SubscriptionsSection

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "how-a-recurring-charge-becomes-a-subscription.md").read_text(encoding="utf-8")
SUBSCRIBING = ROOT / "bookkeeping" / "subscribing.py"
#: which argument of these is a code.
CODED = {"Left": 1, "_left": 1, "Drop": 1, "_stopped": 1, "Change": 2}


def codes_of_the_rules() -> set[str]:
    """Codes of what is left, changed and dropped; pairs of texts; and those of the choice of a mandate."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(SUBSCRIBING.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=name), args=args) if name in CODED and len(args) > CODED[name]:
                if isinstance(code := args[CODED[name]], ast.Constant):
                    found.add(code.value)
            case ast.Return(value=ast.Tuple(elts=[ast.Constant(value=str(code)), _])):
                found.add(code)
    return found | codes_of_mandates()


def codes_of_mandates() -> set[str]:
    source = (ROOT / "bookkeeping" / "eligibility.py").read_text(encoding="utf-8")
    return {
        str(node.args[0].value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "NoMandate"
        if isinstance(node.args[0], ast.Constant)
    }


def test_the_page_explains_every_reason_and_no_other() -> None:
    shown = set(re.findall(r"^\| `([a-z_]+)` \|", TEXT, flags=re.MULTILINE))

    assert {"followed", "charge_gone", "no_mandate", "amendments_used_up", "start_passed"} <= codes_of_the_rules()
    assert shown == codes_of_the_rules()


def test_the_settings_on_the_page_are_valid() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)

    section = SubscriptionsSection.model_validate(yaml.safe_load(block)["subscriptions"])

    assert section.enabled
    assert section.sales_invoices.write == "none"
