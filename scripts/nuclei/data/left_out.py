"""Why a nucleus of other people's data is left out, or not as its file has it: the kinds of notes in imported.json."""

CLIPPED = "clipped at the border of the image"
CROSSES = "outline crosses itself"
SHARED = "pixels left to an earlier nucleus"
SHORT = "fewer than 3 points"
EMPTY = "no pixel inside"
COVERED = "covered by earlier nuclei"
CROWD = "crowd"
NO_AREA = "no area"
OTHER = "no nucleus"
LOST = (SHORT, EMPTY, COVERED, CROWD, NO_AREA, OTHER)  # these are in no result
