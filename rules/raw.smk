"""Where the raw data come from, and the states of those that were given, for inputs and params of rules.

Functions alone; their names in capitals are those of common.smk.
"""


def raw_source(part):
    """Path or URL of a part of the raw data (dataset, test_masks or test), as the config gives it.

    None where the config gives none, or where the project draws the data itself.
    """
    return None if config["raw"]["draw"] else config["raw"][part]["path"]


@functools.cache
def is_imported():
    """Whether the raw data are in a format of others, so that import_raw turns them into the layout of the course."""
    source, format = raw_source("dataset"), config["raw"]["format"]
    if not source or format == COURSE:
        return False
    known = archive_state("dataset") if "://" not in source else None
    found = format != "auto" or not in_course_layout(source, MEMORY, known)
    if found and raw_source("test_masks"):
        raise WorkflowError(
            f"error: config: raw.test_masks.path {raw_source('test_masks')} found, wanted null with data in another "
            "format than course, whose test images have their nuclei with them; set it to null"
        )
    return found


def raw_folder(part):
    """Folder that holds a part of the raw data (dataset or test_masks); None where the run has no such part.

    A folder that the config gives is used where it lies, or its subfolder named as the part. An archive, a URL, drawn
    data or data of another format end in a folder below work/ that draw_raw, fetch_raw or import_raw makes.
    """
    if is_imported():
        return f"{WORK}/raw/{part}" if part == "dataset" or config["raw"]["test"]["masks"] else None
    source = raw_source(part)
    if source and Path(source).is_dir():
        return str(Path(source) / part) if (Path(source) / part).is_dir() else source.rstrip("/")
    return f"{WORK}/raw/{part}" if source or config["raw"]["draw"] else None


def is_given(folder):
    """Whether a raw folder was given, and not made by a rule of this workflow."""
    return bool(folder) and not folder.startswith(f"{WORK}/raw/")


def raw_input(*parts):
    """The raw folders that rules of this workflow make, as inputs; the content of given ones is in raw_state().

    Snakemake compares folders by their time alone. The file `<folder>.made` holds the hash of what was made, so it
    stands for the content of the folder, and the folder itself only says that it has to be there.
    """
    made = [folder for folder in map(raw_folder, parts) if folder and not is_given(folder)]
    return [path for folder in made for path in (ancient(folder), f"{folder}.made")]


def group_options():
    """Options that name the table of groups and its column; an empty text without one."""
    groups = config["raw"]["groups"]
    return f"{option('--groups', groups['file'])} {option('--column', groups['column'])}" if groups["file"] else ""


def test_options():
    """Options of import_raw.py for the config's `raw.test`, those that count alone, quoted for the shell."""
    test = config["raw"]["test"]
    chosen = {"source": test["path"], "sha256": test["sha256"], "file": test["file"]}
    if not test["path"] and not test["file"]:
        chosen = {"fraction": test["fraction"], "seed": test["seed"]}
    options = [option(f"--test-{key}", value) for key, value in chosen.items()] + (
        [group_options()] if "seed" in chosen else []
    )
    return " ".join([*options, switch("--no-test-masks", not test["masks"])])


@functools.cache
def raw_states():
    """{part: hash of its content} of given raw folders; parts: train, test, test_masks."""
    dataset, masks = (folder if is_given(folder) else None for folder in map(raw_folder, ("dataset", "test_masks")))
    if not dataset:
        return {"test_masks": data_hash(masks, MEMORY)} if masks else {}
    return {part: state for part, state in raw_hashes(dataset, masks, MEMORY).items() if masks or part != "test_masks"}


def raw_state(*parts):
    """Hashes of the content of these parts of the raw data, where they lie in given folders.

    A param of the rules that read their pixels. They run again when they changed, and a touch changes nothing.
    """
    return [raw_states().get(part) for part in parts]


def source_state(part):
    """Hash of a part of the raw data that import_raw reads, whether a folder or an archive; a URL as it is."""
    source = raw_source(part)
    return data_hash(source, MEMORY) if source and "://" not in source else source


def import_states():
    """{part: hash} of what import_raw reads; {} where nothing is imported."""
    return {part: source_state(part) for part in ("dataset", "test")} if is_imported() else {}


@functools.cache
def archive_state(part):
    """Hash of a given archive of raw data, its path where it is a URL, None where a folder was given."""
    source = raw_source(part)
    return data_hash(source, MEMORY) if source and Path(source).is_file() else source if "://" in str(source) else None
