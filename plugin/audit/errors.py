"""What can go wrong with the trail.

AuditError
    CheckpointBroken    a checkpoint file that cannot be read or was not signed by us
    HeldBack            records that must stay: a legal hold, or a write under way
    TooEarly            a purge of records that the law keeps
    NotSignedIn         a reviewer's page without a reviewer's session
    SignInRefused       the identity provider's answer is not one that opens the trail
      NoCookieKept      the browser does not have the cookie that its sign-in began with
    NotYours            a role or tenant that this reviewer has not
"""


class AuditError(Exception):
    """`public` is the only text that a user sees."""

    status = 503
    public = "This could not be recorded, so it was not done. Please try again."


class CheckpointBroken(AuditError):
    """The message says which line of which file, and what is wrong with it."""


class HeldBack(AuditError):
    status = 409
    public = "These records must be kept. Nothing was removed."


class TooEarly(AuditError):
    status = 409
    public = "These records must be kept for longer. Nothing was removed."


class NotSignedIn(AuditError):
    status = 401
    kind = "not_signed_in"
    title = "Sign in to read referral records"
    public = "Your session is over, or there was none. Sign in again."


class SignInRefused(AuditError):
    status = 400
    title = "This sign-in was not accepted"
    public = (
        "The sign-in could not be completed, or your account has no part in reviewing "
        "referral records. Start again, or ask who gives out that role."
    )


class NoCookieKept(SignInRefused):
    title = "The browser kept no cookie"
    public = (
        "This page cannot keep a secure session: the cookie with which the sign-in "
        "began did not come back. Allow cookies for this site, then start again."
    )


class NotYours(AuditError):
    status = 404
    title = "Nothing here"
    public = "There is no such record among those that you may review."
