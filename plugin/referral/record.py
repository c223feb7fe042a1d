"""Whether the record is one that anything may be filed to."""

from plugin.chart.chart import Chart
from plugin.referral.errors import RecordClosed

DIED = (
    "The chart records that this patient has died. Check that it is the right chart; "
    "nothing can be filed from here."
)
MERGED = (
    "This record was merged into another one. Open the app from the record that "
    "stands; nothing can be filed to this one."
)
INACTIVE = (
    "The chart says that this record is not in use. Check that it is the right one."
)


def why_closed(chart: Chart) -> str:
    """Why nothing can be filed to this record; "" where it can."""
    if chart.patient.deceased:
        return DIED
    return MERGED if chart.patient.replaced_by else ""


def doubts(chart: Chart) -> str:
    """What a clinician should know of the record before anything else."""
    return why_closed(chart) or ("" if chart.patient.active else INACTIVE)


def check_open(chart: Chart) -> None:
    """Raises: RecordClosed."""
    if why_closed(chart):
        raise RecordClosed("the record is of one who died, or was merged")
