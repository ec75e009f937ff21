"""The compose file keeps everything but the proxy inside, gives no process a secret it does not need, and fits together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

#: what the compose specification lets stand in a service, of which we use these (compose-spec, 05-services.md).
SERVICE = {
    "image", "build", "restart", "read_only", "tmpfs", "cap_drop", "cap_add", "security_opt", "networks", "volumes",
    "secrets", "environment", "logging", "depends_on", "command", "healthcheck", "ports",
}  # fmt: skip
TOP = {"name", "services", "networks", "volumes", "secrets"}
HEALTH = {"test", "interval", "timeout", "start_period", "retries", "disable"}
CONDITIONS = {"service_healthy", "service_completed_successfully", "service_started"}
OURS = ("prepare", "receiver", "code", "webserver", "daemon")


def test_only_known_keys_stand_where_they_belong(compose: dict[str, Any]) -> None:
    assert {key for key in compose if not key.startswith("x-")} == TOP
    for name, service in compose["services"].items():
        assert service.keys() <= SERVICE, name
        assert service.get("healthcheck", {}).keys() <= HEALTH, name


def test_every_name_that_is_used_is_defined(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service["networks"]) <= compose["networks"].keys(), name
        assert set(service.get("secrets", [])) <= compose["secrets"].keys(), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith("./") or source in compose["volumes"], (name, volume)
        needs = service.get("depends_on", [])
        for other, how in needs.items() if isinstance(needs, dict) else ((other, {}) for other in needs):
            assert other in compose["services"], (name, other)
            assert how.get("condition", "service_started") in CONDITIONS
            if how.get("condition") == "service_healthy":
                assert "test" in compose["services"][other]["healthcheck"]


def test_only_the_proxy_is_published_and_the_database_has_no_way_out(compose: dict[str, Any]) -> None:
    published = {name for name, service in compose["services"].items() if "ports" in service}
    assert published == {"proxy"}
    assert compose["networks"]["inside"]["internal"] is True
    inside_only = {name for name, service in compose["services"].items() if service["networks"] == ["inside"]}
    assert {"database", "webserver", "daemon"} <= inside_only


def test_all_our_processes_run_the_same_image_without_rights(compose: dict[str, Any]) -> None:
    for name in OURS:
        service = compose["services"][name]
        assert service["image"] == "ml-connector:0.1.0"
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert "no-new-privileges:true" in service["security_opt"]
        assert service["environment"] == compose["services"]["receiver"]["environment"]
        assert service["restart"] == ("no" if name == "prepare" else "unless-stopped")


def test_every_image_is_pinned(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert re.fullmatch(r"[a-z-]+:\d+\.\d+(\.\d+)?(-[a-z]+)?", service["image"]), name


def test_secrets_are_files_and_no_value_stands_in_the_file(compose: dict[str, Any], root: Path) -> None:
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name and not name.endswith("_FILE"):
                assert value.startswith("${"), name
    url = compose["services"]["code"]["environment"]["CONNECTOR_DATABASE_URL"]
    assert re.fullmatch(r"postgresql\+psycopg2://\w+@database/\w+", url)
    assert "secrets" not in {path.name for path in (root / "deploy/compose").iterdir()}


def test_every_variable_that_compose_asks_for_is_in_the_example(compose: dict[str, Any], root: Path) -> None:
    text = (root / "deploy/compose/compose.yaml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{(\w+)", text))
    example = (root / "deploy/compose/.env.example").read_text(encoding="utf-8")
    assert asked == set(re.findall(r"^(\w+)=", example, flags=re.MULTILINE))
    caddy = (root / "deploy/compose/Caddyfile").read_text(encoding="utf-8")
    assert set(re.findall(r"\{\$(\w+)\}", caddy)) == asked == compose["services"]["proxy"]["environment"].keys()


@pytest.mark.parametrize("name", ["./Caddyfile"])
def test_what_is_mounted_from_the_folder_is_there(compose: dict[str, Any], root: Path, name: str) -> None:
    mounted = {
        v.split(":")[0] for s in compose["services"].values() for v in s.get("volumes", []) if v.startswith("./")
    }
    assert mounted == {name, "./connections"}
    assert (root / "deploy/compose" / name).exists()


def test_the_clients_of_the_image_are_as_new_as_the_server(compose: dict[str, Any], root: Path) -> None:
    (client,) = re.findall(
        r"postgresql-client-(\d+)", (root / "deploy/container/Dockerfile").read_text(encoding="utf-8")
    )
    assert compose["services"]["database"]["image"].startswith(f"postgres:{client}.")
