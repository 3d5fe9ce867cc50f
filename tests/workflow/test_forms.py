"""The form of the training annotations, as polygons() of rules/common.smk says it, is the one that they have."""

import ast

import pytest
from conftest import ROOT

from nuclei.data.conversion import convert
from nuclei.data.tiles import tile


def polygons(method, segmentation, tiles):
    """What polygons() of rules/common.smk says under a config."""
    tree = ast.parse((ROOT / "rules/common.smk").read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "polygons"]
    names = {"METHOD": method, "config": {"conversion": {"segmentation": segmentation}, "tiles": tiles}}
    exec(compile(tree, "rules/common.smk", "exec"), names)
    return names["polygons"]()


@pytest.mark.parametrize("tiles", [None, {"size": 96, "stride": 32}], ids=["whole images", "tiles"])
@pytest.mark.parametrize("segmentation", ["polygon", "rle"])
@pytest.mark.parametrize("method", ["exact", "imantics"])
def test_the_form_is_the_one_that_the_annotations_have(training_images, drawn, tmp_path, method, segmentation, tiles):
    content = convert(training_images, method, segmentation)
    if tiles:
        content = tile(content, drawn / "dataset/train", tmp_path / "tiles", **tiles, segmentation=segmentation)
    forms = {type(row["segmentation"]) for row in content["annotations"]}
    assert forms == {list if polygons(method, segmentation, tiles) else dict}
