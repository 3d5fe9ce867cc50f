"""Data and commands that several tests share."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nuclei.common.archives import unpack
from nuclei.data.drawing import draw
from nuclei.data.raw_layout import read_layout
from nuclei.data.raw_sources import fetch

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"

needs_real_data = pytest.mark.skipif(
    not (SHARED / "vrdl-raw.tar.xz").is_file(), reason="the real data set does not lie in ../shared/data"
)


def pytest_collection_modifyitems(items):
    """Whole runs come first, so that with several processes (make test) none of them is left over for the end."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)


def checkout(folder):
    """A copy of the project's tracked and new files, so that a test's runs leave the project alone."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith(("tests/", "results/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """A drawn raw data set, read only: 3 training and 2 test images of 128 px, with test masks."""
    folder = tmp_path_factory.mktemp("drawn")
    draw(folder, train=3, test=2, size=128, seed=3)
    return folder


@pytest.fixture(scope="session")
def training_images(drawn):
    """The training images of the drawn data set, as RawImages."""
    found, _, problems = read_layout(drawn / "dataset", drawn / "test_masks")
    assert not problems
    return [image for image in found if image.set == "train"]


@pytest.fixture
def raw(drawn, tmp_path):
    """A copy of the drawn data set that a test may damage."""
    shutil.copytree(drawn, tmp_path / "raw")
    return tmp_path / "raw"


@pytest.fixture
def stage():
    """Run a stage's command line; returns the finished process (text)."""

    def run(script, *arguments, **options):
        (file,) = (path for folder in ("scripts", "tools") if (path := ROOT / folder / f"{script}.py").is_file())
        command = [sys.executable, str(file), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=options.get("cwd", ROOT))

    return run


@pytest.fixture(scope="session")
def cell(drawn, tmp_path_factory):
    """A resolved config of a very small cell; returns a function that writes it with changed `training` keys."""
    from support.training_cell import writer

    return writer(tmp_path_factory.mktemp("cell"), drawn)


@pytest.fixture(scope="session")
def undisturbed(cell, tmp_path_factory):
    """(config, folder) of a training of three epochs that nothing disturbed; all epochs kept."""
    from support.training_cell import train

    config, out = cell("plain"), tmp_path_factory.mktemp("undisturbed")
    done = train(config, out, keep_every=1)
    assert done.returncode == 0, done.stderr
    return config, out


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """The real raw data, unpacked, read only; for tests marked needs_real_data."""
    folder = tmp_path_factory.mktemp("real")
    fetch(str(SHARED / "vrdl-raw.tar.xz"), "dataset", folder / "dataset")
    fetch(str(SHARED / "vrdl-test-masks.tar.xz"), "test_masks", folder / "test_masks")
    return folder


@pytest.fixture(scope="session")
def foreign_files(tmp_path_factory):
    """Files of other tools, unpacked, read only; for tests marked needs_real_data."""
    folder = tmp_path_factory.mktemp("formats")
    unpack(SHARED / "formats.tar.xz", folder)
    return folder / "formats"


@pytest.fixture(scope="session")
def real_truth():
    """The real test masks as COCO, read without the project's own converter; for tests marked needs_submissions."""
    from support.submissions import read_real_truth

    return read_real_truth()


@pytest.fixture(scope="session")
def made_run(tmp_path_factory):
    """A whole run folder of two models and two seeds with its manifest, read only; see support/run_folder.py."""
    from support.run_folder import make_run

    return make_run(tmp_path_factory.mktemp("made") / "r")


@pytest.fixture
def records_apart(request, tmp_path, monkeypatch):
    """What a test of tests/gpu measures on the CPU, by its parameter `on`, goes to a file that no one keeps."""
    if request.node.callspec.params["on"] == "cpu":
        monkeypatch.setenv("NUCLEI_GPU_RECORDS", str(tmp_path / "records.jsonl"))


@pytest.fixture
def published(tmp_path):
    """A checkpoint in the form of mmdet's published ones, see support/published_weights.py."""
    from support.published_weights import make_published

    return make_published(tmp_path)


@pytest.fixture
def address(published):
    """(address of the server of the published file, its requests)."""
    from support.published_weights import serve

    with serve(published.parent) as served:
        yield served


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """The project after a whole run of all twelve cells on very small drawn data; for tests/workflow/test_dag*.py."""
    from support.tiny import make_project

    return make_project(tmp_path_factory.mktemp("project"))
