"""One training: its work folder, hooks, resume, outputs, the choice of its checkpoint."""
