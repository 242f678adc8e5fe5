# Which files a run, a study and the whole workflow need.
import shlex

from mssbench.data.disk import size
from mssbench.provenance import PACKAGE, digest
from mssbench.stretching.config import StretchingConfig
from mssbench.stretching.need import needed_bytes
from mssbench.training.structure import structure


def study_files(kind, definitions, suffixes, studies=None):
    """Return the paths of all tables or figures of ``studies``: by default the selected ones."""
    return [
        f"results/{DATASET}/{SCALE}/studies/{study}/{kind}/{name}.{suffix}"
        for study in studies or STUDIES
        for name in definitions(STUDIES[study])
        for suffix in suffixes
    ]


def study_tables():
    """Return the paths of all tables."""
    return study_files(
        "tables", lambda study: study.tables, ["csv", "md", "tex", "html"]
    )


def study_figures():
    """Return the paths of all figures."""
    return study_files("figures", lambda study: study.figures, ["svg", "png"])


def listening_pages():
    """Return the folders of the listening pages."""
    return [
        f"results/{DATASET}/{SCALE}/studies/{name}/listening"
        for name, study in STUDIES.items()
        if study.listening is not None
    ]


def page_digest():
    """Return a digest of what every listening page has in common, which is no Python."""
    files = sorted((PACKAGE / "report" / "listening").glob("*.*"))
    return digest([[f.name, f.read_text()] for f in files if f.suffix != ".py"])


def published_runs():
    """Return the marks that say which studies MLflow shows, or none when tracking is off."""
    if TRACKING == "off":
        return []
    return [
        f"results/{DATASET}/{SCALE}/studies/{study}/published.json" for study in STUDIES
    ]


def test_length(songs):
    """Return the length of the synthetic test songs, if it is another, as an option."""
    return f"--test-seconds {songs['test_seconds']}" if "test_seconds" in songs else ""


def weights_of(wildcards):
    """Return the weights that a run separates with: none for an untrained method."""
    trained = SEPARATED[wildcards.separated].trained
    return (
        f"results/{DATASET}/{SCALE}/train/{trained}/model.safetensors"
        if trained
        else []
    )


def rendition_of(run):
    """Return the manifest of the rendition that a run works on."""
    return f"results/{DATASET}/{SCALE}/rendition/{run.rendition}/manifest.json"


def stretching_need(manifest, run):
    """Return the room that a run's stretched songs take on disk, as a person says it."""
    config = structure(StretchingConfig, run.config["stretching"])
    return size(needed_bytes(manifest, config))


def stretched_of(name):
    """Return the folder of the stretched songs that a training reads: none for most."""
    if "stretching" not in TRAINED[name].config:
        return []
    return f"results/{DATASET}/{SCALE}/stretched/{name}"


def initial_of(name):
    """Return the weights that a training begins with: none for most."""
    source = TRAINED[name].initial
    if source is None:
        return []
    return f"results/{DATASET}/{SCALE}/train/{source.trained}/model.safetensors"


def initial_options(name, weights):
    """Return the options that give a training the weights that it begins with."""
    if not weights:
        return ""
    parts = TRAINED[name].config["initial"]["parts"]
    return f"--initial {weights}" + (f" --parts {shlex.join(parts)}" if parts else "")


def sweep_options(name):
    """Return the tags by which the dashboard groups the trainings of a sweep, as options."""
    tags = TRAINED[name].training_tags.items()
    return " ".join(f"--tag {shlex.quote(f'{key}={value}')}" for key, value in tags)


def of_study(pattern, attribute, trained_only=False):
    """Return an input function: ``pattern`` filled with each of the study's runs."""

    def files(wildcards):
        runs = [run for run in RUNS[wildcards.study] if run.trained or not trained_only]
        # Several seeds of an untrained method are one run.
        names = dict.fromkeys(getattr(run, attribute) for run in runs)
        return [
            pattern.format(dataset=DATASET, scale=SCALE, name=name) for name in names
        ]

    return files


own_scores = of_study("results/{dataset}/{scale}/score/{name}/scores.parquet", "id")
study_estimates = of_study(
    "results/{dataset}/{scale}/separate/{name}/estimates.json", "separated"
)
study_weights = of_study(
    "results/{dataset}/{scale}/train/{name}/model.safetensors", "trained", True
)
study_histories = of_study(
    "results/{dataset}/{scale}/train/{name}/history.csv", "trained", True
)
study_runs = of_study(
    "results/{dataset}/{scale}/train/{name}/run.json", "trained", True
)


def figure_weights(wildcards):
    """Return the weights that a figure is drawn from: none for most kinds."""
    figure = STUDIES[wildcards.study].figures[wildcards.figure]
    if figure["kind"] not in NEED_WEIGHTS:
        return []
    rows = figure.get("rows")
    names = [
        run.trained
        for run in RUNS[wildcards.study]
        if run.trained
        and (rows is None or {run.experiment, run.sweep}.intersection(rows))
    ]
    return [
        f"results/{DATASET}/{SCALE}/train/{name}/model.safetensors"
        for name in dict.fromkeys(names)
    ]


def study_scores(wildcards):
    """Return the score tables of a study: of its runs, then the imported ones."""
    return own_scores(wildcards) + [
        f"results/{DATASET}/{SCALE}/score/{run.id}/scores.parquet"
        for run in OTHERS[wildcards.study]
    ]


def study_renditions(wildcards):
    """Return the renditions that a study's runs work on."""
    return list(dict.fromkeys(rendition_of(run) for run in RUNS[wildcards.study]))


def study_config(study, **definitions):
    """Return what the report's commands need to know of a study, as JSON."""
    rows = [run.row for run in RUNS[study] + OTHERS[study]]
    header = {"study": study, "dataset": DATASET, "scale": SCALE, "rows": rows}
    return as_json(STUDIES[study].about | header | definitions)
