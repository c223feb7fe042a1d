"""The one frozen `Settings`, from one TOML file and the environment.

    from plugin.settings import Settings, load_settings

`shape` says what may be set, `keys` where the secrets come from, `checks` which
combinations are refused (`ehr_checks` for an EHR, `web_addresses` for where a call may
go), `load` brings them together, and `lines` finds the line that a refusal names.
`registrations` hands each `[[ehr]]` to the SMART client.
"""

from plugin.settings.load import load_settings
from plugin.settings.refusal import ConfigRefused
from plugin.settings.shape import (
    AuditLogin,
    AuditRepository,
    CdsIssuer,
    Checkpoints,
    Ehr,
    Feed,
    Sessions,
    Settings,
)

__all__ = [
    "AuditLogin",
    "AuditRepository",
    "CdsIssuer",
    "Checkpoints",
    "ConfigRefused",
    "Ehr",
    "Feed",
    "Sessions",
    "Settings",
    "load_settings",
]
