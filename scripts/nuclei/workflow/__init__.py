"""The run: its config and protocol, its folders, hashes of code and data, its manifest."""
