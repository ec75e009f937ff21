"""Compares what is installed with the locked requirements and writes a bill of materials in CycloneDX.

`python requirements/audit.py [--sbom FILE]` ends with 1 when a package is missing, has another version, or is installed and
locked nowhere. With `--ask PROGRAM`, where that is pip-audit, known vulnerabilities of what is locked are looked up on the
network: it ends with 1 when there is one, and with 2 when nobody could be asked, because then nothing is known.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from types import MappingProxyType
from typing import Any

HERE = Path(__file__).parent
#: the environment's own tools and this project: not locked, and not part of what is delivered.
UNLOCKED = frozenset({"pip", "setuptools", "wheel", "ml-connector"})
#: what `make test-ui`, `make fuzz GUIDED=1` and `make machines` put into the same environment.
OPTIONAL = (HERE / "ui.txt", HERE / "fuzz.txt", HERE / "celery.txt")
#: a hundred packages, one question each.
ASKING_S = 900
_LINE = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^ ;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Locked:
    """One requirement with the SHA-256 of every file that may be installed for it."""

    name: str
    version: str
    hashes: tuple[str, ...]


def locked(path: Path) -> dict[str, Locked]:
    """The requirements of a locked file, by normalised name. Raises `ValueError` for a line that is not locked."""
    found: dict[str, Locked] = {}
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in (line.strip() for line in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        match = _LINE.match(line)
        hashes = tuple(_HASH.findall(line))
        if match is None or not hashes:
            raise ValueError(f"{path.name}: {line[:80]!r} is not locked by version and hash")
        name = normalised(match["name"])
        found[name] = Locked(name, match["version"], hashes)
    return found


def normalised(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, Distribution]:
    return {normalised(each.metadata["Name"]): each for each in distributions() if each.metadata["Name"]}


def differences(
    wanted: Mapping[str, Locked],
    present: Mapping[str, Distribution],
    optional: Mapping[str, Locked] = MappingProxyType({}),
) -> list[str]:
    """What is installed otherwise than locked, as sentences; empty when all is as it should be.

    What is `optional` may be there, as it is locked, or not.
    """
    known = {**optional, **wanted}
    found = []
    for name in sorted(known.keys() | present.keys()):
        if name in UNLOCKED:
            continue
        if name not in known:
            found.append(f"{name} {present[name].version} is installed and locked nowhere")
        elif name in present and present[name].version != known[name].version:
            found.append(f"{name} is {present[name].version}, locked is {known[name].version}")
        elif name in wanted and name not in present:
            found.append(f"{name} {wanted[name].version} is locked and not installed")
    return found


def bill_of_materials(wanted: Mapping[str, Locked], present: Mapping[str, Distribution]) -> dict[str, Any]:
    """CycloneDX 1.5: what of the locked requirements is installed, with version, licence and the hashes it may have."""
    components = []
    for name in sorted(wanted.keys() & present.keys()):
        package, about = wanted[name], present[name].metadata
        licence = about.get("License-Expression") or (about.get("License") or "").partition("\n")[0][:100]
        component: dict[str, Any] = {
            "type": "library",
            "name": name,
            "version": package.version,
            "bom-ref": f"pkg:pypi/{name}@{package.version}",
            "purl": f"pkg:pypi/{name}@{package.version}",
            "properties": [{"name": "locked:sha256", "value": each} for each in package.hashes],
        }
        if licence:
            component["licenses"] = [{"license": {"name": licence}}]
        components.append(component)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "ml-connector"}},
        "components": components,
    }


class NotAskedError(Exception):
    """Nothing is known about vulnerabilities: the program is missing, or it could not reach its service."""


def known_vulnerabilities(program: Path, path: Path, *, service: str = "") -> list[str]:
    """What pip-audit finds for a locked file, as sentences. `service` is the address of another OSV than the public one.

    Names and versions of packages leave the machine, nothing else; nothing is resolved or installed. Raises `NotAskedError`.
    """
    command = [str(program), "--require-hashes", "--disable-pip", "--vulnerability-service", "osv", "--format", "json"]
    command += ["--progress-spinner", "off", *(["--osv-url", service] if service else []), "--requirement", str(path)]
    try:
        # The program that `make audit` has installed by hash; no shell.
        run = subprocess.run(command, capture_output=True, text=True, timeout=ASKING_S, check=False)  # noqa: S603
        answer = json.loads(run.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotAskedError(f"{program} could not be run: {type(error).__name__}") from error
    except (ValueError, KeyError, TypeError) as error:
        told = (run.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NotAskedError(f"{program.name} ended with {run.returncode}: {told[:300]}") from error
    asked = {normalised(each["name"]): each for each in answer}
    missing = [name for name in locked(path) if "vulns" not in asked.get(name, {})]
    if missing:
        raise NotAskedError(f"{program.name} says nothing of {', '.join(missing)}")
    return [_weakness(each, found) for each in asked.values() for found in each["vulns"]]


def _weakness(package: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    names = ", ".join([found["id"], *found.get("aliases", [])])
    mended = ", ".join(found.get("fix_versions", [])) or "no version yet"
    return f"{package['name']} {package['version']}: {names}; mended in {mended}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--locked", type=Path, default=HERE / "dev.txt", help="what must be installed")
    parser.add_argument("--delivered", type=Path, default=HERE / "base.txt", help="what the bill lists")
    parser.add_argument("--sbom", type=Path, help="write the bill of materials there")
    parser.add_argument("--ask", type=Path, metavar="PROGRAM", help="pip-audit, which looks up known vulnerabilities")
    parser.add_argument("--service", default="", help="address of an OSV to ask instead of the public one")
    given = parser.parse_args()
    present = installed()
    optional = {name: each for path in OPTIONAL for name, each in locked(path).items()}
    found = differences(locked(given.locked), present, optional)
    bill = bill_of_materials(locked(given.delivered), present)
    if given.sbom:
        given.sbom.write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
    for each in found:
        print(each)  # noqa: T201
    print(f"{len(bill['components'])} packages are delivered; {len(found)} differences from what is locked")  # noqa: T201
    status = 1 if found else 0
    return max(status, _look_up(given)) if given.ask else status


def _look_up(given: argparse.Namespace) -> int:
    try:
        weak = known_vulnerabilities(given.ask, given.locked, service=given.service)
    except NotAskedError as error:
        print(f"known vulnerabilities were not looked up, so nothing is known of any: {error}")  # noqa: T201
        return 2
    for each in weak:
        print(each)  # noqa: T201
    print(f"{len(locked(given.locked))} packages were looked up; {len(weak)} known vulnerabilities")  # noqa: T201
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main())
