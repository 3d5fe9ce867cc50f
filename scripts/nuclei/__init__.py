"""Functions shared by the stages; each stage is one file in scripts/."""
