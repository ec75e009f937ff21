"""How a service describes itself: the service document, `$metadata` (EDMX) and `$openapi`, all from its sets as they
are.
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import quoteattr

import orjson

from sandbox.ifs_cloud.odata.edm import EDM, EntityType, Property
from sandbox.ifs_cloud.odata.service import EntitySet, Service


def document(service: Service, root: str) -> bytes:
    """The sets that can be addressed directly."""
    sets = [{"name": each.name, "kind": "EntitySet", "url": each.name} for each in service.sets.values()]
    return orjson.dumps({"@odata.context": f"{root}/$metadata", "value": sets})


def edmx(service: Service) -> bytes:
    """Types, enumerations, actions, functions and the container."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>',
        f'<Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace={quoteattr(service.namespace)}>',
    ]
    every = list(_reachable(service).values())
    for name in sorted({known.enum for each in every for known in each.kind.properties.values() if known.enum}):
        lines.append(f"<EnumType Name={quoteattr(name)}>")
        lines += [f'<Member Name={quoteattr(m)} Value="{n}"/>' for n, m in enumerate(service.enums[name])]
        lines.append("</EnumType>")
    written: set[str] = set()
    for each in every:
        if each.kind.name not in written:
            written.add(each.kind.name)
            lines += _entity_type(service, each)
    for each in every:
        for name, action in each.actions.items():
            binding = {"Binding": f"{service.namespace}.{each.kind.name}"}
            lines += _operation(service, "Action", name, {**binding, **action.parameters}, action.returns, bound=True)
    for name, function in service.functions.items():
        lines += _operation(service, "Function", name, function.parameters, function.returns)
    for name, unbound in service.actions.items():
        lines += _operation(service, "Action", name, unbound.parameters, unbound.returns)
    lines += _container(service)
    lines.append("</Schema></edmx:DataServices></edmx:Edmx>")
    return "".join(lines).encode()


def openapi(service: Service) -> bytes:
    """OpenAPI v3, as much of it as names paths and members."""
    paths: dict[str, Any] = {}
    for each in service.sets.values():
        verbs: dict[str, Any] = {"get": {"tags": [each.name], "responses": {"200": {"description": "Success"}}}}
        if each.create is not None:
            verbs["post"] = {"tags": [each.name], "responses": {"201": {"description": "Created"}}}
        paths[f"/{each.name}"] = verbs
    schemas = {
        f"{service.namespace}.{each.kind.name}": {
            "type": "object",
            "properties": {name: {"type": _json_type(known)} for name, known in each.kind.properties.items()},
        }
        for each in _reachable(service).values()
    }
    told = {"openapi": "3.0.1", "info": {"title": service.name, "version": "1"}, "paths": paths}
    return orjson.dumps({**told, "components": {"schemas": schemas}})


def _reachable(service: Service) -> dict[str, EntitySet]:
    """Sets and the targets of their navigation, by the name of type and set."""
    found: dict[str, EntitySet] = {}

    def visit(each: EntitySet) -> None:
        if each.name in found:
            return
        found[each.name] = each
        for navigation in each.navigation.values():
            visit(navigation.target)

    for each in service.sets.values():
        visit(each)
    return found


def _entity_type(service: Service, entities: EntitySet) -> list[str]:
    kind = entities.kind
    lines = [f"<EntityType Name={quoteattr(kind.name)}><Key>"]
    lines += [f"<PropertyRef Name={quoteattr(name)}/>" for name in kind.keys]
    lines.append("</Key>")
    lines += [_property(service, kind, known) for known in kind.properties.values()]
    for name, navigation in entities.navigation.items():
        target = f"Collection({service.namespace}.{navigation.target.kind.name})"
        lines.append(f"<NavigationProperty Name={quoteattr(name)} Type={quoteattr(target)}/>")
    lines.append("</EntityType>")
    return lines


def _property(service: Service, kind: EntityType, known: Property) -> str:
    length = f' MaxLength="{known.length}"' if known.length else ""
    scale = ' Scale="variable"' if known.kind == "D" else ""
    nullable = ' Nullable="false"' if known.name in kind.keys else ""
    return f"<Property Name={quoteattr(known.name)} Type={quoteattr(_edm(service, known))}{length}{scale}{nullable}/>"


def _edm(service: Service, known: Property) -> str:
    return f"{service.namespace}.{known.enum}" if known.kind == "E" else EDM[known.kind]


def _operation(
    service: Service, what: str, name: str, parameters: Any, returns: str, *, bound: bool = False
) -> list[str]:
    lines = [f"<{what} Name={quoteattr(name)}" + (' IsBound="true">' if bound else ">")]
    for parameter, code in parameters.items():
        letter, _, enum = code.partition(":")
        typed = code if "." in code else f"{service.namespace}.{enum}" if letter == "E" else EDM[letter]
        lines.append(f"<Parameter Name={quoteattr(parameter)} Type={quoteattr(typed)}/>")
    if returns in EDM:
        lines.append(f"<ReturnType Type={quoteattr(EDM[returns])}/>")
    elif returns:
        lines.append('<ReturnType Type="Edm.Untyped"/>')
    lines.append(f"</{what}>")
    return lines


def _container(service: Service) -> list[str]:
    lines = [f"<EntityContainer Name={quoteattr(service.name)}>"]
    for each in service.sets.values():
        lines.append(
            f"<EntitySet Name={quoteattr(each.name)} EntityType={quoteattr(f'{service.namespace}.{each.kind.name}')}/>"
        )
    for names, what in ((service.functions, "Function"), (service.actions, "Action")):
        lines += [_import(service, what, name) for name in names]
    lines.append("</EntityContainer>")
    return lines


def _import(service: Service, what: str, name: str) -> str:
    return f"<{what}Import Name={quoteattr(name)} {what}={quoteattr(f'{service.namespace}.{name}')}/>"


def _json_type(known: Property) -> str:
    return {"D": "number", "I": "integer", "B": "boolean"}.get(known.kind, "string")
