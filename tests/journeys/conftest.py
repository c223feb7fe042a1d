"""The demonstration, started as a newcomer starts it, and a real browser before it."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    Dialog,
    Frame,
    Page,
    expect,
)

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "artefacts" / "journeys"
WIDTHS = (360, 768, 1280)
PATIENCE = 90_000  # milliseconds

expect.set_options(timeout=PATIENCE)

_READY_SECONDS = 90.0
_STOP_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Demo:
    """`make demo`, running."""

    process: subprocess.Popen[bytes]
    app: str
    ehr: str
    said: Path

    def stop(self) -> None:
        """Press Ctrl-C, which a terminal sends to make and to what it runs."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(_STOP_SECONDS)

    def answers(self) -> list[str]:
        """The addresses at which something still listens."""
        return [at for at in (self.app, self.ehr) if _answers(f"{at}/")]


@dataclass
class Clinician:
    """A person at the EHR, who opens the app from a chart.

    `clicks` counts what the finger does inside the app; `requests` holds the origins
    that the browser spoke to, `dialogs` and `complaints` what it showed or logged.
    """

    page: Page
    demo: Demo
    clicks: int = 0
    dialogs: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def watch(self) -> None:
        known = (self.demo.app, self.demo.ehr)
        self.page.on("dialog", self._dismiss)
        self.page.on(
            "console",
            lambda line: (
                self.complaints.append(line.text)
                if line.type in {"error", "warning"}
                else None
            ),
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith((*known, "data:", "blob:"))
                else self.strangers.append(asked.url)
            ),
        )

    def _dismiss(self, shown: Dialog) -> None:
        self.dialogs.append(shown.message)
        shown.dismiss()

    def open_app(self, patient: str, site: str = "") -> Frame:
        """From the patient list to the app in its iframe."""
        self.page.goto(f"{self.demo.ehr}{site}/")
        self.page.get_by_role("link", name=patient).click()
        self.page.get_by_role("link", name="Self-help groups").click()
        return self.app()

    def app(self) -> Frame:
        self.page.wait_for_function("document.querySelector('iframe.app') !== null")
        handle = self.page.locator("iframe.app").element_handle()
        frame = handle.content_frame() if handle else None
        assert frame is not None
        frame.wait_for_selector("main")
        return frame

    def click(self, frame: Frame, selector: str) -> None:
        self.clicks += 1
        frame.locator(selector).first.click()

    def chart(self, patient: str, tab: str, site: str = "") -> str:
        """What a tab of the patient's chart holds, not what can be ordered there."""
        self.page.goto(f"{self.demo.ehr}{site}/")
        self.page.get_by_role("link", name=patient).click()
        self.page.get_by_role("link", name=tab, exact=True).click()
        self.page.wait_for_selector(f"a[aria-current=page]:has-text('{tab}')")
        held = self.page.locator("main .card:not(.entry)").all_inner_texts()
        assert held
        return "\n".join(held)

    def picture(self, name: str) -> None:
        """Keep what is seen at three widths, the app's frame to its end."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        before = self.page.viewport_size
        for frame in self.page.frames:
            frame.wait_for_load_state()  # a page may still be coming, part by part
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.set_viewport_size({"width": width, "height": 900 + self._more()})
            self.page.screenshot(path=PICTURES / f"{name}-{width}.png", full_page=True)
        if before:
            self.page.set_viewport_size(before)

    def _more(self) -> int:
        """How much of the app's frame lies below its edge, in pixels."""
        # By a locator: it waits for a frame that is just loading its next page.
        hidden = "page => page.scrollHeight - innerHeight"
        pages = [frame.locator("html") for frame in self.page.frames]
        return max(0, *(int(page.evaluate(hidden)) for page in pages))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except urllib.error.HTTPError:
        return not address.endswith("/readyz")
    except (urllib.error.URLError, OSError):
        return False


def start_demo(folder: Path) -> Demo:
    """Run `make demo` and wait until both of its addresses answer."""
    port, ehr_port = free_port(), free_port()
    said = folder / "said.txt"
    with said.open("wb") as kept:
        process = subprocess.Popen(
            [
                "make",
                "demo",
                f"PORT={port}",
                f"EHR_PORT={ehr_port}",
                f"DATA={folder / 'data'}",
            ],
            cwd=ROOT,
            stdout=kept,
            stderr=kept,
            start_new_session=True,
        )
    demo = Demo(
        process, f"http://localhost:{port}", f"http://localhost:{ehr_port}", said
    )
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if demo.ehr in said.read_text() and _answers(f"{demo.app}/readyz"):
            return demo
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    pytest.fail(f"make demo did not start: {said.read_text()}")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = start_demo(tmp_path_factory.mktemp("demo"))
    yield running
    running.stop()


@pytest.fixture
def clinician(chromium: Browser, demo: Demo) -> Iterator[Clinician]:
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-US"
    )
    # No outcome is a matter of time: a slow machine only takes longer.
    context.set_default_timeout(PATIENCE)
    person = Clinician(context.new_page(), demo)
    person.watch()
    yield person
    context.close()
