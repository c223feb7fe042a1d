"""What may pass from a stranger's feed into our text: words, and https addresses."""

import html
import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from plugin.directory.errors import RowRejected
from plugin.directory.feeds.numbers import EXACT, TOO_LARGE

LONGEST_KEY = 200
LONGEST_NAME = 200
_LONGEST_TEXT = 300
_LONGEST_NOTE = 1000
_LONGEST_URL = 2000

# Control characters, and those that turn text around or make it invisible.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff]"
)
_TAG = re.compile(r"<[a-zA-Z!/?][^>]*>?")
# A cell that a spreadsheet would work out: "=...", or a sign and then a call. (What
# else begins with a sign is kept as text when it is exported.)
_FORMULA = re.compile(r"^(=|[+@-].*[|!]|[+@-][A-Z.]{2,}\()")
_E_MAIL = re.compile(r"[\w.+%-]+\s?@\s?[\w-]+(\.[\w-]+)+", re.UNICODE)
_PHONE = re.compile(
    r"(?<!\d)(?:\+\d[\d\s().-]{6,}\d|\(?\d{3}\)?[\s.-]{0,2}\d{3}[\s.-]\d{4}"
    r"|0\d{2,4}[\s-]\d{3,4}[\s-]?\d{3,4}|\d{9,15}|(?<![-.])\d{3}[-.]\d{4})(?!\d)"
)
# A sentence that sends people to a person says that person's name.
_TO_A_PERSON = re.compile(
    r"\b(contact|call|phone|text|e-?mail|message|ask for|whats ?app|signal"
    r"|venmo|paypal|cash ?app|zelle|pass(word|code)|meeting id|zoom id|pin)\b",
    re.IGNORECASE,
)
_SENTENCE_ENDS = re.compile(r"(?<=[.!?;])\s+|[\r\n]+")
# Six digits that may belong together: most texts hold none, and need no closer look.
_DIGITS = re.compile(r"\d{3}[\s().-]{0,3}\d{3}|\d[\s().-]{1,3}\d{3}[\s-]?\d{3}")
_HANDLE = re.compile(r"(?<!\w)[@$][A-Za-z][\w-]{2,}")


def text(value: Any, longest: int = _LONGEST_TEXT) -> str:
    """One line without markup, contacts or invisible characters. None gives ""."""
    if value is None or value == "":
        return ""
    return _cleaned(value if type(value) is str else str(value), longest)


# Feeds say the same places, towns and dates over and over.
@lru_cache(maxsize=16384)
def _cleaned(said: str, longest: int) -> str:
    if len(said) <= longest and _is_plain(said):
        return said
    if "&" in said:
        said = html.unescape(said)
    if not (said.isascii() and said.isprintable()):
        said = _UNPRINTABLE.sub("", said)
    if "<" in said:
        said = _TAG.sub(" ", said)
    said = without_contacts(" ".join(said.split()))
    return said if len(said) <= longest else said[: longest - 1].rstrip() + "…"


def _is_plain(said: str) -> bool:
    """Whether nothing in a text is to be changed. Most are, so this is quick."""
    return (
        said.isascii()
        and said.isprintable()
        and said[0] != " " != said[-1]
        and "  " not in said
        and "&" not in said
        and "<" not in said
        and "@" not in said
        and "$" not in said
        and not _DIGITS.search(said)
    )


def without_contacts(said: str) -> str:
    """The same text without e-mail addresses, telephone numbers and account names."""
    if "@" in said or "$" in said:
        said = _HANDLE.sub("", _E_MAIL.sub("", said))
    # Most texts hold no run of digits at all.
    if sum(map(str.isdigit, said)) >= 7:
        said = _PHONE.sub("", said)
    return said.strip()


def note(value: Any) -> str:
    """A longer text, without the sentences that lead to a person, an account or a room.

    What tells how to find the door stays; whom to ring is not ours to keep.
    """
    if not isinstance(value, str) or not value.strip():
        return ""
    sentences = _SENTENCE_ENDS.split(html.unescape(value))
    kept = (
        one
        for one in sentences
        if one and not _TO_A_PERSON.search(one) and not _E_MAIL.search(one)
    )
    return text(" ".join(kept), _LONGEST_NOTE)


def public_line(value: Any) -> str:
    """The telephone of a service body: digits and what may stand between them."""
    if not value:
        return ""
    given = str(value).split("|")[0].strip()
    usable = given and all(sign in "+0123456789 ()-.x" for sign in given)
    return given if usable and len(given) <= 30 else ""


def name(value: Any) -> str:
    """The name of a meeting.

    Raises: RowRejected for none, and for one that is a script or a formula.
    """
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise RowRejected("no name")
    said = value if type(value) is str else str(value)
    if "&" in said:
        said = html.unescape(said)
    if "<" in said and _TAG.search(said):
        raise RowRejected("the name holds markup")
    said = said.strip()
    if said[:1] in ("=", "+", "-", "@") and _FORMULA.match(said):
        raise RowRejected("the name is a formula")
    if not (said and len(said) <= LONGEST_NAME and _is_plain(said)):
        said = text(said, LONGEST_NAME)
    if not said:
        raise RowRejected("no name")
    return said


def key(value: Any, field: str = "slug") -> str:
    """What names a row in its feed: text, or a whole number.

    Raises: RowRejected for none, and for one that cannot be stored.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value) if abs(value) <= EXACT else TOO_LARGE
    if isinstance(value, int) and abs(value) >= TOO_LARGE:
        raise RowRejected(f"{field} is a number too large to be read exactly")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowRejected(f"no {field}")
    said = str(value).strip()
    if not said:
        raise RowRejected(f"no {field}")
    if len(said) > LONGEST_KEY:
        raise RowRejected(f"{field} longer than {LONGEST_KEY} characters")
    if not said.isprintable():
        raise RowRejected(f"{field} holds characters that cannot be shown")
    return said


def https(value: Any) -> str:
    """The address, if a browser may be sent there; else ""."""
    if not isinstance(value, str) or "https://" not in value[:20].lower():
        return ""
    said = value.strip()
    if len(said) > _LONGEST_URL or not said.isprintable() or " " in said:
        return ""
    if any(sign in said for sign in "<>\"'\\`"):
        return ""
    try:
        parts = urlsplit(said)
    except ValueError:
        return ""
    usable = parts.scheme == "https" and parts.hostname and "@" not in parts.netloc
    return said if usable else ""


def number(value: Any) -> float | None:
    """A coordinate as feeds write it: a number, or the text of one."""
    if type(value) is float:
        return value
    if value is None or value == "" or isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise RowRejected("a coordinate that is no number") from None
