"""What can go wrong with the trail.

AuditError
    CheckpointBroken    a checkpoint file that cannot be read or was not signed by us
"""


class AuditError(Exception):
    """`public` is the only text that a user sees."""

    status = 503
    public = "This could not be recorded, so it was not done. Please try again."


class CheckpointBroken(AuditError):
    """The message says which line of which file, and what is wrong with it."""
