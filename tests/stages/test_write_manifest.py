"""write_manifest.py: what it writes is what the library says, and the check of the folder agrees."""

import json
import shutil

from support.run_folder import CONFIG, MODELS, cell_folders, written
from verify_run import verify


def test_the_manifest_of_given_files(made_run, stage, tmp_path):
    run = shutil.copytree(made_run, tmp_path / "r")
    (run / "manifest.json").unlink()
    cells = cell_folders(run)
    command = [
        *("write_manifest", "--run-dir", run, "--config", json.dumps(CONFIG), "--raw", '{"dataset": null}'),
        *("--models", *MODELS, "--trainings", *(cell / "training.json" for cell in cells)),
        *("--files", run / "data/raw.json", run / "tables", run / "ensembles", *cells),
        *("--out", run / "manifest.json"),
    ]
    done = stage(*command)
    assert done.returncode == 0, done.stderr
    found, wanted = json.loads((run / "manifest.json").read_text()), written(run)
    packages, here = (content.pop("environment")["packages"] for content in (found, wanted))
    assert found == wanted
    assert packages.items() <= here.items() and "numpy" in packages  # setuptools, where imported, brings more
    lines, absent, fits = verify(run, strict=True)
    assert (not any(lines.values()), absent, fits) == (True, {}, 58)
    (run / "manifest.json").unlink()
    (run / "tables/cells.csv").rename(run / "tables/gone.csv")
    done = stage(*command, "--files", run / "tables/cells.csv", cells[0])
    assert done.returncode == 2
    assert done.stderr == (f"error: {run / 'tables/cells.csv'}: not found, wanted a result; run the stages before it\n")
    assert not (run / "manifest.json").exists()
