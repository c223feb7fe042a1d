"""The master key and the audit key: from the environment or a file it names."""

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


def master_key(environ: Mapping[str, str]) -> SecretBytes:
    """The key that seals tokens, pending launches and signing keys at rest."""
    key = _key("SELFHELP_MASTER_KEY", environ)
    if key is None:
        raise ConfigRefused(
            "The master key is missing",
            f"Set SELFHELP_MASTER_KEY or SELFHELP_MASTER_KEY_FILE. {_MAKE_ONE}",
        )
    return key


def audit_key(environ: Mapping[str, str], master: SecretBytes) -> SecretBytes:
    """The key of the audit trail's chain.

    An installation that sets none gets one derived from its master key, so that the
    chain is never without a key that the database does not hold.
    """
    key = _key("SELFHELP_AUDIT_KEY", environ)
    if key is not None:
        return key
    derive = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"selfhelp audit trail")
    return SecretBytes(derive.derive(master.get_secret_value()))


def looks_typed(key: SecretBytes) -> bool:
    return len(set(key.get_secret_value())) < _LEAST_DIFFERENT


def _key(name: str, environ: Mapping[str, str]) -> SecretBytes | None:
    text, source = environ.get(name, ""), name
    if path := environ.get(f"{name}_FILE", ""):
        if text:
            raise ConfigRefused(
                f"{name} and {name}_FILE are both set", "Keep one of them"
            )
        text, source = _read(Path(path), f"{name}_FILE"), f"{name}_FILE"
    if not text.strip():
        return None
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
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
