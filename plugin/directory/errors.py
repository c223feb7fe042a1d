"""What can go wrong with the directory of meetings.

DirectoryError
    FeedUnreadable      the source is no feed of the named format; nothing changed
        FeedUnsupported     it is one of a known publisher, of a shape not read here
    FeedUnreachable     its address did not answer, or answered with an error
    FeedBusy            the same feed is being imported elsewhere
    FeedMoved           another version of it went live since it was read
    BadSearch           a search that cannot be made
    OwnRowRefused       a row of the hospital's own list that says nothing usable
    OwnRowChanged       someone else changed the same row meanwhile
"""


class DirectoryError(Exception):
    """`public` is the only text that a user of the screens sees."""

    status = 500
    public = "The list of meetings could not be used just now. Please try again."


class FeedUnreadable(DirectoryError):
    status = 422
    public = "This file is not a list of meetings that can be read. Nothing changed."


class FeedUnsupported(FeedUnreadable):
    """Read halfway, such a file would give wrong days or places."""


class FeedUnreachable(DirectoryError):
    status = 502
    public = "The source of the meetings did not answer. The last good list is shown."


class FeedBusy(DirectoryError):
    status = 409
    public = "This list of meetings is being imported already. Please wait."


class FeedMoved(DirectoryError):
    status = 409
    public = "This list of meetings was changed meanwhile. Please look at it again."


class BadSearch(DirectoryError):
    status = 400
    public = "This search cannot be made. Check the place, the time and the programme."


class OwnRowRefused(DirectoryError):
    status = 400
    public = "This group cannot be added like this. Nothing changed."


class OwnRowChanged(DirectoryError):
    """The message says what the row is now."""

    status = 409
    public = "Someone else changed this group meanwhile. Please look at it again."


class RowRejected(Exception):
    """One row of a feed cannot be used; the others can. The message says why."""


class FeedReplaced(Exception):
    """A feed was replaced between two statements of one search: search again."""
