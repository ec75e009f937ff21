"""The external file assistant: a temporary task, its upload, the import, and the load that comes of it (section 7.6).

Nothing protects against importing the same file twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.ifs_cloud import payment_loads, voucher_loads
from sandbox.ifs_cloud.odata.edm import Row
from sandbox.ifs_cloud.odata.service import Call
from sandbox.ifs_cloud.refusals import no_such_record, record_rule
from sandbox.ifs_cloud.voucher_entry import company_of, new_objkey

if TYPE_CHECKING:
    from sandbox.ifs_cloud.tenant import Tenant

#: file type: its template, and the parameters it starts with.
FILE_TYPES = {
    "ExtVoucher": ("STDVOU", "LOAD_TYPE=GC^CHECK_WHEN_LOADED=TRUE^CREATE_WHEN_CHECKED=TRUE^"),
    "ExtMixedPayment": ("MXP_CAMT", ""),
}
INPUT_SET = "1"


def default_information(tenant: Tenant, call: Call, given: Row) -> Mapping[str, Any]:
    """`GetDefaultFileTypeInfo`. Raises `Business` for an unknown file type or company."""
    company_of(tenant, call, given["Company"])
    template, parameters = _file_type(given["FileType"])
    user = f"COMPANY={given['Company']}^USER_ID={call.user}^"
    return {"SetId": INPUT_SET, "FileTemplate": template, "ParamString": user + parameters}


def change_parameters(call: Call, given: Row) -> str:
    """`ChangeParamValues`: the parameter string with one value set."""
    known = parameters(given["ParamString"] or "")
    return "".join(f"{name}={value}^" for name, value in {**known, given["ParamName"]: given["ParamValue"]}.items())


def create(tenant: Tenant, call: Call, body: Row) -> Row:
    """`POST TaskVirtualSet`. Raises `Business`."""
    company_of(tenant, call, body["Company"])
    _file_type(body["FileType"])
    return tenant.table("ExternalFileTask").add({**body, "Objkey": new_objkey(), "FileData": None})


def upload(tenant: Tenant, call: Call, task: Row, file_name: str, content: bytes) -> None:
    """`PUT .../FileData`; a name in the header replaces that of the task."""
    values: Row = {"FileData": content}
    if file_name:
        values["FileName"] = file_name
    tenant.table("ExternalFileTask").change(task, **values)


def validate(tenant: Tenant, call: Call, task: Row, given: Row) -> None:
    """`TaskVirtual_ValidateParameters`. Raises `Business`."""
    template, _ = _file_type(task["FileType"])
    if task["FileTemplate"] != template or task["SetId"] != INPUT_SET:
        raise no_such_record("ExtFileTemplate", f"Template {task['FileTemplate']} is not one of {task['FileType']}.")
    if task["FileDirection"] != "InputFile" or task["FileDirectionDb"] != "1":
        raise record_rule("ExtFileLoad.DIRECTION", "The file direction must be that of input files.")


def import_file(tenant: Tenant, call: Call, task: Row, given: Row) -> Mapping[str, Any]:
    """`TaskVirtual_ImportFile`: a load, processed at once or, with Batch, later; the task is gone. Raises `Business`."""
    validate(tenant, call, task, given)
    if not task["FileData"]:
        raise record_rule("ExtFileLoad.NOFILE", "There is no file to be imported.")
    settings = parameters(task["ParamString"] or "")
    if task["FileType"] == "ExtVoucher":
        voucher_loads.check_parameters(settings)
    load = tenant.table("ExtFileLoad").add(
        {
            "LoadFileId": tenant.next_number("load file") + 100, "FileName": task["FileName"],
            "FileType": task["FileType"],
            "FileTemplate": task["FileTemplate"], "Company": task["Company"], "State": "Loaded",
            "LoadDate": tenant.now(),
            "Userid": call.user, "Info": None, "content": task["FileData"], "settings": settings,
        }
    )  # fmt: skip
    tenant.table("ExternalFileTask").remove(task)
    if task["ProcessOptions"] == "Online":
        process(tenant, load)
        return {"LoadFileId": load["LoadFileId"], "Info": load["Info"]}
    return {"LoadFileId": load["LoadFileId"], "Info": "The import runs in the background."}


def process_due(tenant: Tenant) -> None:
    """Do the background imports whose time has come."""
    until = tenant.now() - timedelta(seconds=tenant.switches.batch_import_after_s)
    for load in tenant.table("ExtFileLoad"):
        if load["State"] == "Loaded" and load["content"] is not None and load["LoadDate"] <= until:
            process(tenant, load)


def process(tenant: Tenant, load: Row) -> None:
    """Read the file and pass its records on."""
    reader = voucher_loads.read if load["FileType"] == "ExtVoucher" else payment_loads.read
    state, information = reader(tenant, load)
    tenant.table("ExtFileLoad").change(load, State=state, Info=information, content=None)


def parameters(text: str) -> dict[str, str]:
    """`NAME=value^NAME=value^`."""
    return {name: value for name, _, value in (part.partition("=") for part in text.split("^")) if name}


def _file_type(name: str) -> tuple[str, str]:
    if name not in FILE_TYPES:
        raise no_such_record("ExtFileType", f"File type {name} does not exist.")
    return FILE_TYPES[name]
