"""What a run makes beside its cells: paths of its tables and figures, and the images that it predicts on.

Functions alone; their names in capitals are those of common.smk.
"""


def device_check():
    """What says that the device was checked, as an input of `all`, as long as a training is missing."""
    trained = cell_files("training.json", TRAINED)
    return [] if all(Path(path).exists() for path in trained) else rules.check_device.output


def marked(paths, caption, category):
    """Outputs of a rule, of which `snakemake --report` takes those that people look at: HTML tables and figures.

    caption: its file, relative to the rule's. category: below which the report lists them.
    """
    shown = (".html", ".png", ".svg", ".jpg")
    return [report(path, caption=caption, category=category) if path.endswith(shown) else path for path in paths]


def table_files(family="", forms=FORMS):
    """Paths of all tables, in every form: one for each setting, one of the explored models, one of the ensembles,
    two of the folds, one of the classes where there are several.

    family: "" for tables of the report's score, "_full" for tables of the other scores. Ensembles, folds and classes have
    tables with both, which belong to "".
    """
    tables = [f"table{setting}{family}" for setting in config["settings"]] + ([f"explored{family}"] if EXPLORED else [])
    tables += ["ensembles"] if ENSEMBLES and not family else []
    tables += ["folds", "fold_scores"] if FOLDS and not family else []
    tables += ["classes"] if len(CLASSES) > 1 and not family else []
    return expand(f"{RESULTS}/tables/{{table}}.{{form}}", table=tables, form=forms)


def table_columns(models):
    """{model: what the first columns of tables show of it}: method, backbone, multiscale, lr_schd of models.yaml."""
    return {name: [MODELS[name][key] for key in ("method", "backbone", "multiscale", "lr_schd")] for name in models}


def instance_tables():
    """Names of the tables of the scores beyond AP; make_instance_tables makes them."""
    return ["staircase", "instances", "organs", "error_shares", "errors", "comparisons"]


def instance_files(forms=FORMS):
    """Paths of the tables and figures of the scores beyond AP; none where the config does not ask for them."""
    if not INSTANCES:
        return []
    tables = instance_tables() + (["findings"] if REPORTED else [])
    return expand(f"{RESULTS}/tables/{{table}}.{{form}}", table=tables, form=forms)


def figure_files(names, folder=f"{RESULTS}/figures"):
    """Paths of figures in both of their forms."""
    return expand(f"{folder}/{{name}}.{{form}}", name=names, form=["png", "svg"])


def comparison_figures():
    """Paths of the figures of the comparisons."""
    return figure_files(["forest", "better"])


def score_figures():
    """Paths of the figures of the scores."""
    return figure_files(["errors", "precision_recall", "ceiling", "sizes"])


def first_seed_files(name):
    """Paths of the file `name` in every cell of the first seed, which figures show."""
    return expand(f"{CELL}/{name}", setting=setting_names(config["settings"]), model=MODELS, seed=config["seeds"][:1])


def unseen_files(name):
    """Paths of the file `name` of all cells and ensembles in the setting whose validation images choose thresholds."""
    ensembles = expand(f"{ENSEMBLE}/{name}", setting=setting_name(UNSEEN), ensemble=ENSEMBLES)
    return cell_files(name, [UNSEEN]) + ensembles


def page_figures():
    """Paths of the figures that the report page shows, in its order: SVG where there is one."""
    curves = expand(f"{RESULTS}/figures/curves_setting{{setting}}.png", setting=config["settings"])
    drawn = [path for path in comparison_figures() + score_figures() if path.endswith(".svg")]
    return [*curves, *(drawn if INSTANCES else [])]


def overlay_files():
    """Paths of the overlays: of every cell of the first seed."""
    return expand(
        f"{RESULTS}/figures/overlays/{{setting}}.{{model}}.seed{{seed}}.jpg",
        setting=setting_names(config["settings"]),
        model=MODELS,
        seed=config["seeds"][:1],
    )


def unseen_predictions(wildcards):
    """Predictions of validation images by which a cell's score threshold is chosen: its own in folds."""
    setting = wildcards.setting if is_fold(wildcards.setting) else UNSEEN
    return str(cell_folder(RESULTS, setting, wildcards.model, wildcards.seed) / "validation_predictions.json")


def unseen_split(wildcards):
    """The file that says which training images these validation images are; [] where all are."""
    if is_fold(wildcards.setting):
        return f"{RESULTS}/data/folds/{wildcards.setting}.json"
    return f"{RESULTS}/data/split.json" if UNSEEN == 1 else []


def chosen_on(wildcards):
    """What the score threshold of a cell or an ensemble was chosen on, in words."""
    if is_fold(wildcards.setting):
        return f"validation images of {wildcards.setting}"
    if UNSEEN == 2:
        return "validation images of setting 2, which its training saw, since setting 1 is not in this run"
    if wildcards.setting == "setting1":
        return "validation images of setting 1"
    who = "models and seeds" if hasattr(wildcards, "ensemble") else "model and seed"
    return (
        f"validation images of setting 1, by the same {who} as trained in setting 1, since setting 2 has no validation "
        "images that its training did not see"
    )


def asked_images(wildcards):
    """Paths for predict_images.py, quoted for the shell: of one slide in its own job, else as the config gives them."""
    if not SOURCES:
        raise WorkflowError("error: config: images is null, wanted images to predict on; add --config images=… model=…")
    slide = getattr(wildcards, "slide", None)
    return quoted([str(SLIDES[slide])] if slide else SOURCES)


def quoted(paths):
    """Paths for the shell, none of which looks like an option."""
    return shlex.join(f"./{path}" if path.startswith("-") else path for path in paths)


def images_state(wildcards):
    """Hash of the content of the images of a job."""
    slide = getattr(wildcards, "slide", None)
    return file_state(SLIDES[slide]) if slide else files_hash({p.name: p for p in IMAGES}, f"{MEMORY}/images.json")


def model_state(model):
    """Hash of a trained model: of a bundle's file, or of a cell's config and weights and of the manifest of its run,
    which has its windows; a URL holds its own."""
    if not model or "://" in model:
        return model
    return [file_state(path) for path in ([Path(model, n) for n in MODEL_FILES] if Path(model).is_dir() else [model])]


def published_files():
    """Paths of all tables and figures of the published submissions, scored again."""
    return published_tables() + (compared_published() if INSTANCES else [])


def compared_published():
    """Paths of what compare_published makes; the first one is its comparisons.json."""
    tables = expand(f"{RESULTS}/published/{{table}}.{{form}}", table=instance_tables(), form=FORMS)
    figures = figure_files(["forest", "better"], f"{RESULTS}/published")
    return [f"{RESULTS}/published/comparisons.json", *tables, *figures]


def published_tables():
    """Paths of both tables of the published submissions, scored again, in every form."""
    return expand(f"{RESULTS}/published/table{{table}}.{{form}}", table=[1, 2], form=FORMS)


def published_wanted(wildcards):
    """The same as an input. Raises WorkflowError, before any work, where the config names no submissions."""
    if not config["published"]["submissions"]:
        raise WorkflowError(
            "error: config: published.submissions null found, wanted a folder of the author's answer_*.zip; set it: "
            "--config 'published={submissions: folder}'"
        )
    return published_files()
