"""Other people's data sets, read into the raw layout of this project: one reader for each format."""
