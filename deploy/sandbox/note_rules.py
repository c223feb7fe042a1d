"""What each flavour asks of a note beyond FHIR itself.

Source: the vendors' public documentation of DocumentReference create; the rules are
listed in flavours.py by the name of the flavour.
"""

import base64
import binascii
from collections.abc import Iterator

from deploy.sandbox.access import Access
from deploy.sandbox.refusals import Issue
from deploy.sandbox.wire import Json


def note_problems(note: Json, access: Access) -> list[Issue]:
    """Find why a note cannot be filed here. The note is valid FHIR already."""
    found = list(_readable(note))
    match access.site.flavour.note_rules:
        case "epic":
            found += _epic(note)
        case "oracle":
            found += _oracle(note, access)
    return found


def _readable(note: Json) -> Iterator[Issue]:
    path = "DocumentReference.content[0].attachment"
    attachment = note["content"][0]["attachment"]
    if not attachment.get("contentType") or not attachment.get("data"):
        yield Issue("required", "the note needs contentType and data", path)
        return
    try:
        base64.b64decode(attachment["data"]).decode()
    except (binascii.Error, UnicodeDecodeError):
        yield Issue("value", "the note is no UTF-8 text", f"{path}.data")
    if "type" not in note:
        text = "the note needs a type"
        yield Issue("required", text, "DocumentReference.type")
    if "subject" not in note:
        text = "the note needs a subject"
        yield Issue("required", text, "DocumentReference.subject")


def _epic(note: Json) -> Iterator[Issue]:
    if len(note["content"]) != 1:
        text = "exactly one attachment is taken"
        yield Issue("business-rule", text, "DocumentReference.content")
    kind = note["content"][0]["attachment"].get("contentType", "")
    if kind.partition(";")[0].strip() != "text/plain":
        text = "only text/plain is taken"
        yield Issue("business-rule", text, "DocumentReference.content")
    if len(note.get("context", {}).get("encounter", [])) != 1:
        text = "the note must be of one existing encounter"
        yield Issue("business-rule", text, "DocumentReference.context.encounter")
    if note.get("docStatus") not in {"preliminary", "final"}:
        text = "docStatus must be preliminary or final"
        yield Issue("business-rule", text, "DocumentReference.docStatus")


def _oracle(note: Json, access: Access) -> Iterator[Issue]:
    kind = note["content"][0]["attachment"].get("contentType", "")
    if "charset=utf-8" not in kind.lower().replace(" ", ""):
        text = "contentType must name charset=utf-8"
        yield Issue("business-rule", text, "DocumentReference.content")
    if note.get("docStatus") not in {"preliminary", "final"}:
        text = "docStatus must be preliminary or final"
        yield Issue("business-rule", text, "DocumentReference.docStatus")
    if note.get("docStatus") != "final":
        return
    authors = [author.get("reference") for author in note.get("author", [])]
    if authors != [access.user]:
        text = "a final note has exactly one author, who is the user"
        yield Issue("business-rule", text, "DocumentReference.author")
    end = note.get("context", {}).get("period", {}).get("end", "")
    if "T" not in end:
        text = "a final note needs context.period.end with a time"
        yield Issue("business-rule", text, "DocumentReference.context.period.end")


def provenance_problems(provenance: Json, access: Access) -> list[Issue]:
    """Find why a Provenance cannot be filed here: Oracle takes one target, no order."""
    if access.site.flavour.note_rules != "oracle":
        return []
    targets = [str(target.get("reference", "")) for target in provenance["target"]]
    if len(targets) == 1 and not targets[0].startswith("ServiceRequest/"):
        return []
    text = "exactly one target is taken, and no ServiceRequest"
    return [Issue("business-rule", text, "Provenance.target")]
