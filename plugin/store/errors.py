"""What can go wrong with the database.

StoreError
    StoreUnavailable    locked, full, restarting: nothing was kept, trying again helps
    SchemaRefused       the app does not start with this database
"""


class StoreError(Exception):
    """`public` is the only text that a user sees."""

    status = 503
    public = "This could not be saved just now. Nothing was lost: please try again."
    retry_after = 5  # seconds


class StoreUnavailable(StoreError):
    """The database refused, broke off, or is full. Nothing was half kept."""


class SchemaRefused(StoreError):
    """This database is not one that this version can work with."""

    public = "This app is being set up. Please try again later."
