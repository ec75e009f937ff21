"""Compares what is installed with the locked requirements and writes a bill of materials in CycloneDX.

`python requirements/audit.py [--sbom FILE]` ends with 1 when a package is missing, has another version, or is installed and
locked nowhere. Known weaknesses of packages are told by services on the network, which this does not ask: where they can be
reached, `pip-audit --require-hashes -r requirements/base.txt` does.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
#: the environment's own tools and this project: not locked, and not part of what is delivered.
UNLOCKED = frozenset({"pip", "setuptools", "wheel", "ml-connector"})
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


def differences(wanted: Mapping[str, Locked], present: Mapping[str, Distribution]) -> list[str]:
    """What is installed otherwise than locked, as sentences; empty when all is as it should be."""
    found = []
    for name in sorted(wanted.keys() | present.keys()):
        if name in UNLOCKED:
            continue
        if name not in wanted:
            found.append(f"{name} {present[name].version} is installed and locked nowhere")
        elif name in present and present[name].version != wanted[name].version:
            found.append(f"{name} is {present[name].version}, locked is {wanted[name].version}")
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--locked", type=Path, default=HERE / "dev.txt", help="what must be installed")
    parser.add_argument("--delivered", type=Path, default=HERE / "base.txt", help="what the bill lists")
    parser.add_argument("--sbom", type=Path, help="write the bill of materials there")
    given = parser.parse_args()
    present = installed()
    found = differences(locked(given.locked), present)
    bill = bill_of_materials(locked(given.delivered), present)
    if given.sbom:
        given.sbom.write_text(json.dumps(bill, indent=1) + "\n", encoding="utf-8")
    for each in found:
        print(each)  # noqa: T201
    print(f"{len(bill['components'])} packages are delivered; {len(found)} differences from what is locked")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
