"""One training: its work folder, its hooks, how it resumes, its outputs, the choice of its checkpoint, its cost."""
