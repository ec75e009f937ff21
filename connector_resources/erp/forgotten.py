"""What a look-up says of a submission that a restored store may have forgotten, where it cannot tell by itself.

Postings that are sent together have one name there. After a restore they may be planned in other company, under another
name, so that a name that is not there proves nothing.
"""

from __future__ import annotations

from connector_resources.erp.contract import CannotTell


def perhaps_in_other_company(what: str, where: str) -> CannotTell:
    """`what` was not found under its name; `where` a person looks for its postings one by one."""
    return CannotTell(
        f"{what} is not there, but the store was restored from an older backup, and its postings may have been sent since "
        f"together with others, under another name. Look for each of them {where}: withdraw those that are there, then "
        "release the rest."
    )
