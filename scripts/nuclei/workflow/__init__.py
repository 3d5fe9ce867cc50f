"""The run: its config and protocol, its folders, hashes of its code and data, its manifest."""
