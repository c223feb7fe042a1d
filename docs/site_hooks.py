"""The documentation site: what its pages name outside docs/.

Pages link to tests, source and the documents at the root of the repository, so that
both can be followed there. In the site the root's documents become pages, and what is
no document is shown by its path.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "GLOSSARY.md", "SECURITY.md")
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+)([^)#]+)(#[^)]*)?\)")
_INTO_DOCS = re.compile(r"\]\(docs/([^)]+)\)")


def on_files(files: Files, config: Any) -> Files:
    for name in PAGES:
        text = (ROOT / name).read_text("utf-8")
        # Seen from the root, the other documents are in docs/.
        text = _INTO_DOCS.sub(r"](\1)", text)
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    depth = page.file.src_uri.count("/")

    def inside(match: re.Match[str]) -> str:
        text, up, target, anchor = match.groups()
        levels = up.count("../")
        if levels <= depth:
            return match[0]  # it stays within docs/
        if target in PAGES:
            return f"[{text}]({'../' * (levels - 1)}{target}{anchor or ''})"
        return f"`{target}`" if text.strip("`") == target else f"{text} (`{target}`)"

    return _OUTSIDE.sub(inside, markdown)
