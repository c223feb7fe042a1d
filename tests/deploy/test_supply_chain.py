"""What the app is made of, and that nothing was left in it that should not be."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent

# What a secret looks like. Each with its own false friends taken out.
SECRETS = {
    "private key": r"-----BEGIN (?:RSA |EC |OPENSSH |ENCRYPTED )?PRIVATE KEY-----",
    "JSON Web Token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}",
    "private JWK": r'"d"\s*:\s*"[\w-]{40,}"',
    "cloud access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "token of a forge": r"\bgh[pousr]_[A-Za-z0-9]{36}\b|\bglpat-[\w-]{20}\b",
    "password in an address": r"[a-z+]+://[\w.-]+:[^@\s/\"'{}$<]{3,}@",
    "32 bytes in base64": r"(?<![\w+/=-])[A-Za-z0-9+/]{43}=(?![\w+/=])",
}
# Words by which a value says itself that it is none.
_NO_SECRET = re.compile(r"canary|example|sha256|:password@|4711", re.I)


def committed() -> Sequence[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    names = listed.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def found_in(text: str) -> Iterator[str]:
    for name, pattern in SECRETS.items():
        for match in re.finditer(pattern, text):
            begin = text.rfind("\n", 0, match.start()) + 1
            line = text[begin : match.end() + 40]
            if not _NO_SECRET.search(line) and not counts_up(match[0]):
                yield f"{name}: {match[0][:12]}…"


def counts_up(text: str) -> bool:
    """Whether these are bytes in their order: a key of the tests."""
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return len({after - before for before, after in pairwise(key)}) == 1


@pytest.mark.slow
def test_T04_no_secret_is_committed() -> None:
    found = []
    for file in committed():
        if file.parent.name == "requirements":
            continue  # hashes
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{file.relative_to(ROOT)}: {one}" for one in found_in(text)]
    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param("-----BEGIN " + "PRIVATE KEY-----\nMIIE", id="private-key"),
        pytest.param('{"kty": "EC", "d": "' + "aB3dE6gH9" * 5 + '"}', id="jwk"),
        pytest.param("key = AKIA" + "ABCDEFGHIJKLMNOP", id="cloud"),
        pytest.param("postgresql://me:" + "s3cr3ts@db/x", id="database"),
        pytest.param("k: q83vEjRWeJq83vEjRWeJq83vEjRW" + "eJq83vEjRWeJ0f8=", id="key"),
    ],
)
def test_T04_a_planted_secret_would_be_found(planted: str) -> None:
    assert list(found_in(planted)) != []


def test_no_file_names_a_package_registry() -> None:
    for file in sorted((ROOT / "requirements").iterdir()):
        assert not re.search(r"https?://|index-url|find-links", file.read_text()), file


def test_every_pin_has_a_hash() -> None:
    for file in sorted((ROOT / "requirements").glob("*.txt")):
        entries = re.split(r"\n(?=[a-z0-9])", file.read_text())
        assert all("--hash=sha256:" in entry for entry in entries if "==" in entry), (
            file
        )


@pytest.mark.slow
def test_bandit_finds_nothing_of_weight() -> None:
    """B608 aside: the linter's S608 asks the same, and each answer has its reason."""
    command = [TOOLS / "bandit", "-q", "-r", "-ll", "-s", "B608", "-f", "json"]
    run = subprocess.run(
        [*command, "plugin", "smart_launch", "fhir_profiles"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    issues = [
        f"{one['filename']}:{one['line_number']} {one['test_id']}"
        for one in json.loads(run.stdout)["results"]
    ]
    assert issues == []


@pytest.mark.slow
def test_the_bill_of_materials_is_made_from_the_pins(tmp_path: Path) -> None:
    """As docs/security/supply-chain.md says it."""
    made = tmp_path / "sbom.json"
    command = [TOOLS / "cyclonedx-py", "requirements", "requirements/runtime.txt"]
    command += ["--pyproject", "pyproject.toml", "--of", "JSON", "-o", made]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    bill = json.loads(made.read_text())
    names = {one["name"] for one in bill["components"]}
    assert {"fastapi", "joserfc", "cryptography", "starlette"} <= names
    assert bill["metadata"]["component"]["name"] == "selfhelp-referral"
    hashed = [one for one in bill["components"] if one.get("externalReferences")]
    assert len(hashed) == len(bill["components"])
