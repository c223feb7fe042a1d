"""What is known of a site beyond its interactions: its settings, the server's words.

Source: ehr-quirks, "What EHRs allow": some servers say only in prose that a note must
name its visit.
"""

from typing import Protocol

from plugin.referral.plan import Quirks, note_needs_encounter
from plugin.settings import Ehr


class Spoken(Protocol):
    """The part of a CapabilityStatement that is written for people."""

    def documentation(self, resource: str) -> str: ...


def quirks_of(ehr: Ehr, statement: Spoken | None) -> Quirks:
    """Either voice is enough for a limit: nobody may have told the site's settings.

    Takes:  `statement`, None where it could not be read.
    """
    said = statement.documentation("DocumentReference") if statement else ""
    return Quirks(
        orders=ehr.write_orders,
        notes=ehr.write_notes,
        provenance=ehr.write_provenance,
        tasks=ehr.write_tasks,
        note_needs_encounter=ehr.note_needs_encounter or note_needs_encounter(said),
        note_only_provenance=ehr.note_only_provenance,
        cancels_orders=ehr.cancel_orders,
    )
