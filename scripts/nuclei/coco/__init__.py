"""COCO's formats: their types, run-length codes, checks of annotations and results, matching of masks."""
