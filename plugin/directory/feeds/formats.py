"""The formats that a feed may have, by the name that the command line uses."""

from collections.abc import Mapping

from plugin.directory.feeds import bmlt, csv_table, fhir, hsds, meeting_guide, oiaa
from plugin.directory.feeds.reading import Reader

FORMATS: Mapping[str, Reader] = {
    "meeting-guide": meeting_guide.read,
    "bmlt": bmlt.read,
    "oiaa": oiaa.read,
    "hsds": hsds.read,
    "csv": csv_table.read,
    "fhir": fhir.read,
}

# Grows when a reader reads something otherwise, so that unchanged files are read again.
REVISION = 1
