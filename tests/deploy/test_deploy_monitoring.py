"""Alert rules and dashboard ask only for metrics that exist, with labels they have, and each alert says what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from connector_resources.metrics import registry_of
from connector_resources.store.store import Store
from sensors.receiver_metrics import CountedReceiver

PROMQL = {
    "absent", "sum", "by", "time", "rate", "increase", "min_over_time", "label_values", "up", "or",
}  # fmt: skip
DIRECTIVES = {
    "Unit": {"Description", "Documentation", "After", "Wants", "PartOf"},
    "Service": {
        "Type", "User", "Group", "EnvironmentFile", "WorkingDirectory", "ExecStart", "ExecStartPost", "Restart",
        "RestartSec", "TimeoutStopSec", "TimeoutStartSec", "StateDirectory", "StateDirectoryMode", "UMask",
        "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "NoNewPrivileges", "CapabilityBoundingSet",
        "AmbientCapabilities", "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs",
        "ProtectControlGroups", "ProtectClock", "ProtectHostname", "ProtectProc", "RestrictAddressFamilies",
        "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality", "SystemCallArchitectures",
        "SystemCallFilter", "SystemCallErrorNumber",
    },
    "Timer": {"OnCalendar", "RandomizedDelaySec", "Persistent"},
    "Install": {"WantedBy"},
}  # fmt: skip


@pytest.fixture(scope="module")
def labels_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Name of every metric that the product gives, and its labels."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.sqlite'}"
    found: dict[str, set[str]] = {"up": {"job"}}
    with Store.open(url, clock=lambda: datetime.now(UTC)) as store:
        store.migrate()
        for family in registry_of(store).collect():
            found[family.name] = set(family._labelnames)
    registry = CollectorRegistry()

    async def nothing(scope: Any, receive: Any, send: Any) -> None: ...

    counted = CountedReceiver(nothing, [], registry)
    found["connector_webhooks_total"] = set(counted._webhooks._labelnames)
    return found


def alerts(root: Path) -> list[dict[str, Any]]:
    content = yaml.safe_load((root / "deploy/monitoring/alerts.yaml").read_text(encoding="utf-8"))
    assert content.keys() == {"groups"}
    return [rule for group in content["groups"] for rule in group["rules"]]


def dashboard(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((root / "deploy/monitoring/dashboard.json").read_text(encoding="utf-8"))
    return content


def require_known(expression: str, labels_of: dict[str, set[str]]) -> None:
    bare = re.sub(r'"[^"]*"', '""', expression)
    assert all(bare.count(a) == bare.count(b) for a, b in ("()", "{}", "[]")), expression
    names = set(re.findall(r"\b(?:connector_\w+|up)\b", bare))
    assert names, expression
    assert names <= labels_of.keys(), names - labels_of.keys()
    allowed = set().union(*(labels_of[name] for name in names))
    for clause in re.findall(r"\{([^}]*)\}|\bby \(([^)]*)\)", bare):
        used = set(re.findall(r"\w+", "".join(clause)))
        assert used <= allowed, (expression, used - allowed)
    without_clauses = re.sub(r"\{[^}]*\}|\bby \([^)]*\)|\[[^\]]*\]", "", bare)
    words = set(re.findall(r"[a-z_]\w*", without_clauses))
    assert words <= names | PROMQL, (expression, words - names - PROMQL)


def test_every_alert_asks_for_what_exists_and_says_what_to_do(root: Path, labels_of: dict[str, set[str]]) -> None:
    rules = alerts(root)
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 10
    for rule in rules:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        require_known(rule["expr"], labels_of)
        assert rule["labels"]["severity"] in {"page", "work"}
        assert rule["annotations"].keys() == {"summary", "action"}
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
        for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])):
            assert label in set().union(*labels_of.values())
        for page in re.findall(r"docs/[\w-]+\.md", rule["annotations"]["action"]):
            assert (root / page).exists()


def test_every_panel_asks_for_what_exists(root: Path, labels_of: dict[str, set[str]]) -> None:
    board = dashboard(root)
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) >= 10
    for panel in board["panels"]:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        for target in panel["targets"]:
            require_known(target["expr"], labels_of)
    assert [each["name"] for each in board["templating"]["list"]] == ["datasource", "connection"]


def test_every_metric_of_an_alert_or_panel_is_used_and_none_is_forgotten(
    root: Path, labels_of: dict[str, set[str]]
) -> None:
    texts = json.dumps(alerts(root)) + json.dumps(dashboard(root))
    assert [name for name in labels_of if name not in texts] == []


def test_the_units_hold_only_directives_that_systemd_knows(root: Path) -> None:
    for unit in sorted((root / "deploy/systemd").glob("connector*")):
        if unit.suffix == ".env":
            continue
        section = ""
        for line in unit.read_text(encoding="utf-8").splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#"):
                assert line.partition("=")[0] in DIRECTIVES[section], (unit.name, line)


def test_systemd_itself_accepts_the_units(root: Path, tmp_path: Path) -> None:
    """Where systemd is; elsewhere the test above is all that can be said."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not on this machine; the directives were checked by name")
    for unit in (root / "deploy/systemd").glob("connector*"):
        text = unit.read_text(encoding="utf-8").replace("/opt/connector", str(root))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    units = [str(unit) for unit in tmp_path.iterdir() if unit.suffix != ".env"]
    done = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line or line.startswith("connector")]
    assert (done.returncode, said) == (0, [])
    calendar = subprocess.run([analyze, "calendar", "*-*-* 02:30:00"], capture_output=True, text=True, check=False)
    assert calendar.returncode == 0
