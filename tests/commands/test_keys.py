"""`selfhelp keys`: made, rotated, printed without their private members."""

import json
import sqlite3

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def test_L37_jwks_has_public_members_only(installation) -> None:
    installation.write("http://127.0.0.1:9/r4")
    ended = installation.run("keys", "jwks")
    keys = json.loads(ended.out)["keys"]
    assert ended.code == 0
    assert {key["alg"] for key in keys} == {"RS384", "ES384"}
    assert not any(PRIVATE & set(key) for key in keys)


def test_L37_old_and_new_keys_overlap_in_a_rotation(installation) -> None:
    installation.write("http://127.0.0.1:9/r4")
    before = json.loads(installation.run("keys", "jwks").out)["keys"]
    installation.run("keys", "rotate")
    after = json.loads(installation.run("keys", "jwks").out)["keys"]
    assert {key["kid"] for key in before} < {key["kid"] for key in after}
    assert len(after) == 4


def test_generate_makes_one_of_the_kind_that_is_named(installation) -> None:
    installation.write("http://127.0.0.1:9/r4")
    ended = installation.run("keys", "generate", "--algorithm", "ES384")
    assert ended.out.startswith("ES384  ")
    assert len(ended.out.splitlines()) == 1


def test_generate_refuses_another_kind(installation) -> None:
    installation.write("http://127.0.0.1:9/r4")
    assert installation.run("keys", "generate", "--algorithm", "HS256").code == 2


def test_A14_another_master_key_is_refused(installation, environ) -> None:
    installation.write("http://127.0.0.1:9/r4")
    installation.run("keys", "jwks")
    environ(SELFHELP_MASTER_KEY="/" * 43 + "=")
    ended = installation.run("keys", "jwks")
    assert ended.code != 0
    assert ended.out == ""


OLD = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NEW = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
AUDIT = "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8="


def test_reseal_lets_the_older_master_key_go(installation, environ) -> None:
    installation.write("http://127.0.0.1:9/r4")
    environ(SELFHELP_MASTER_KEY=OLD, SELFHELP_AUDIT_KEY=AUDIT)
    before = installation.run("keys", "jwks").out
    environ(SELFHELP_MASTER_KEY=f"{NEW} {OLD}")
    ended = installation.run("keys", "reseal")
    assert ended.code == 0, ended.err
    assert "signing_keys  2 of 2 sealed anew" in ended.out
    assert "The newest master key opens everything" in ended.out
    environ(SELFHELP_MASTER_KEY=NEW)
    assert installation.run("keys", "jwks").out == before


def test_reseal_says_where_the_trail_still_needs_the_older_key(
    installation, environ
) -> None:
    installation.write("http://127.0.0.1:9/r4")
    environ(SELFHELP_MASTER_KEY=OLD)
    installation.run("keys", "jwks")
    environ(SELFHELP_MASTER_KEY=f"{NEW} {OLD}")
    ended = installation.run("keys", "reseal")
    assert ended.code == 1
    assert "The audit trail still needs the older master keys" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_reseal_counts_what_no_key_opens(installation, environ) -> None:
    installation.write("http://127.0.0.1:9/r4")
    environ(SELFHELP_MASTER_KEY=OLD)
    installation.run("keys", "jwks")
    with sqlite3.connect(installation.folder / "selfhelp.db") as database:
        database.execute(
            "INSERT INTO contexts (id, tenant, issuer, patient, fhir_user, subject,"
            " secret_hash, sealed, launched_at, seen_at, expires_at)"
            " VALUES ('c', 'general', 'i', 'p', 'u', 's', 'h', ?, 0, 0, 0)",
            (b"torn",),
        )
    ended = installation.run("keys", "reseal")
    assert ended.code == 1
    assert "contexts  0 of 1 sealed anew" in ended.out
    assert ended.err.startswith("selfhelp: 1 stored values open with none")
