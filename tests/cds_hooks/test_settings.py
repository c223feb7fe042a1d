"""When the service speaks and who may call it, as a site writes it down."""

import base64
from pathlib import Path

import pytest

from plugin.settings import ConfigRefused, Settings, load_settings

GOOD = """\
public_url = "https://selfhelp.example.org"
database_url = "sqlite:///selfhelp.db"
[[ehr]]
id = "general"
issuer = "https://fhir.general.example/r4"
client_id = "selfhelp"
cds_hooks_issuers = [{ issuer = "https://a.example", jwks_url = "https://a.example/k" }]
"""
KEY = base64.b64encode(bytes(range(7, 39))).decode()
ENVIRON = {"SELFHELP_MASTER_KEY": KEY, "SELFHELP_AUDIT_KEY": KEY}


def read(folder: Path, more: str = "", text: str = GOOD) -> Settings:
    file = folder / "selfhelp.toml"
    file.write_text(text + more)
    return load_settings(file, ENVIRON)


def test_site_that_says_nothing_has_the_usual_bounds(tmp_path: Path) -> None:
    cds = read(tmp_path).ehrs[0].cds
    assert cds.cors_origins == ()
    assert (cds.referral_days, cds.mute_days) == (90, 90)
    assert (cds.clinician_per_hour, cds.tenant_per_hour) == (60, 3000)


def test_site_sets_its_own_bounds(tmp_path: Path) -> None:
    more = '[ehr.cds]\nmute_days = 30\ncors_origins = ["https://ehr.example"]\n'
    cds = read(tmp_path, more).ehrs[0].cds
    assert cds.mute_days == 30
    assert cds.cors_origins == ("https://ehr.example",)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param('cors_origins = ["*"]', "wildcard", id="every-origin"),
        pytest.param('cors_origins = ["http://ehr.example"]', "http", id="plain-http"),
        pytest.param('cors_origins = ["null"]', "not an origin", id="null"),
        pytest.param("mute_days = -1", "mute_days", id="negative"),
        pytest.param("mute_weeks = 3", "mute_weeks is not a setting", id="unknown"),
    ],
)
def test_mistake_is_refused_at_the_start(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ConfigRefused, match=said):
        read(tmp_path, f"[ehr.cds]\n{line}\n")


def test_key_set_over_plain_http_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("https://a.example/k", "http://a.example/k")
    with pytest.raises(ConfigRefused, match="jwks_url"):
        read(tmp_path, text=text)
