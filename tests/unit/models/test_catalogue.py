"""The models file: what is no such file is named."""

import pytest

from nuclei.common.stage import InputError
from nuclei.models.catalogue import read_models


def test_bad_models_files_are_named(tmp_path):
    for text in ("models: [", "models: {a: {method: mask}}", "3", "models: [mask]"):
        (tmp_path / "models.yaml").write_text(text)
        with pytest.raises(InputError, match="models.yaml: no models file"):
            read_models(tmp_path / "models.yaml")
    with pytest.raises(InputError, match="none: cannot be read"):
        read_models(tmp_path / "none")
