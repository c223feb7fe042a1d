"""A page in a real browser, and what went wrong in it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

PICTURES = Path(__file__).resolve().parents[2] / "artefacts" / "screens"
WIDTHS = (1280, 768, 360)
AXE = Axe()
_TOO_WIDE = """() => document.documentElement.scrollWidth - innerWidth"""


class Watched:
    """`wrong` is what was logged or thrown, `foreign` what was asked of strangers."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.wrong: list[str] = []
        self.foreign: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("dialog", self._dialog)
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        expected = "Failed to load resource: the server responded with a status of "
        if message.type == "error" and not message.text.startswith(expected):
            self.wrong.append(message.text)

    def _dialog(self, dialog: Any) -> None:
        self.wrong.append("dialog")
        dialog.dismiss()

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.origin, "http://localhost:", "data:")):
            self.foreign.append(request.url)

    def checked(
        self, name: str, *, widths: Sequence[int] = WIDTHS, again: bool = True
    ) -> None:
        """At each width, light and dark: nothing sticks out, axe finds nothing.

        Takes: `again`, whether the page can be loaded anew at each width, as a panel
               of that width would load it.
        """
        for width in widths:
            self.page.set_viewport_size({"width": width, "height": 900})
            if again:
                self.page.reload()
            self._fits(f"{name}-{width}")
            self._picture(f"{name}-{width}")
            for scheme in ("light", "dark"):
                self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                self._axe(f"{name}-{width}-{scheme}")
            self.page.emulate_media(color_scheme="light")
        assert self.wrong == []
        assert self.foreign == []

    def _fits(self, name: str) -> None:
        over = self.page.evaluate(_TOO_WIDE)
        assert over <= 0, f"{name} is {over} px too wide: {self._widest()}"

    def _widest(self) -> str:
        found = self.page.evaluate(
            "[...document.querySelectorAll('body *')].filter((part) =>"
            " part.getBoundingClientRect().right > innerWidth + 1)"
            ".map((part) => part.outerHTML.slice(0, 90)).slice(0, 3)"
        )
        return "; ".join(found)

    def _picture(self, name: str) -> None:
        """The page to its end, with the dock where it stands at the end."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        size = self.page.viewport_size
        assert size is not None
        height = self.page.evaluate("document.documentElement.scrollHeight")
        self.page.set_viewport_size({"width": size["width"], "height": height})
        self.page.screenshot(path=PICTURES / f"{name}.png")
        self.page.set_viewport_size(size)

    def _axe(self, name: str) -> None:
        found = AXE.run(self.page).response["violations"]
        said = [(v["id"], v["nodes"][0]["html"]) for v in found]
        assert said == [], name

    def checked_on_paper(self) -> None:
        """The hand-out is one page, on Letter and on A4."""
        for form in ("Letter", "A4"):
            paper = self.page.pdf(format=form)
            assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1, form
