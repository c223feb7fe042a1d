"""What a good configuration gives."""

import base64
from pathlib import Path

import pydantic
import pytest

from plugin.settings import load_settings
from plugin.settings.lines import key_lines, line_of
from plugin.settings.registrations import backend_scopes, registrations
from plugin.settings.shape import BACKEND_SCOPES
from smart_launch.secret import Secret


def test_settings_hold_what_the_file_says(load) -> None:
    settings = load()
    assert settings.redirect_uri == "https://selfhelp.example.org/callback"
    assert [ehr.id for ehr in settings.ehrs] == ["general", "county"]
    assert settings.ehr_of("general").frame_ancestors == (
        "https://ehr.general.example",
    )
    with pytest.raises(KeyError):
        settings.ehr_of("elsewhere")


def test_system_scopes_are_asked_for_only_where_the_site_set_it(load, good) -> None:
    assert backend_scopes(load()) == {}
    text = good.replace('id = "county"', 'id = "county"\nbackend_services = true')
    assert backend_scopes(load(text)) == {"county": " ".join(BACKEND_SCOPES)}


def test_update_of_orders_is_asked_for_only_where_the_site_set_it(load, good) -> None:
    def asked(text: str) -> dict[str, set[str]]:
        found = registrations(load(text))
        return {
            ehr: {s for s in found.by_id(ehr).scopes if "ServiceRequest" in s}
            for ehr in ("general", "county")
        }

    text = good.replace('id = "county"', 'id = "county"\ncancel_orders = true')
    assert asked(text) == {
        "general": {"patient/ServiceRequest.crs"},
        "county": {"patient/ServiceRequest.crus"},
    }
    text = good.replace('id = "county"', 'id = "county"\nwrite_tasks = true')
    tasks = {"patient/Task.crus"}
    scopes = {ehr.id: set(ehr.scopes) & tasks for ehr in registrations(load(text))}
    assert scopes == {"general": set(), "county": tasks}


def test_settings_cannot_be_changed(load) -> None:
    with pytest.raises(pydantic.ValidationError):
        load().public_url = "https://evil.example"


def test_T04_settings_print_no_secret(load, tmp_path: Path, good: str) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    text = good.replace(
        'client_id = "selfhelp"',
        'client_id = "selfhelp"\nclient_auth = "client_secret_basic"\n'
        'client_secret_file = "secret"',
        1,
    ).replace("sqlite:///selfhelp.db", "postgresql+psycopg://app:pw4711@db/selfhelp")
    settings = load(text)
    secret = settings.ehr_of("general").client_secret
    assert secret is not None
    assert secret.get_secret_value() == "hunter2"
    for printed in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter2" not in printed
        assert "AAECAw" not in printed
    assert "pw4711" not in repr(settings)


def test_config_is_found_through_the_environment(tmp_path: Path, good: str) -> None:
    file = tmp_path / "elsewhere.toml"
    file.write_text(good)
    key = tmp_path / "key"
    key.write_text(base64.b64encode(bytes(range(32))).decode() + "\n")
    environ = {"SELFHELP_CONFIG": str(file), "SELFHELP_MASTER_KEY_FILE": str(key)}
    settings = load_settings(None, environ)
    assert settings.master_keys[0].get_secret_value() == bytes(range(32))


def test_audit_key_is_its_own_or_derived_but_never_the_master_key(load) -> None:
    own = bytes(range(100, 132))
    given = load(SELFHELP_AUDIT_KEY=base64.b64encode(own).decode())
    assert given.audit_keys[0].get_secret_value() == own
    derived = load()
    assert derived.audit_keys == load().audit_keys
    assert derived.audit_keys != derived.master_keys


def test_replaced_keys_stand_after_the_current_one(load) -> None:
    new, old = bytes(range(50, 82)), bytes(range(32))
    both = "\n".join(base64.b64encode(key).decode() for key in (new, old))
    keys = load(SELFHELP_MASTER_KEY=both).master_keys
    assert [key.get_secret_value() for key in keys] == [new, old]


def test_registrations_carry_each_ehr(load, tmp_path: Path, good: str) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    text = good.replace(
        'id = "general"',
        'id = "general"\nclient_auth = "client_secret_basic"\n'
        'client_secret_file = "secret"\nca_file = "ca.pem"\n'
        'allowed_hosts = ["login.general.example"]\n'
        'allowed_networks = ["10.20.0.0/16"]\nproxy = "http://proxy.example:3128"',
    )
    registered = registrations(load(text)).by_id("general")
    assert registered.redirect_uri == "https://selfhelp.example.org/callback"
    assert registered.client_secret == Secret("hunter2")
    assert registered.ca_file == str(tmp_path / "ca.pem")
    assert registered.allows("https://login.general.example/authorize")
    assert not registered.allows("https://evil.example/authorize")
    assert registered.proxy == "http://proxy.example:3128"
    assert str(registered.allowed_networks[0]) == "10.20.0.0/16"


def test_uk_means_gb(load, good: str) -> None:
    text = good.replace(
        'client_id = "selfhelp"', 'client_id = "selfhelp"\ncountry = "uk"', 1
    )
    assert load(text).ehr_of("general").country == "GB"


def test_private_issuer_is_taken_inside_an_allowed_network(load, good: str) -> None:
    text = good.replace("https://fhir.general.example/r4", "https://10.20.1.1/r4")
    text = text.replace(
        'id = "general"', 'id = "general"\nallowed_networks = ["10.20.0.0/16"]'
    )
    assert load(text).ehr_of("general").issuer == "https://10.20.1.1/r4"


@pytest.mark.parametrize(
    "address", ["http://localhost:8080/fhir", "http://127.0.0.1/", "http://[::1]:1/r4"]
)
def test_loopback_is_taken_where_it_is_allowed(load, good: str, address: str) -> None:
    text = "allow_loopback_http = true\n" + good.replace(
        "https://fhir.general.example/r4", address
    ).replace("https://selfhelp.example.org", "http://localhost:8000")
    settings = load(text, SELFHELP_MASTER_KEY=base64.b64encode(b"k" * 32).decode())
    assert settings.ehr_of("general").issuer == address


def test_lines_are_found_in_repeated_tables() -> None:
    text = "a = 1\n[[t]]\nb = 2\n\n[[t]]\n# b = 3\n'b' = 4\n[s]\nb = 5\n"
    lines = key_lines(text)
    assert line_of(("a",), lines) == 1
    assert line_of(("t", 0, "b"), lines) == 3
    assert line_of(("t", 1, "b", 0, "deeper"), lines) == 7
    assert line_of(("t", 1, "missing"), lines) == 5
    assert line_of(("s", "b"), lines) == 9
    assert line_of(("nowhere",), lines) is None
