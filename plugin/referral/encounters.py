"""Which visit a referral is filed with: the launch's, or the one that was chosen."""

from typing import Final

from plugin.chart.chart import Chart, Encounter
from plugin.referral.errors import NotAnswered
from smart_launch.context import LaunchContext

# Visits that took place, or take place now. Source: FHIR R4, ValueSet encounter-status.
_REAL: Final = frozenset({"arrived", "triaged", "in-progress", "onleave", "finished"})


def visits_to_file_with(chart: Chart) -> tuple[Encounter, ...]:
    """The patient's visits that were read and took place, the newest first."""
    real = [one for one in chart.encounters if one.status in _REAL]
    return tuple(sorted(real, key=lambda one: (one.start, one.id), reverse=True))


def encounter_of(
    context: LaunchContext, chart: Chart, chosen: str | None
) -> str | None:
    """The id of the visit; None where there is none.

    Takes:  `chosen`, by the clinician where the launch names no visit.
    Raises: NotAnswered, for another visit than the launch's, or one that is not among
            this patient's.
    """
    if context.encounter:
        launched = context.encounter.removeprefix("Encounter/")
        if chosen not in (None, launched):
            raise NotAnswered("The app was opened from another visit than encounter.")
        return context.encounter
    if chosen is None:
        return None
    if chosen not in {one.id for one in visits_to_file_with(chart)}:
        raise NotAnswered("encounter names no visit of this patient that took place.")
    return chosen
