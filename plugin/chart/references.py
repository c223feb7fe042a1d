"""References of FHIR, in the one form `Type/id`."""

import re

from plugin.chart.json_shapes import Json, one, text

_TYPE_AND_ID = re.compile(
    r"(?:^|/)([A-Z][A-Za-z]+/[A-Za-z0-9.\-]{1,64})(?:/_history/.*)?$"
)
_BUNDLE_ID = re.compile(r"urn:(?:uuid|oid):(\S+)$", re.IGNORECASE)


def bundle_id(full_url: str) -> str:
    """The identity that a `urn:uuid:` address carries, else ""."""
    match = _BUNDLE_ID.match(full_url)
    return match.group(1).lower() if match else ""


def plain_reference(reference: str) -> str:
    """`Type/id` of a relative, absolute or versioned reference, else as sent."""
    match = _TYPE_AND_ID.search(reference)
    return match.group(1) if match else reference


def reference_of(element: object) -> str:
    """The reference of a Reference element, in its plain form."""
    return plain_reference(text(one(element).get("reference")))


def name_of(resource: Json, full_url: str, place: int) -> str:
    """What an entry is called: `Type/id`, from its id, its address, or its place."""
    kind = text(resource.get("resourceType"))
    own = text(resource.get("id"))
    if own:
        return f"{kind}/{own}"
    if urn := bundle_id(full_url):
        return f"{kind}/{urn}"
    from_url = plain_reference(full_url)
    if from_url.startswith(kind + "/"):
        return from_url
    return f"{kind}/entry-{place}"
