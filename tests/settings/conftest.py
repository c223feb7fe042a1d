"""A configuration that starts, to change in one place."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from plugin.settings import Settings, load_settings

GOOD = """\
public_url = "https://selfhelp.example.org"
database_url = "sqlite:///selfhelp.db"

[[ehr]]
id = "general"
issuer = "https://fhir.general.example/r4"
client_id = "selfhelp"
frame_ancestors = ["https://ehr.general.example"]

[[ehr]]
id = "county"
issuer = "https://fhir.county.example/r4"
client_id = "selfhelp"
"""
MASTER = base64.b64encode(bytes(range(32))).decode()

Load = Callable[..., Settings]


@pytest.fixture
def good() -> str:
    return GOOD


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a text as if it were the installation's file."""

    def _load(text: str = GOOD, **environ: str) -> Settings:
        file = tmp_path / "selfhelp.toml"
        file.write_text(text, "utf-8")
        return load_settings(file, {"SELFHELP_MASTER_KEY": MASTER} | environ)

    return _load
