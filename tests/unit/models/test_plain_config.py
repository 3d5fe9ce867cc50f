"""A config is read as values; whatever would run code or read other files is refused."""

import pytest
from mmcv import Config

from nuclei.common.stage import InputError
from nuclei.models.plain_config import read_plain_config

GOOD = "model = dict(type='A', out=(0, 1), b={'c': -1.5, 'd': [None, True]})\ndata = dict()\n"


def test_values_are_those_that_mmcv_reads(cell):
    path = cell("plain")
    found = read_plain_config(path)
    assert found == Config.fromfile(str(path))._cfg_dict.to_dict()
    assert isinstance(found["model"]["backbone"]["out_indices"], tuple)


@pytest.mark.parametrize(
    "text",
    [
        "import os\n",
        "seed = __import__('os').system('true')\n",
        "seed = open('/etc/passwd')\n",
        "seed = dict(**{'a': 1})\n",
        "seed = [x for x in (1, 2)]\n",
        "seed = f'{1}'\n",
        "def f():\n    pass\n",
        "a.b = 1\n",
        "_base_ = './other.py'\n",
        "custom_imports = dict(imports=['os'], allow_failed_imports=False)\n",
        "custom_imports = dict(imports='os')\n",
        "custom_imports = 'os'\n",
        "seed = (lambda: 1)()\n",
        "if True:\n    seed = 1\n",
        "seed = 1 +\n",
        "seed = " + "(" * 5000 + "\n",
    ],
)
def test_code_is_refused(tmp_path, text):
    path = tmp_path / "config.py"
    path.write_text(GOOD)
    assert read_plain_config(path)["model"]["b"] == {"c": -1.5, "d": [None, True]}
    path.write_text(GOOD + text)
    with pytest.raises(InputError, match="wanted values alone, as resolve_config.py writes them; do not use it"):
        read_plain_config(path)


def test_the_import_of_this_projects_steps_is_allowed(tmp_path):
    path = tmp_path / "config.py"
    path.write_text(GOOD + "custom_imports = dict(imports=['nuclei.augmentation'], allow_failed_imports=False)\n")
    read_plain_config(path)
    path.write_text("model = dict()\n")
    with pytest.raises(InputError, match="no model or no data"):
        read_plain_config(path)
