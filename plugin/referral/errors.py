"""What can stand between a decision and the record.

ReferralError
├── NotAnswered        the decision says too little, or something that cannot be
├── KeyMissing         no Idempotency-Key
├── KeyReused          the same key with another decision
├── PatientDiffers     the page showed another patient than this launch is about
├── MeetingGone        the meeting was cancelled or moved since it was shown
├── CannotBeWritten    this EHR takes neither order nor note
├── RecordClosed       the record is of somebody who died, or was merged
├── MayNotSign         the user is no practitioner of this EHR
│   └── NotASigner     ... or is one whom the site lets look and print only
├── ReferralUnknown    there is no such referral of this patient
├── NothingToCancel    it was cancelled already, or nothing of it was filed
└── JobNotOpen         a write job that cannot be changed in its state
"""


class ReferralError(Exception):
    """`status` is the HTTP status and `public` the only text that a user sees."""

    status = 409
    public = "This referral could not be signed. Please check it and try again."


class NotAnswered(ReferralError):
    """`public` says what is missing; it never repeats what was sent."""

    status = 422

    def __init__(self, public: str) -> None:
        super().__init__(public)
        self.public = public


class KeyMissing(ReferralError):
    status = 400
    public = (
        "This request has no usable Idempotency-Key, so it cannot be kept from being "
        "done twice. Please reload the page and sign again."
    )


class KeyReused(ReferralError):
    public = (
        "This page was already used to sign another decision. Please reload it, look "
        "at what was signed, and sign anew if more is needed."
    )


class PatientDiffers(ReferralError):
    public = (
        "The page showed another patient than the one this app was opened for. "
        "Nothing was signed. Please open the app again from the patient's chart."
    )


class MeetingGone(ReferralError):
    public = (
        "A meeting that was chosen has been cancelled or moved since it was shown. "
        "Nothing was signed. Please choose again from the meetings as they are now."
    )


class CannotBeWritten(ReferralError):
    public = (
        "This record system does not take the referral. Nothing was signed. "
        "Please use the hand-out and the text to copy."
    )


class RecordClosed(ReferralError):
    title = "Nothing can be filed to this record"
    public = (
        "The chart says that this patient has died, or that the record was merged into "
        "another one. Nothing was written. Check that it is the right chart."
    )
    kind = "record_closed"


class MayNotSign(ReferralError):
    status = 403
    public = (
        "This record system does not say that you are one of its practitioners, so "
        "nothing can be signed in your name. Nothing was signed."
    )


class NotASigner(MayNotSign):
    public = (
        "At this site others sign referrals. Nothing was signed. You can print the "
        "hand-out, and ask a colleague who signs to open the app for this patient."
    )


class ReferralUnknown(ReferralError):
    status = 404
    public = "There is no such referral for this patient."


class NothingToCancel(ReferralError):
    public = "Nothing of this referral stands that could be cancelled."


class JobNotOpen(ReferralError):
    """The message says which job, and in which state it is."""

    public = (
        "A part of this referral is on its way or has changed just now. Please look "
        "again in a minute."
    )
