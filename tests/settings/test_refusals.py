"""A mistake in the configuration stops the start, with its line and the mend."""

import base64
from pathlib import Path

import pytest

from plugin.settings import ConfigRefused, load_settings

LOOPBACK = "allow_loopback_http = true\n"
ISSUER = 'issuer = "https://fhir.general.example/r4"'
FRAMES = 'frame_ancestors = ["https://ehr.general.example"]'


def changed(good: str, old: str, new: str) -> str:
    assert old in good
    return good.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        pytest.param(
            'client_id = "selfhelp"',
            'clientid = "selfhelp"',
            4,
            "client_id is missing in [[ehr]]",
            id="missing-key",
        ),
        pytest.param(
            FRAMES,
            'frame_ancestor = ["https://x.example"]',
            8,
            "frame_ancestor is not a setting. Did you mean frame_ancestors?",
            id="unknown-key",
        ),
        pytest.param(
            "[[ehr]]", "colour = 3\n[[ehr]]", 4, "colour is not a setting", id="odd-key"
        ),
        pytest.param(
            ISSUER,
            'issuer = "http://fhir.general.example/r4"',
            6,
            "issuer is plain http",
            id="T01-http",
        ),
        pytest.param(
            FRAMES,
            'frame_ancestors = ["https://*.example"]',
            8,
            "may not hold a wildcard",
            id="T01-wildcard-frame",
        ),
        pytest.param(
            FRAMES,
            'frame_ancestors = ["https://a.example; script-src evil"]',
            8,
            "is not an origin",
            id="T01-policy-injected",
        ),
        pytest.param(
            FRAMES,
            'frame_ancestors = ["https://a.example/path"]',
            8,
            "is not an origin",
            id="T01-frame-with-path",
        ),
        pytest.param(
            FRAMES,
            'frame_ancestors = ["http://ehr.general.example"]',
            8,
            "http://ehr.general.example is plain http",
            id="T01-http-frame",
        ),
        pytest.param(
            ISSUER,
            'issuer = "https://10.1.2.3/r4"',
            6,
            "issuer is a private address. List its range in allowed_networks",
            id="T01-private",
        ),
        pytest.param(
            ISSUER,
            'issuer = "https://169.254.169.254/r4"',
            6,
            "issuer is a private address",
            id="T01-metadata",
        ),
        pytest.param(
            ISSUER,
            'issuer = "https://127.0.0.1/r4"',
            6,
            "issuer is on this machine",
            id="T01-loopback",
        ),
        pytest.param(
            ISSUER,
            'issuer = "https://me@fhir.general.example/r4"',
            6,
            "may not carry a user",
            id="user-in-issuer",
        ),
        pytest.param(
            FRAMES,
            'allowed_networks = ["0.0.0.0/0"]',
            8,
            "opens every address",
            id="every-network",
        ),
        pytest.param(
            FRAMES,
            'allowed_networks = ["127.0.0.0/8"]',
            8,
            "lets the app call itself",
            id="loopback-network",
        ),
        pytest.param(
            FRAMES,
            'allowed_networks = ["169.254.0.0/16"]',
            8,
            "metadata range",
            id="link-local-network",
        ),
        pytest.param(
            FRAMES,
            'allowed_networks = ["10.20.0.1/16"]',
            8,
            "is not an address range",
            id="network-with-host-bits",
        ),
        pytest.param(
            'issuer = "https://fhir.county.example/r4"',
            'issuer = "https://fhir.general.example/r4/"',
            12,
            "is given twice",
            id="T02-duplicate-issuer",
        ),
        pytest.param(
            'id = "county"',
            'id = "general"',
            11,
            "id general is given twice",
            id="T02-duplicate-id",
        ),
        pytest.param(
            "[[ehr]]",
            '[knowledge]\nsite_file = "site.json"\n[[ehr]]',
            5,
            "site.json, which is not there",
            id="site-file",
        ),
        pytest.param(
            "[[ehr]]",
            '[knowledge]\nsite = "site.json"\n[[ehr]]',
            4,
            "site_file is missing",
            id="site-file-missing",
        ),
        pytest.param(
            "[[ehr]]",
            '[terminology]\nserver = "http://tx.example/r4"\n[[ehr]]',
            5,
            "server is plain http",
            id="terminology-http",
        ),
        pytest.param(
            "[[ehr]]",
            '[terminology]\nserver = "https://tx.example"\nca_file = "no"\n[[ehr]]',
            6,
            "which is not there",
            id="terminology-ca",
        ),
        pytest.param(
            "[[ehr]]",
            '[terminology]\nserver = "https://tx.example"\n'
            'allowed_networks = ["0.0.0.0/0"]\n[[ehr]]',
            6,
            "allowed_networks opens every address",
            id="terminology-network",
        ),
        pytest.param(
            "[[ehr]]",
            '[audit_login]\nissuer = "https://login.example"\nclient_id = "a"\n'
            'client_secret_file = "x"\nrole = "r"\n'
            'allowed_networks = ["169.254.0.0/16"]\n[[ehr]]',
            9,
            "opens the machine's metadata range",
            id="audit-login-network",
        ),
        pytest.param(
            FRAMES,
            'ca_file = "hospital.pem"',
            8,
            "which is not there",
            id="missing-ca-file",
        ),
        pytest.param(
            FRAMES,
            'signers = ["dr-ada"]',
            8,
            "names no user. Write Practitioner/7",
            id="R7-signer-that-is-no-user",
        ),
        pytest.param(
            FRAMES,
            'readers = ["role:student"]',
            8,
            "readers names a role, and no role_claim",
            id="R7-role-without-a-claim",
        ),
        pytest.param(
            FRAMES,
            'client_auth = "none"\nbackend_services = true',
            9,
            "backend_services needs private_key_jwt",
            id="backend-without-a-key",
        ),
        pytest.param(
            FRAMES,
            'client_auth = "client_secret_basic"',
            8,
            "client_secret_basic needs a secret",
            id="no-secret",
        ),
        pytest.param(
            FRAMES,
            'client_auth = "client_secret_basic"\nclient_secret_file = "gone"',
            9,
            "client_secret_basic needs a secret",
            id="missing-secret-file",
        ),
        pytest.param(
            FRAMES,
            'client_secret = "hunter2"',
            8,
            "client_secret may not stand in this file. Put it in a file of its own",
            id="T04-secret-in-file",
        ),
        pytest.param(
            FRAMES, 'country = "USA"', 8, "country is not a country", id="country"
        ),
        pytest.param(FRAMES, 'note_status = "signed"', 8, "note_status", id="choice"),
        pytest.param(
            FRAMES, 'part2 = "ignore"', 8, "docs/configuration.md", id="part2"
        ),
        pytest.param(
            FRAMES,
            'scopes = ["launch", "openid"]',
            8,
            "scopes lack fhirUser",
            id="scopes",
        ),
        pytest.param(
            "[[ehr]]",
            'metrics_token_file = "gone"\n[[ehr]]',
            4,
            "a file without a token",
            id="missing-metrics-token",
        ),
        pytest.param(
            "[[ehr]]",
            "demo_directory = true\n[[ehr]]",
            4,
            "demo_directory has invented meetings",
            id="T07-demo-directory",
        ),
        pytest.param(
            'database_url = "sqlite:///selfhelp.db"',
            'database_url = "mysql://root@db/selfhelp"',
            2,
            "is neither database",
            id="other-database",
        ),
        pytest.param(
            "https://selfhelp.example.org",
            "https://example.org/selfhelp",
            1,
            "public_url has a path",
            id="path-in-public-url",
        ),
        pytest.param(
            "https://selfhelp.example.org",
            "http://127.0.0.1:8000",
            1,
            "public_url is plain http",
            id="http-public-url",
        ),
        pytest.param(
            FRAMES, "frame_ancestors = [", 10, "is not TOML", id="broken-toml"
        ),
        pytest.param(
            FRAMES, "[sessions]\nidle_minutes = 0", 9, "idle_minutes", id="no-session"
        ),
        pytest.param(
            FRAMES,
            '[[feed]]\nid = "aa"\nsource = "http://a.example"\nformat = "bmlt"\n'
            'program = "na"',
            10,
            "source is neither https nor a file",
            id="feed-http",
        ),
        pytest.param(
            FRAMES,
            '[[feed]]\nid = "aa"\nsource = "a.json"\nformat = "bmlt"\n'
            'program = "na"\ntimezone = "New York"',
            13,
            "New York is no time zone",
            id="feed-zone",
        ),
        pytest.param(
            FRAMES,
            '[audit_login]\nissuer = "https://login.example"\nclient_id = "a"\n'
            'client_secret_file = "gone"\nrole = "auditor"',
            11,
            "has no secret",
            id="audit-login-secret",
        ),
        pytest.param(
            FRAMES,
            'cds_hooks_issuers = [{issuer = "https://a.example", '
            'jwks_url = "http://a.example/jwks"}]',
            8,
            "jwks_url is plain http",
            id="cds-http",
        ),
    ],
)
def test_mistake_is_refused_with_its_line(
    load, good: str, old: str, new: str, line: int, said: str
) -> None:
    with pytest.raises(ConfigRefused) as refused:
        load(changed(good, old, new))
    message = str(refused.value)
    assert f"selfhelp.toml:{line}: " in message
    assert said in message
    assert "\n" not in message
    assert "hunter2" not in message


def test_loopback_mode_still_refuses_http_to_another_machine(load, good: str) -> None:
    text = LOOPBACK + changed(good, ISSUER, 'issuer = "http://fhir.general.example"')
    with pytest.raises(ConfigRefused, match="plain http to another machine"):
        load(text)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match=r"none\.toml: .* is not there"):
        load_settings(tmp_path / "none.toml", {})


def test_no_configuration_says_where_to_name_it() -> None:
    with pytest.raises(ConfigRefused, match="--config FILE or set SELFHELP_CONFIG"):
        load_settings(None, {})


@pytest.mark.parametrize("text", ["", LOOPBACK], ids=["production", "loopback"])
def test_missing_master_key_is_refused(load, good: str, text: str) -> None:
    with pytest.raises(ConfigRefused, match="master key is missing"):
        load(text + good, SELFHELP_MASTER_KEY="")


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("secret", id="not-base64"),
        pytest.param(base64.b64encode(b"x" * 16).decode(), id="short"),
        pytest.param(base64.b64encode(bytes(32)).decode(), id="T07-zeros"),
        pytest.param(base64.b64encode(b"changeme" * 4).decode(), id="T07-sample"),
    ],
)
def test_unfit_master_key_is_refused_and_not_printed(load, key: str) -> None:
    with pytest.raises(ConfigRefused) as refused:
        load(SELFHELP_MASTER_KEY=key)
    assert "SELFHELP_MASTER_KEY" in str(refused.value)
    assert key not in str(refused.value)


def test_key_given_twice_is_refused(load, tmp_path: Path) -> None:
    with pytest.raises(ConfigRefused, match="both set"):
        load(SELFHELP_MASTER_KEY_FILE=str(tmp_path / "key"))


def test_missing_key_file_is_refused(load, tmp_path: Path) -> None:
    environ = {"SELFHELP_AUDIT_KEY_FILE": str(tmp_path / "gone")}
    with pytest.raises(ConfigRefused, match="SELFHELP_AUDIT_KEY_FILE names"):
        load(**environ)
