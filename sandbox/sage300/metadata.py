"""`$metadata` of one module: EDMX 4.0 with keys, properties, enumerations and detail types (section 2.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from sandbox.sage300 import resources
from sandbox.sage300.processes import PROCESSES
from sandbox.sage300.schema import EDM, EntityType, Field

if TYPE_CHECKING:
    from sandbox.sage300.company import Company

_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"
for prefix, space in (("edmx", _EDMX), ("edm", _EDM)):
    ElementTree.register_namespace(prefix, space)


def document(company: Company, module: str) -> bytes:
    """The metadata of what this company's release has in `module`."""
    root = ElementTree.Element(f"{{{_EDMX}}}Edmx", Version="4.0")
    services = ElementTree.SubElement(root, f"{{{_EDMX}}}DataServices")
    namespace = f"Sage.CA.SBS.ERP.Sage300.{module}.WebApi.Models"
    schema = ElementTree.SubElement(services, f"{{{_EDM}}}Schema", Namespace=namespace)
    writer = _Schema(company, schema, namespace)
    container = ElementTree.Element(f"{{{_EDM}}}EntityContainer", Name="Container")
    for name, kind in _sets(company, module):
        writer.entity(kind)
        ElementTree.SubElement(container, f"{{{_EDM}}}EntitySet", Name=name, EntityType=f"{namespace}.{kind.name}")
    schema.append(container)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _sets(company: Company, module: str) -> Iterable[tuple[str, EntityType]]:
    for resource in resources.of_module(module):
        yield resource.name, resource.kind
    for name, process in PROCESSES.items():
        if name.startswith(module):
            yield name, process.kind(company.switches)


class _Schema:
    """Writes types once each, details before what holds them."""

    def __init__(self, company: Company, schema: ElementTree.Element, namespace: str) -> None:
        self._company = company
        self._schema = schema
        self._namespace = namespace
        self._written: set[str] = set()

    def entity(self, kind: EntityType) -> None:
        self._type(kind, "EntityType")

    def _type(self, kind: EntityType, tag: str) -> None:
        if kind.name in self._written:
            return
        self._written.add(kind.name)
        for details in kind.details.values():
            self._type(details.kind, "ComplexType")
        for known in kind.fields.values():
            if known.kind == "E":
                self._enumeration(kind, known)
        element = ElementTree.SubElement(self._schema, f"{{{_EDM}}}{tag}", Name=kind.name)
        if tag == "EntityType":
            keys = ElementTree.SubElement(element, f"{{{_EDM}}}Key")
            for name in kind.key:
                ElementTree.SubElement(keys, f"{{{_EDM}}}PropertyRef", Name=name)
        for known in kind.fields.values():
            if known.name == "ReadyToPost" and self._company.switches.gl_ready != "ReadyToPost":
                continue
            edm = f"{self._namespace}.{kind.name}{known.name}Enum" if known.kind == "E" else EDM[known.kind]
            ElementTree.SubElement(element, f"{{{_EDM}}}Property", Name=known.name, Type=edm)
        for name, details in kind.details.items():
            edm = f"Collection({self._namespace}.{details.kind.name})"
            ElementTree.SubElement(element, f"{{{_EDM}}}Property", Name=name, Type=edm)

    def _enumeration(self, kind: EntityType, known: Field) -> None:
        element = ElementTree.SubElement(self._schema, f"{{{_EDM}}}EnumType", Name=f"{kind.name}{known.name}Enum")
        renamed = self._company.switches.renamed_members
        for raw, name in known.members.items():
            value = raw if raw.isdigit() else str(ord(raw))
            ElementTree.SubElement(element, f"{{{_EDM}}}Member", Name=renamed.get(name, name), Value=value)
