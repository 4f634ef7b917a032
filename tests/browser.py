"""A real browser for the tests of pages: headless Chromium, driven by Selenium."""

import importlib.util
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


def missing() -> str:
    """What there is no browser test without, or ''."""
    if importlib.util.find_spec("selenium") is None:
        return "needs selenium: pip install selenium"
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"needs {program}: apt-get install chromium chromium-driver"
    return ""


@contextmanager
def started() -> Iterator["Browser"]:
    """A browser that is gone afterwards; skips the test where there is none."""
    if reason := missing():
        pytest.skip(reason)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for option in (*OPTIONS, f"--user-data-dir={folder}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(executable_path=str(shutil.which("chromedriver")))
        driver = webdriver.Chrome(options=options, service=service)
        try:
            yield Browser(driver, Path(folder))
        finally:
            driver.quit()


class Browser:
    """Opens pages, presses keys, reads what is there."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver = driver
        self.folder = folder

    def open(
        self, html: str, width: int = 1280, height: int = 800, scripts: bool = True, **media: str
    ) -> None:
        """Show the page from disk, in a window of this size and with these media features."""
        path = self.folder / "page.html"
        path.write_text(html, encoding="utf-8")
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        features = [{"name": n.replace("_", "-"), "value": v} for n, v in media.items()]
        self.command("Emulation.setEmulatedMedia", features=features)
        self.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.command("Emulation.setFocusEmulationEnabled", enabled=True)  # windows lose it
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(path.as_uri())

    def command(self, name: str, **arguments: Any) -> Any:
        """A command of Chromium's own protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: Any) -> Any:
        """What a JavaScript function body returns."""
        return self.driver.execute_script(script, *arguments)

    def press(self, *keys: str) -> None:
        """Press keys as a person does, whatever has the focus."""
        from selenium.webdriver import ActionChains

        chain = ActionChains(self.driver, duration=0)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    def texts(self, selector: str) -> list[str]:
        """The text of each element that a CSS selector finds."""
        return list(
            self.run(
                "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)",
                selector,
            )
        )

    def complaints(self) -> list[str]:
        """What the browser has had to say since the page was opened: errors, refused loads."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for since the page was opened."""
        messages = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def accessibility(self) -> list[str]:
        """What axe-core finds that is serious or critical."""
        self.run(axe())
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run().then((r) => done(r.violations.map((v) => [v.impact, v.id + ': ' +"
            " v.nodes.map((n) => n.html + ' ' + n.failureSummary).join('; ')])))"
        )
        return [what for impact, what in found if impact in ("serious", "critical")]


def axe() -> str:
    """The source of axe-core: the file that AXE_CORE names, or that of axe-playwright-python."""
    if path := os.environ.get("AXE_CORE"):
        return Path(path).read_text(encoding="utf-8")
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("needs axe-core: pip install --no-deps axe-playwright-python, or AXE_CORE")
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


def same_number(a: float, b: float, relative: float = 1e-12) -> bool:
    """Equal to a relative error; nan is the same as nan, and -0.0 is not 0.0."""
    if math.isnan(a) or math.isnan(b) or math.isinf(a) or math.isinf(b):
        return a == b or (math.isnan(a) and math.isnan(b))
    if a == 0 == b:
        return math.copysign(1.0, a) == math.copysign(1.0, b)
    return abs(a - b) <= relative * max(abs(a), abs(b))
