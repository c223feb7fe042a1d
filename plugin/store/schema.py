"""The one `metadata` that every table of the app belongs to.

The tables themselves stand with the room whose data they hold: `launch_tables`,
`referral_tables`, `audit_tables` and `directory_tables`. A moment is stored as whole
microseconds since 1970 in UTC, on both databases alike; JSON is stored as the bytes
that were written.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import MetaData

# Constraints bear names so that a migration can speak of them on both databases.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=NAMING)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970.

    Raises: ValueError for a moment without a zone; its instant would be a guess.
    """
    if moment.tzinfo is None:
        raise ValueError("a stored moment needs a time zone")
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The aware UTC datetime that `micros` was given."""
    return _EPOCH + microseconds * _MICROSECOND
