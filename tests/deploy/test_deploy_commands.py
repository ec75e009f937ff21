"""What the files of `deploy/` call exists: every command with its options, every variable, every module and port."""

from __future__ import annotations

import configparser
import importlib.metadata
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from connector.cli import main
from connector_resources.settings import Settings

#: variables that are read by others than us: Dagster, libpq, Python, PostgreSQL's image, the proxy.
FOREIGN = {
    "DAGSTER_HOME", "DAGSTER_POSTGRES_URL", "PGPASSFILE", "PGPASSWORD", "PATH", "PYTHONUNBUFFERED", "PIP_NO_CACHE_DIR",
    "PIP_DISABLE_PIP_VERSION_CHECK", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE", "POSTGRES_INITDB_ARGS",
    "HOOKS_HOST", "DAGSTER_HOST", "DAGSTER_USER", "DAGSTER_PASSWORD_HASH", "DAGSTER_CELERY_BROKER", "DAGSTER_CELERY_BACKEND",
    "DAGSTER_PG_PASSWORD",
}  # fmt: skip
OURS = {f"CONNECTOR_{name.upper()}" for name in Settings.model_fields}


def console_script(name: str) -> click.Command:
    (found,) = importlib.metadata.entry_points(group="console_scripts", name=name)
    loaded = found.load()
    if isinstance(loaded, click.Command):
        return loaded
    # Dagster's scripts are functions around a click group that they make or import.
    module = __import__(found.value.split(":")[0], fromlist=["x"])
    groups = [value for value in vars(module).values() if isinstance(value, click.Command)]
    if hasattr(module, "create_dagster_cli"):
        return module.create_dagster_cli()
    wanted = {"dagster-webserver": "dagster_webserver", "dagster-daemon": None}.get(name)
    if wanted is not None:
        return next(group for group in groups if group.callback and group.callback.__name__ == wanted)
    return module.create_dagster_daemon_cli()


def require_command(words: list[str]) -> None:
    """Fails unless the program, its subcommand and all its options are there and fit together."""
    program = Path(words[0]).name
    command: click.Command = main if program == "connector" else console_script(program)
    rest = words[1:]
    while isinstance(command, click.Group) and rest:
        inner = command.get_command(click.Context(command), rest[0])
        assert inner is not None, words
        command, rest = inner, rest[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = {word for word in rest if word.startswith("-")}
    assert given <= known, (words, given - known)
    # A command keeps the help option of its first context, and the pages of reference are made in the same process.
    command.make_context(program, rest, resilient_parsing=True, **main.context_settings)


PROGRAMS = ("connector", "dagster", "dagster-webserver", "dagster-daemon")


def compose_commands(compose: dict[str, Any]) -> Iterator[list[str]]:
    for service in compose["services"].values():
        for words in (service.get("command"), service.get("healthcheck", {}).get("test")):
            words = [str(word) for word in words or [] if word != "CMD"]
            if words and words[0] in PROGRAMS:
                yield words
            elif words[:2] == ["sh", "-c"]:
                yield shlex.split(words[2].split("exec", 1)[1])


def test_every_command_of_the_compose_file_exists(compose: dict[str, Any]) -> None:
    commands = list(compose_commands(compose))
    assert {words[0] for words in commands} == set(PROGRAMS)
    for words in commands:
        require_command(words)


def test_every_command_of_the_units_exists(root: Path) -> None:
    commands = []
    for unit in (root / "deploy/systemd").glob("*.service"):
        for line in unit.read_text(encoding="utf-8").splitlines():
            if line.startswith("ExecStart="):
                words = shlex.split(line.partition("=")[2].replace("%%", "%"))
                commands.append(shlex.split(words[2]) if words[:2] == ["/bin/sh", "-c"] else words)
    assert len(commands) == 4
    for words in commands:
        assert words[0].startswith("/opt/connector/.venv/bin/")
        require_command(words)


def test_every_command_of_kubernetes_exists(manifests: list[dict[str, Any]]) -> None:
    pods = [each["spec"]["template"]["spec"] for each in manifests if each["kind"] == "Deployment"]
    containers = [each for pod in pods for each in (*pod.get("initContainers", ()), *pod["containers"])]
    commands = [each["command"] for each in containers]
    for each in containers:
        commands += [probe["exec"]["command"] for probe in each.values() if isinstance(probe, dict) and "exec" in probe]
    assert len(commands) == 6
    for words in commands:
        require_command([str(word) for word in words])


def test_the_images_command_exists(root: Path) -> None:
    text = (root / "deploy/container/Dockerfile").read_text(encoding="utf-8")
    (command,) = re.findall(r"^CMD (\[.*\])$", text, flags=re.MULTILINE)
    require_command(json.loads(command))


def names_of_variables(root: Path) -> Iterator[tuple[str, str]]:
    for file in sorted((root / "deploy").rglob("*")):
        if file.is_file() and file.suffix != ".json":
            for name in re.findall(
                r"\b((?:CONNECTOR|DAGSTER|PG|POSTGRES|PIP)_?[A-Z][A-Z_]+)\b", file.read_text(encoding="utf-8")
            ):
                yield file.name, name


def test_every_variable_is_read_by_something(root: Path) -> None:
    found = set(names_of_variables(root))
    assert {name for _, name in found} >= {"CONNECTOR_HOME", "CONNECTOR_DATABASE_URL", "CONNECTOR_LOG_LEVEL"}
    unknown = {(file, name) for file, name in found if name not in OURS | FOREIGN}
    assert not unknown


def test_the_proxies_reach_the_ports_that_are_listened_on(root: Path, compose: dict[str, Any]) -> None:
    nginx = (root / "deploy/proxy/nginx.conf").read_text(encoding="utf-8")
    units = "".join(file.read_text(encoding="utf-8") for file in (root / "deploy/systemd").glob("*.service"))
    for port in re.findall(r"proxy_pass http://127\.0\.0\.1:(\d+);", nginx):
        assert f"--port {port}" in units
    caddy = (root / "deploy/compose/Caddyfile").read_text(encoding="utf-8")
    targets = re.findall(r"reverse_proxy (\w+):(\d+)", caddy)
    assert {name for name, _ in targets} == {"receiver", "webserver"}
    for name, port in targets:
        assert port in compose["services"][name]["command"]
    workspace = (root / "deploy/compose/workspace.yaml").read_text(encoding="utf-8")
    assert "host: code" in workspace
    assert "port: 4000" in workspace
    assert "4000" in compose["services"]["code"]["command"]


def test_braces_and_statements_of_the_proxies_are_whole(root: Path) -> None:
    for name in ("proxy/nginx.conf", "compose/Caddyfile"):
        lines = [
            line.split(" #")[0].strip()
            for line in (root / "deploy" / name).read_text(encoding="utf-8").splitlines()
            if not line.strip().startswith("#")
        ]
        text = re.sub(r"\{\$\w+\}", "", "\n".join(lines))
        assert text.count("{") == text.count("}")
        if name.endswith(".conf"):
            assert all(line.endswith((";", "{", "}")) for line in lines if line)
    nginx = (root / "deploy/proxy/nginx.conf").read_text(encoding="utf-8")
    assert nginx.count("auth_basic_user_file") == 1
    assert nginx.count("ssl_certificate_key") == 2


@pytest.mark.parametrize("name", ["receiver", "webserver", "daemon", "backup"])
def test_units_are_hardened_and_start_again(root: Path, name: str) -> None:
    unit = configparser.RawConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(root / f"deploy/systemd/connector-{name}.service")
    service = unit["Service"]
    assert service["User"] == "connector"
    for setting, value in {"ProtectSystem": "strict", "NoNewPrivileges": "true", "PrivateTmp": "true"}.items():
        assert service[setting] == value
    assert service["CapabilityBoundingSet"] == ""
    assert service.get("Restart") == (None if name == "backup" else "always")
    assert service["EnvironmentFile"] == "/etc/connector/connector.env"
