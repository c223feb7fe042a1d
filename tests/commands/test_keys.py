"""`selfhelp keys`: made, rotated, printed without their private members."""

import json

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
