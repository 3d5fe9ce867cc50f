"""Import this before `nuclei`: it lets a tool find the library in scripts/ from wherever the tool is called."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
