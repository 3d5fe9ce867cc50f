"""Nuclei out: files that QuPath, Fiji, napari and tables read, from images and slides that no one annotated."""
