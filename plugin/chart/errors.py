"""What can go wrong with a chart.

ChartError
├── NotABundle     the file holds no FHIR Bundle
├── NoPatient      nothing says who the chart is about
└── Unusable       one entry cannot be used (never leaves this package)
"""


class ChartError(Exception):
    """A chart that cannot be used. `public` is the only text users see."""

    status = 422
    public = "The chart could not be read."


class NotABundle(ChartError):
    public = "This is not a FHIR Bundle. Give a Bundle as JSON."


class NoPatient(ChartError):
    public = "The Bundle holds no Patient. Add the Patient resource."


class Unusable(ChartError):
    """An entry that is set aside; its message is the reason shown."""
