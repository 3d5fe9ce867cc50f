"""COCO's formats: run-length codes, checks of annotations and results, matching of masks."""
