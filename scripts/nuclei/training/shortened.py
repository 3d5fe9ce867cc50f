"""A work folder that holds more epochs than the config asks for, because training.epochs was lowered.

The outputs of such a training are cut to the epochs of the config, as long as all weights that a training of that
length would have kept are there; the last state but one serves for the last epoch. Where some are not, a training of
that length is made in a folder inside the work folder, so that the longer training stays as it is.
"""

from collections.abc import Sequence
from pathlib import Path

from nuclei.training.kept_epochs import epochs_to_keep
from nuclei.training.resume import saved_epochs, weights_there
from nuclei.training.types import EpochRecord, Keep
from nuclei.training.validation import Validation


def shorter_folder(work: Path, epochs: int) -> Path:
    """The folder in which a training of fewer epochs is made again."""
    return work / f"epochs_{epochs}"


def lacking(work: Path, validation: Validation, records: Sequence[EpochRecord], keep: Keep) -> set[int]:
    """Epochs that a training of len(records) epochs would have kept or validated, and that cannot be had any more.

    work: the work folder. validation: of its present config. records: of the epochs that the config asks for.
    """
    rows = validation.rows(records)
    wanted = epochs_to_keep(rows, keep["best"], keep["metrics"], keep["every"]) | set(validation.unknown(records))
    return wanted - weights_there(work, records, wanted) - ({len(records)} & saved_epochs(work))
