"""Names of the kinds of errors, and sizes of nuclei; nuclei.scoring.error_list says what each kind means."""

NUCLEUS_KINDS = ("matched", "merged", "split", "missed")
DETECTION_KINDS = ("matched", "duplicated", "merging", "splitting", "false")
SMALL, LARGE = 150, 500  # px: below the first a nucleus is small, from the second on it is large
