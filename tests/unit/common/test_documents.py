"""YAML files of any system."""

import pytest

from nuclei.common.documents import read_yaml
from nuclei.common.stage import InputError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_yaml_may_come_in_the_encodings_that_editors_write(tmp_path, encoding):
    (tmp_path / "a.yaml").write_bytes("a: é\r\nb: [1]\r\n".encode(encoding))
    assert read_yaml(tmp_path / "a.yaml") == {"a": "é", "b": [1]}


def test_other_bytes_are_one_line(tmp_path):
    (tmp_path / "a.yaml").write_bytes("a: é".encode("latin-1"))
    with pytest.raises(InputError, match="a.yaml: not YAML .*wanted a YAML file; correct it") as caught:
        read_yaml(tmp_path / "a.yaml")
    assert len(caught.value.problems) == 1
