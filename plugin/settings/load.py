"""From a TOML file and the environment to `Settings`, or a refusal with its line."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from plugin.settings import lines
from plugin.settings.checks import findings
from plugin.settings.keys import audit_keys, master_keys
from plugin.settings.refusal import ConfigRefused
from plugin.settings.shape import (
    AuditLogin,
    AuditRepository,
    Checkpoints,
    Ehr,
    Feed,
    Sessions,
    Settings,
    SiteKnowledge,
    Terminology,
)

_TABLES: Mapping[str, type[BaseModel]] = {
    "ehr": Ehr,
    "feed": Feed,
    "sessions": Sessions,
    "audit_login": AuditLogin,
    "checkpoints": Checkpoints,
    "audit_repository": AuditRepository,
    "knowledge": SiteKnowledge,
    "terminology": Terminology,
}

# Files that are named relative to the configuration file.
_FILES = (
    *("client_secret_file", "metrics_token_file", "token_file"),
    *("ca_file", "site_file"),
)
# Keys of `Settings` that no file may set, and what to do instead.
_NOT_IN_FILE = {
    "master_key": "Set SELFHELP_MASTER_KEY or SELFHELP_MASTER_KEY_FILE instead",
    "master_keys": "Set SELFHELP_MASTER_KEY or SELFHELP_MASTER_KEY_FILE instead",
    "audit_key": "Set SELFHELP_AUDIT_KEY or SELFHELP_AUDIT_KEY_FILE instead",
    "audit_keys": "Set SELFHELP_AUDIT_KEY or SELFHELP_AUDIT_KEY_FILE instead",
    "metrics_token": "Put it in a file and name it in metrics_token_file",
    "token": "Put it in a file of its own and name it in token_file",
    "client_secret": "Put it in a file of its own and name it in client_secret_file",
    "ehrs": "Write [[ehr]]",
    "feeds": "Write [[feed]]",
}


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read, check and freeze the settings.

    Takes:  the file that `--config` named, else None; the environment.
    Raises: ConfigRefused, naming the file, the line and the mend.
    """
    file = _file(path, environ)
    text = _text(file)
    where = lines.key_lines(text)

    def refuse(at: lines.Path, what: str, mend: str) -> ConfigRefused:
        return ConfigRefused(what, mend, str(file), lines.line_of(at, where))

    values = _parsed(text, file)
    for at, key in _forbidden(values):
        raise refuse(at, f"{key} may not stand in this file", _NOT_IN_FILE[key])
    _read_secrets(values, file.parent)
    master = master_keys(environ)
    secrets = {"master_keys": master, "audit_keys": audit_keys(environ, master)}
    try:
        settings = Settings.model_validate(values | secrets)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        raise refuse(detail["loc"], *_said(detail)) from None
    for finding in findings(settings):
        raise refuse(finding.path, finding.what, finding.mend)
    return settings


def _file(path: Path | None, environ: Mapping[str, str]) -> Path:
    named = path or Path(environ.get("SELFHELP_CONFIG", ""))
    if named == Path():
        raise ConfigRefused(
            "No configuration is named", "Give --config FILE or set SELFHELP_CONFIG"
        )
    return named


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except FileNotFoundError:
        what = "This configuration file is not there"
    except UnicodeDecodeError:
        what = "This configuration file is not UTF-8"
    except OSError as error:
        what = f"This configuration file cannot be read ({error.strerror})"
    raise ConfigRefused(what, "Give --config FILE or set SELFHELP_CONFIG", str(file))


def _parsed(text: str, file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
    found = re.search(r"at line (\d+)", said)
    line = int(found[1]) if found else text.count("\n") + 1
    what = "This line is not TOML: " + said.partition(" (at ")[0]
    raise ConfigRefused(what, "Write key = value, with text in quotes", str(file), line)


def _tables(values: Mapping[str, Any]) -> list[tuple[lines.Path, dict[str, Any]]]:
    found: list[tuple[lines.Path, dict[str, Any]]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            found.append(((name,), value))
        elif isinstance(value, list):
            rows = enumerate(value)
            found += [((name, n), row) for n, row in rows if isinstance(row, dict)]
    return found


def _forbidden(values: dict[str, Any]) -> list[tuple[lines.Path, str]]:
    everywhere: list[tuple[lines.Path, dict[str, Any]]] = [((), values)]
    return [
        ((*at, key), key)
        for at, table in everywhere + _tables(values)
        for key in table
        if key in _NOT_IN_FILE
    ]


def _read_secrets(values: dict[str, Any], folder: Path) -> None:
    """Put each secret that a file holds beside the name of the file.

    Paths are relative to the configuration file. A file that cannot be read leaves no
    secret, which `checks` refuses where one is needed.
    """
    everywhere: list[tuple[lines.Path, dict[str, Any]]] = [((), values)]
    for _, table in everywhere + _tables(values):
        for key in _FILES:
            if isinstance(table.get(key), str) and table[key]:
                table[key] = str(folder / table[key])
        for key in ("client_secret", "metrics_token", "token"):
            if secret := _secret(table.get(f"{key}_file")):
                table[key] = secret


def _secret(path: object) -> str | None:
    if not isinstance(path, str) or not path:
        return None
    try:
        return Path(path).read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _said(detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong and how to mend it, in words for who runs the app."""
    loc = detail["loc"]
    names = [part for part in loc if isinstance(part, str)]
    key = names[-1] if names else "this file"
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, _known(loc), 1)
        mend = f"Did you mean {near[0]}?" if near else "Take it out"
        return f"{key} is not a setting", mend
    if detail["type"] == "missing":
        inside = f" in [[{loc[0]}]]" if len(loc) > 1 else ""
        return f"{key} is missing{inside}", f"Add: {key} = …"
    said = detail["msg"].removeprefix("Value error, ")
    if detail["type"] != "value_error":
        return f"{key}: {said[0].lower()}{said[1:]}", "See docs/configuration.md"
    what, _, mend = said.partition(": ")
    return f"{key} {what}", f"{mend[:1].upper()}{mend[1:]}"


def _known(loc: lines.Path) -> list[str]:
    model = _TABLES.get(str(loc[0]), Settings) if len(loc) > 1 else Settings
    fields = model.model_fields.items()
    return [field.alias or name for name, field in fields if name not in _NOT_IN_FILE]
