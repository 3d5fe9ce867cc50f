"""A headless Chromium of Debian's, driven by Selenium: pages from the disk, what the browser complains of, what it
asks the network for. `python tests/browser/chromium.py` installs what is missing from Debian's packages."""

import contextlib
import json
import os
import shutil
import subprocess

from nuclei.common.stage import InputError, run_stage

PACKAGES = {"chromium": "chromium", "chromedriver": "chromium-driver"}
OWN = ("data:", "blob:", "file:", "about:", "chrome:")  # addresses that leave the machine alone


def install():
    """Install what is missing. InputError without root or apt-get."""
    missing = [package for name, package in PACKAGES.items() if not shutil.which(name)]
    if not missing:
        return
    if os.geteuid() or not shutil.which("apt-get"):
        raise InputError(f"PATH: {' '.join(missing)} not found, wanted Debian's packages; install them, or run as root")
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        done = subprocess.run(["apt-get", "--quiet", *words], capture_output=True, text=True)
        if done.returncode:
            raise InputError(f"apt-get {words[0]}: exit status {done.returncode}, wanted 0; {done.stderr[-300:]}")


@contextlib.contextmanager
def chromium(width=1600, height=1000, downloads=None):
    """Yield a Selenium driver of a Chromium with a window of this size, px. downloads: folder for saved files."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-gpu"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.binary_location = shutil.which("chromium")
    if downloads:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        resize(driver, width, height)
        yield driver
    finally:
        driver.quit()


def resize(driver, width, height):
    """Give the page this many CSS px, also fewer than a window may have."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def colours(driver, scheme):
    """Prefer a colour scheme, light or dark."""
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )


def complaints(driver):
    """What the browser's console said, all of it."""
    return [row["message"] for row in driver.get_log("browser")]


def requests(driver):
    """Addresses that the page asked for beyond this machine."""
    messages = [json.loads(row["message"])["message"] for row in driver.get_log("performance")]
    asked = [row["params"]["request"]["url"] for row in messages if row["method"] == "Network.requestWillBeSent"]
    return [address for address in asked if not address.startswith(OWN)]


if __name__ == "__main__":
    run_stage(install)
