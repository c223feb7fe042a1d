"""The documents speak of what is there, and name a test for what they claim."""

import base64
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_TEST = re.compile(r"`?(tests/[\w/.-]+?\.py)(?:::(\w+))?`?")
# What a page loads from elsewhere; what it links to is not loaded.
_LOADED = re.compile(
    r"<(?:script|img|iframe)[^>]+src=[\"']?(https?://[^\"'> ]+)"
    r"|<link[^>]+rel=[\"']?(?:stylesheet|preload|icon)"
    r"[^>]+href=[\"']?(https?://[^\"'> ]+)"
)

# Pages that claim something of the app, and so name tests.
CLAIMING = (
    "docs/deployment.md",
    "docs/operation.md",
    "docs/security/data-flow.md",
    "docs/security/threat-model.md",
    "docs/security/privacy.md",
    "docs/security/supply-chain.md",
    "docs/ehr/epic.md",
    "docs/ehr/oracle-health.md",
    "docs/ehr/athenahealth.md",
    "docs/ehr/medplum.md",
    "docs/ehr/hapi.md",
    "docs/ehr/generic.md",
)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def links(page: Path) -> Iterator[str]:
    for target in _LINK.findall(page.read_text("utf-8")):
        if "://" not in target and not target.startswith(("#", "mailto:")):
            yield target.partition("#")[0]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for target in links(page):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_test_that_is_named_is_there(page: Path) -> None:
    for file, function in _TEST.findall(page.read_text("utf-8")):
        assert (ROOT / file).exists(), file
        if function:
            assert f"def {function}(" in (ROOT / file).read_text("utf-8"), function


@pytest.mark.parametrize("page", CLAIMING)
def test_a_page_that_claims_names_its_tests(page: str) -> None:
    linked = [t for t in links(ROOT / page) if "/tests/" in t]
    assert linked != []


def test_every_threat_has_a_test_or_says_what_remains() -> None:
    text = (DOCS / "security" / "threat-model.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 15
    for row in rows:
        who, stands, shown, _remains = [c.strip() for c in row.strip("|").split("|")]
        assert all((who, stands, shown)), row


def test_commands_that_are_named_exist() -> None:
    from plugin.cli import COMMANDS

    known = {command.name for command in COMMANDS}
    for page in PAGES:
        for name in re.findall(r"`selfhelp ([a-z]+)", page.read_text("utf-8")):
            assert name in known, (page, name)


@pytest.mark.parametrize("page", sorted((DOCS / "ehr").glob("*.md")), ids=named)
def test_the_registration_of_each_guide_is_taken(page: Path, tmp_path: Path) -> None:
    from plugin.settings import load_settings

    blocks = re.findall(r"^```toml\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    assert len(blocks) == (page.name != "README.md")
    for block in blocks:
        file = tmp_path / "selfhelp.toml"
        head = 'public_url = "https://selfhelp.example.org"\n'
        head += f'database_url = "sqlite:///{tmp_path}/selfhelp.db"\n'
        file.write_text(head + block, "utf-8")
        # Bytes that do not count up from zero: those are refused as a sample.
        key = base64.b64encode(hashlib.sha256(b"a key of this test").digest())
        settings = load_settings(file, {"SELFHELP_MASTER_KEY": key.decode()})
        assert len(settings.ehrs) == 1


def test_the_guide_has_its_blocks_in_order() -> None:
    text = (DOCS / "deployment.md").read_text("utf-8")
    section = text[text.index("## On Debian") : text.index("## As containers")]
    assert re.findall(r"^### (\d)\.", section, re.MULTILINE) == list("1234567")
    assert section.count("```sh\n") >= 7
    assert section.count("```") % 2 == 0


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """And its pages load nothing from elsewhere."""
    mkdocs = Path(sys.executable).with_name("mkdocs")
    run = subprocess.run(
        [mkdocs, "build", "--strict", "--quiet", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for page in (tmp_path / "site").rglob("*.html"):
        assert _LOADED.findall(page.read_text("utf-8")) == [], page.name
