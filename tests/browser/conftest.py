"""A real browser on the running app, through its load balancer, and people who each have their own."""

import ipaddress
import json
import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "reports" / "browser"
SYSTEM_CHROMIUM = Path("/usr/bin/chromium")
# The browser itself must reach for nothing outside while it is tested.
QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-gpu",
]
PHONE, DESKTOP = 390, 1280
HEIGHTS = {PHONE: 844, DESKTOP: 900}
_LOOPBACK_IMAGE = re.compile(r"^Mixed Content: .* requested an insecure element 'http://127\.\d+\.\d+\.\d+:")
# A step takes tenths of a second; a task of a quarter core that just started takes seconds for its first page.
STEP_MILLISECONDS = 15_000


@pytest.fixture(scope="session")
def base_url() -> str:
    """Where the app is: APP_URL, else what the running twin says."""
    url = os.environ.get("APP_URL", "") or _of_twin()
    if not url:
        pytest.fail("no app to test: set APP_URL, or start the twin with `make local-up`", pytrace=False)
    return url.rstrip("/")


def _of_twin() -> str:
    try:
        told = subprocess.run(
            [ROOT / "bin" / "twin", "status", "--json"], capture_output=True, text=True, timeout=60, check=False
        )
        return str(json.loads(told.stdout)["endpoints"]["app"] or "")
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired):
        return ""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser: the system's where there is one, else Playwright's own."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=SYSTEM_CHROMIUM if SYSTEM_CHROMIUM.exists() else None,
            args=[*QUIET, "--no-sandbox"] if os.geteuid() == 0 else QUIET,
        )
        yield browser
        browser.close()


class Person:
    """Somebody at a browser of their own; whatever its console complains about is kept in `complaints`."""

    def __init__(self, context: BrowserContext, name: str, base_url: str) -> None:
        self.name = name
        self.context = context
        self.base_url = base_url
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        # A bucket of the twin answers in plain HTTP on loopback, which the browser trusts and mentions.
        if message.type in ("error", "warning") and not _LOOPBACK_IMAGE.search(message.text):
            self.complaints.append(message.text)

    def open(self, path: str) -> None:
        """Open a page of the app."""
        self.page.goto(self.base_url + path)

    def sign_up(self) -> None:
        """Make an account, from the welcome page on."""
        self.open("/")
        self.page.locator(".hero .button").first.click()
        self.page.locator("#name").fill(self.name)
        self.page.locator("#email").fill(f"{uuid.uuid4().hex}@example.org")
        self.page.locator("#password").fill("a short sentence")
        self.page.locator("main .button").click()
        self.page.wait_for_url("**/pair")

    def shoot(self, name: str) -> None:
        """Keep a picture of the whole page, with its pictures loaded."""
        self.page.wait_for_load_state("networkidle")
        window = self.page.viewport_size
        assert window is not None
        # A window as high as the page: what is fixed to the window's foot would else cover the middle of the picture.
        height = int(self.page.evaluate("document.documentElement.scrollHeight"))
        self.page.set_viewport_size({"width": window["width"], "height": max(height, window["height"])})
        # Two frames: what is fixed to the window is drawn anew in the second.
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.page.screenshot(path=REPORTS / f"{name}.png")
        self.page.set_viewport_size(window)

    def overflow(self) -> int:
        """How many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


NewPerson = Callable[..., Person]


@pytest.fixture
def person(chromium: Browser, base_url: str) -> Iterator[NewPerson]:
    """Make somebody: their name, the width of their window, their language."""
    contexts: list[BrowserContext] = []

    def make(name: str, width: int = PHONE, locale: str = "en-US") -> Person:
        context = chromium.new_context(
            viewport={"width": width, "height": HEIGHTS[width]},
            locale=locale,
            # A picture taken amid a change of colours would be of neither.
            reduced_motion="reduce",
            # The twin's certificate is rooted in its own authority, which this browser does not know.
            ignore_https_errors=_is_local(base_url),
        )
        context.set_default_timeout(STEP_MILLISECONDS)
        contexts.append(context)
        return Person(context, name, base_url)

    yield make
    for context in contexts:
        context.close()


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
