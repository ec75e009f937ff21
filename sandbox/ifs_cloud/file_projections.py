"""Projections of external files: the assistant, loads and their log, external voucher loads and rows (sections 7.1,
7.6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.ifs_cloud import external_files, voucher_loads
from sandbox.ifs_cloud.building import projection, rows
from sandbox.ifs_cloud.odata.edm import EntityType, Row, entity
from sandbox.ifs_cloud.odata.service import Action, EntitySet, Function, Service
from sandbox.ifs_cloud.posting_control import PARTS

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant


def build(tenant: Tenant) -> list[Service]:
    return [
        _assistant(tenant),
        projection("ExternalFileLoadIdsHandling", rows(tenant, "ExtFileLoadSet", _load())),
        projection("ExternalFileLogHandling", rows(tenant, "ExtFileLoads", _load())),
        _voucher_loads(tenant),
        projection("ExternalVouchers", rows(tenant, "ExternalVouchersSet", _external_voucher())),
    ]


def _assistant(tenant: Tenant) -> Service:
    tasks = EntitySet(
        "TaskVirtualSet",
        _task(),
        tenant.table("ExternalFileTask"),
        create=lambda call, body, _: external_files.create(tenant, call, body),
        change=lambda call, row, body: _change(tenant, row, body),
        upload=lambda call, row, name, content: external_files.upload(tenant, call, row, name, content),
    )
    tasks.actions["TaskVirtual_CreateFileTypeParamVal"] = Action(
        lambda call, row, given: external_files.validate(tenant, call, row, given)
    )
    tasks.actions["TaskVirtual_ValidateParameters"] = Action(
        lambda call, row, given: external_files.validate(tenant, call, row, given)
    )
    tasks.actions["TaskVirtual_ImportFile"] = Action(
        lambda call, row, given: external_files.import_file(tenant, call, row, given), returns="complex"
    )
    service = projection("ExternalFileAssistantHandling", tasks)
    service.functions["GetDefaultFileTypeInfo"] = Function(
        lambda call, given: external_files.default_information(tenant, call, given),
        {"Company": "S", "FileType": "S", "ProcessOption": "S"},
    )
    service.functions["ChangeParamValues"] = Function(
        lambda call, given: external_files.change_parameters(call, given),
        {"ParamName": "S", "ParamValue": "S", "ParamString": "S"},
        "S",
    )
    return service


def _change(tenant: Tenant, row: Row, body: Row) -> None:
    tenant.table("ExternalFileTask").change(row, **body)


def _voucher_loads(tenant: Tenant) -> Service:
    loads = rows(tenant, "ExtLoadInfoSet", _load_information())
    works: tuple[tuple[str, Callable[[Tenant, Row], Row | None]], ...] = (
        ("DoCheckTransactions", voucher_loads.check),
        ("DoCreateVoucher", voucher_loads.create_vouchers),
        ("DoRemoveErrorCodes", voucher_loads.remove_errors),
        ("DoRemoveLoads", voucher_loads.remove),
    )
    for name, work in works:
        loads.actions[f"ExtLoadInfo_{name}"] = _load_action(tenant, work)
    return projection("ExternalVoucherLoadInformationHandling", loads)


def _load_action(tenant: Tenant, work: Callable[[Tenant, Row], Row | None]) -> Action:
    return Action(lambda call, row, given: work(tenant, row))


def _task() -> EntityType:
    return entity(
        "TaskVirtual",
        "Objkey",
        {
            "S": "Objkey", "E:ProcessOptions R": "ProcessOptions", "S50 R": "FileType SetId FileTemplate",
            "S200 RU": "FileName",
            "S20u R": "Company", "S2000 PU": "ParamString", "E:FileDirection R": "FileDirection",
            "S1 R": "FileDirectionDb",
            "X": "FileData",
        },
        "ExternalFileTask",
    )  # fmt: skip


def _load() -> EntityType:
    return entity(
        "ExtFileLoad",
        "LoadFileId",
        {
            "I": "LoadFileId", "S200": "FileName FileType FileTemplate Info Userid", "S20u": "Company",
            "E:ExtFileState": "State",
            "T": "LoadDate",
        },
    )  # fmt: skip


def _load_information() -> EntityType:
    return entity(
        "ExtLoadInfo",
        "Company LoadId",
        {
            "S20u": "Company LoadId LoadType", "I": "LoadFileId", "Y": "LoadDate", "S30": "UserGroup Userid",
            "E:ExtLoadState": "State",
        },
    )  # fmt: skip


def _external_voucher() -> EntityType:
    return entity(
        "ExternalVoucher",
        "Company LoadId RecordNo",
        {
            "S20u": "Company LoadId Account " + " ".join(f"Code{part}" for part in PARTS), "I": "RecordNo VoucherNo",
            "S3u": "CurrencyCode VoucherType", "D": "CurrencyDebetAmount CurrencyCreditAmount DebetAmount CreditAmount",
            "S200": "Text ErrorMessage", "S50": "ReferenceNumber ReferenceSerie LoadGroupItem", "Y": "TransactionDate",
            "E:ExtRowState": "RowState",
        },
    )  # fmt: skip
