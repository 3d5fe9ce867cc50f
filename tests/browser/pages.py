"""Pages and a browser that the tests of this folder share."""

import time

import pytest
from browser.chromium import chromium, complaints, requests
from conftest import SHARED
from support.page_run import MODELS, made_predictions, make_run, published, write_page

from nuclei.data.drawing import draw


@pytest.fixture(scope="session")
def drawn_raw(tmp_path_factory):
    """Drawn raw data with two test images of 160 px."""
    folder = tmp_path_factory.mktemp("raw")
    draw(folder, train=1, test=2, size=160, seed=3)
    return folder


def some(truth, setting, model):
    """Other predictions of each cell."""
    return made_predictions(truth, 10 * setting + len(model))


@pytest.fixture(scope="session")
def run(drawn_raw, tmp_path_factory):
    """Run folder of two models in both settings, with its report.html."""
    folder = tmp_path_factory.mktemp("run") / "drawn"
    write_page(folder, make_run(folder, drawn_raw, MODELS[:2], some), "Drawn")
    return folder


@pytest.fixture(scope="session")
def plain_run(drawn_raw, tmp_path_factory):
    """The same without scores beyond AP, as with scoring.instances: false."""
    folder = tmp_path_factory.mktemp("plain") / "plain"
    write_page(folder, make_run(folder, drawn_raw, MODELS[:1], some, instances=False), "Plain")
    return folder


@pytest.fixture(scope="session")
def unmasked_run(drawn_raw, tmp_path_factory):
    """The same without test masks."""
    raw = tmp_path_factory.mktemp("unmasked")
    (raw / "dataset").symlink_to(drawn_raw / "dataset")

    def found(truth, setting, model):
        disks = made_predictions(truth, setting)
        assert disks
        return disks

    write_page(raw / "bare", make_run(raw / "bare", raw, MODELS[:1], found), "Bare")
    return raw / "bare"


@pytest.fixture(scope="session")
def published_run(real, tmp_path_factory):
    """The published submissions as the cells of a run: twelve cells on the six real test images."""
    folder = tmp_path_factory.mktemp("published") / "published"
    parts = make_run(folder, real, MODELS, published(SHARED / "submissions"))
    write_page(folder, parts, "Nuclei segmentation, published submissions")
    return folder


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Folder in which the browser saves files."""
    return tmp_path_factory.mktemp("saved")


@pytest.fixture(scope="session")
def browser(saved):
    """One browser for all tests."""
    with chromium(downloads=saved) as driver:
        yield driver


@pytest.fixture
def opened(browser):
    """A function that opens a page of a run, with what follows # in its address, and waits until it has drawn.

    After the test the console must be empty, and nothing may have been asked for.
    """

    def open_page(run, part=""):
        browser.get("about:blank")  # so that another # is another opening
        browser.get((run / "report.html").as_uri() + (f"#{part}" if part else ""))
        wait(browser, "return document.documentElement.dataset.ready")
        return browser

    complaints(browser), requests(browser)  # of the test before
    yield open_page
    for found in (complaints(browser), requests(browser)):
        assert found == [], found


def wait(driver, script, seconds=20):
    """Wait until a script returns something; returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := driver.execute_script(script):
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing after {seconds} s: {script}")
