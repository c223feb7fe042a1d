"""The master key and the audit key: from the environment or a file it names.

While a key is being replaced, the new one stands first and the old one after it.
"""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretBytes

from plugin.settings.refusal import ConfigRefused

KEY_BYTES = 32  # AES-256-GCM and HMAC-SHA256
_MAKE_ONE = "Make one with: head -c 32 /dev/urandom | base64"

# A random key of 32 bytes has about 30 different ones; fewer than 8 is a key that
# somebody typed (all zeros, one letter repeated).
_LEAST_DIFFERENT = 8


def master_keys(environ: Mapping[str, str]) -> tuple[SecretBytes, ...]:
    """The keys that seal tokens, pending launches and signing keys at rest.

    Gives:  the current one first, then those that it replaced.
    """
    keys = _keys("SELFHELP_MASTER_KEY", environ)
    if not keys:
        raise ConfigRefused(
            "The master key is missing",
            f"Set SELFHELP_MASTER_KEY or SELFHELP_MASTER_KEY_FILE. {_MAKE_ONE}",
        )
    return keys


def audit_keys(
    environ: Mapping[str, str], master: tuple[SecretBytes, ...]
) -> tuple[SecretBytes, ...]:
    """The keys of the audit trail, the current one first.

    An installation that sets none gets them derived from its master keys, so that
    the chain is never without a key that the database does not hold.
    """
    keys = _keys("SELFHELP_AUDIT_KEY", environ)
    return keys or tuple(_derived(key) for key in master)


def derived_from(
    master: tuple[SecretBytes, ...], audit: tuple[SecretBytes, ...]
) -> bool:
    """Whether the audit keys are the master keys' own, none having been set."""
    return audit == tuple(_derived(key) for key in master)


def _derived(master: SecretBytes) -> SecretBytes:
    info = b"selfhelp audit trail"
    derivation = HKDF(SHA256(), KEY_BYTES, salt=None, info=info)
    return SecretBytes(derivation.derive(master.get_secret_value()))


def looks_typed(key: SecretBytes) -> bool:
    return len(set(key.get_secret_value())) < _LEAST_DIFFERENT


def _keys(name: str, environ: Mapping[str, str]) -> tuple[SecretBytes, ...]:
    text, source = environ.get(name, ""), name
    if path := environ.get(f"{name}_FILE", ""):
        if text:
            raise ConfigRefused(
                f"{name} and {name}_FILE are both set", "Keep one of them"
            )
        text, source = _read(Path(path), f"{name}_FILE"), f"{name}_FILE"
    return tuple(_decoded(word, source) for word in text.split())


def _decoded(text: str, source: str) -> SecretBytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigRefused(f"{source} is not 32 bytes in base64", _MAKE_ONE)
    return SecretBytes(key)


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        raise ConfigRefused(
            f"{name} names {path}, which cannot be read", _MAKE_ONE
        ) from None
