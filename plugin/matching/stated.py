"""Preferences as they arrive from a file: every key optional, none unknown.

Source: contract, "Preferences file".
"""

from collections.abc import Mapping
from typing import Any, cast

from plugin.matching.recommendation import Preferences

_SPIRITUAL = ("secular_only", "spiritual_ok", "faith")
_MODALITY = ("online", "in-person")
_FLAGS = ("lgbtq", "women", "men", "veterans", "young_people", "beginners")
KEYS = ("spiritual", "modality", "language", *_FLAGS, "picks")


class PreferencesRefused(ValueError):
    """The message says which key is wrong, and what it may be."""


def preferences_from(stated: object, programs: Mapping[str, object]) -> Preferences:
    """Takes: a decoded JSON object; the programmes that may be picked.

    Raises: PreferencesRefused.
    """
    if not isinstance(stated, dict):
        raise PreferencesRefused("preferences are one JSON object")
    for key in stated:
        if key not in KEYS:
            raise PreferencesRefused(
                f"unknown preference {str(key)[:40]!r}; known are {', '.join(KEYS)}"
            )
    return Preferences(
        spiritual=cast("Any", _one_of(stated, "spiritual", _SPIRITUAL)),
        modality=cast("Any", _one_of(stated, "modality", _MODALITY)),
        language=_language(stated),
        picks=_picks(stated, programs),
        **{flag: _flag(stated, flag) for flag in _FLAGS},
    )


def _one_of(stated: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> Any:
    value = stated.get(key)
    if value is not None and value not in allowed:
        raise PreferencesRefused(f"{key} is one of {', '.join(allowed)}")
    return value


def _language(stated: Mapping[str, Any]) -> str | None:
    value = stated.get("language")
    if value is None:
        return None
    if not isinstance(value, str) or not is_language(value):
        raise PreferencesRefused("language is a code such as en or es")
    return value.lower()


def is_language(code: str) -> bool:
    """Whether a text has the form of a BCP 47 language code."""
    first, *rest = code.split("-")
    return (
        2 <= len(first) <= 3
        and first.isalpha()
        and first.isascii()
        and all(part.isalnum() and len(part) <= 8 for part in rest)
    )


def _flag(stated: Mapping[str, Any], key: str) -> bool:
    value = stated.get(key, False)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise PreferencesRefused(f"{key} is true or false")
    return value


def _picks(
    stated: Mapping[str, Any], programs: Mapping[str, object]
) -> tuple[str, ...]:
    value = stated.get("picks") or []
    if not isinstance(value, list):
        raise PreferencesRefused("picks is a list of programme ids")
    for pick in value:
        if not isinstance(pick, str) or pick not in programs:
            raise PreferencesRefused(f"picks names no programme: {str(pick)[:40]!r}")
    return tuple(value)
