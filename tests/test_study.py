import json
from dataclasses import replace
from pathlib import Path

import pytest

from mssbench.data.catalogue import CATALOGUE
from mssbench.errors import UserError
from mssbench.run_parts import separated_part, trained_part
from mssbench.runs import expand
from mssbench.study import RESERVED, Studies, overlay

WORKFLOW = Path(__file__).parent.parent / "workflow"
DATASET = {"name": "synthetic", "seed": 0}
STUDIES = Studies(WORKFLOW / "studies", WORKFLOW / "schemas" / "study.schema.yaml")


def runs(study="htmd_net", scale="paper", dataset=DATASET, seeds=(0,)):
    return {run.experiment: run for run in expand(STUDIES.load(study, scale), dataset, list(seeds))}


def edited(tmp_path, change, name="htmd_net"):
    """Return the runs of a study whose file was changed by replacing text."""
    folder = tmp_path / "studies"
    folder.mkdir(parents=True, exist_ok=True)
    for path in (WORKFLOW / "studies").glob("*.yaml"):
        (folder / path.name).write_text(path.read_text())
    before, after = change
    text = (folder / f"{name}.yaml").read_text()
    assert before in text
    (folder / f"{name}.yaml").write_text(text.replace(before, after, 1))
    return Studies(folder, WORKFLOW / "schemas" / "study.schema.yaml")


def test_every_published_value_says_of_which_data_set_it_is(tmp_path):
    found = {name: STUDIES.load(name, "paper").about["published"] for name in STUDIES.names}
    assert all(entry["dataset"] for entries in found.values() for entry in entries)
    sets = {entry["source"]: entry["dataset"] for entry in found["resnet_latent"]}
    assert sets["the paper, Table II"] == "dsd100"
    assert sets["the paper, Table VII, MUSDB18"] == "musdb18"
    changed = edited(tmp_path, ("published_dataset: musdb18", "published_dataset: musdb"))
    with pytest.raises(UserError, match="published_dataset: unknown data set 'musdb'; there"):
        changed.load("htmd_net", "paper")


def test_overlay_merges_maps_and_replaces_lists():
    below = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert overlay(below, {"a": {"y": [3]}, "c": 2}) == {"a": {"x": 1, "y": [3]}, "b": 1, "c": 2}
    assert below == {"a": {"x": 1, "y": [1, 2]}, "b": 1}


@pytest.mark.parametrize("scale", ["demo", "paper"])
@pytest.mark.parametrize("study", STUDIES.names)
def test_every_study_passes_its_checks_on_every_data_set(study, scale):
    loaded = STUDIES.load(study, scale)
    splits = [experiment.get("split", {}) for experiment in loaded.experiments.values()]
    musdb18 = any(split.get("kind") == "musdb14" for split in splits)
    for name in CATALOGUE:
        if musdb18 and not name.startswith("musdb18"):
            continue  # its split names songs of MUSDB18
        assert expand(loaded, {"name": name}, [0])


@pytest.mark.parametrize("scale", ["demo", "paper"])
@pytest.mark.parametrize("study", STUDIES.names)
def test_every_study_resolves_and_equal_names_say_equal_parts(study, scale):
    # At demo scale on the data set that needs no download, at paper scale on the papers' own.
    dataset = DATASET if scale == "demo" else {"name": "musdb18"}
    found = expand(STUDIES.load(study, scale), dataset, [0, 1])
    parts = {"id": dict, "separated": separated_part, "trained": trained_part}
    for name, part in parts.items():
        named = {
            (getattr(run, name), as_text(part(run.config))) for run in found if run.seed is not None
        }
        assert (
            len({first for first, _ in named}) == len({second for _, second in named}) == len(named)
        )
    assert len({(run.experiment, run.seed, run.fold) for run in found}) == len(found)


def as_text(config):
    return json.dumps(config, sort_keys=True)


def test_paper_scale_holds_the_papers_values():
    config = runs()["mse-mae"].config
    assert config["model"] == {"name": "htmd_net", "params": {"levels": 11}}
    assert config["training"]["optimiser"]["lr"] == 1e-4
    assert config["training"]["batch_size"] == 8
    assert config["training"]["patience"] == 20


def test_from_takes_over_what_is_not_said_anew():
    found = runs()
    base, derived = found["mse-mae"].config["training"], found["mae-mae"].config["training"]
    assert derived["loss"]["intermediate"] == {"kind": "mae", "weight": 0.5}
    assert {**derived, "loss": None} == {**base, "loss": None}


def test_only_the_edited_experiment_is_named_anew(tmp_path):
    studies = edited(
        tmp_path, ("model: conv_tasnet_3x9", "model: conv_tasnet_3x9\n    params: {R: 2}")
    )
    after = {run.experiment: run for run in expand(studies.load("htmd_net", "paper"), DATASET, [0])}
    changed = [name for name, run in runs().items() if run.id != after[name].id]
    assert changed == ["conv-tasnet"]


def test_scoring_is_not_part_of_the_estimates_name_nor_separation_of_the_weights(tmp_path):
    before = runs()["mse-mae"]
    scored = edited(tmp_path, ("protocol: htmd_net", "protocol: htmd_net, window: 2.0")).load(
        "htmd_net", "paper"
    )
    after = expand(scored, DATASET, [0])[0]
    assert (after.trained, after.separated) == (before.trained, before.separated)
    assert after.id != before.id
    separated = edited(tmp_path, ("overlap: 0.0", "overlap: 0.5")).load("htmd_net", "paper")
    after = expand(separated, DATASET, [0])[0]
    assert after.trained == before.trained
    assert after.separated != before.separated


def test_data_scale_and_seed_are_part_of_every_name():
    base = runs()["mse-mae"].trained
    others = [
        runs(dataset=DATASET | {"seed": 1})["mse-mae"].trained,
        runs(scale="demo")["mse-mae"].trained,
        runs(seeds=[1])["mse-mae"].trained,
    ]
    assert len({base, *others}) == 4


def test_untrained_methods_run_once_whatever_the_seeds():
    found = expand(STUDIES.load("htmd_net", "demo"), DATASET, [0, 1, 2])
    assert [run.seed for run in found if run.experiment == "mixture"] == [None]
    assert [run.seed for run in found if run.experiment == "mse-mae"] == [0, 1, 2]


def test_label_is_not_part_of_the_identity_so_studies_share_weights(tmp_path):
    studies = edited(tmp_path, ("label: HTMD-Net (MSE/MAE)", "label: other"))
    after = expand(studies.load("htmd_net", "paper"), DATASET, [0])[0]
    assert after.id == runs()["mse-mae"].id


def test_the_format_of_the_samples_is_part_of_the_names_where_it_is_given(tmp_path):
    before = runs()["mse-mae"]
    assert before.rendition == "22050-mono"
    rate = "rendition: {rate: 22050, "
    for stored_as, name in (("int16", "22050-mono-int16"), ("float32", "22050-mono")):
        studies = edited(tmp_path / stored_as, (rate, f"{rate}format: {stored_as}, "))
        after = expand(studies.load("htmd_net", "paper"), DATASET, [0])[0]
        assert after.rendition == name
        assert after.trained != before.trained


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("select:", "selct:"), "unknown key 'selct'"),
        (("lr: 1.0e-4", "lr: 1e-4"), "write 1.0e-4"),
        (
            ("[mse-mae, mae-mae", "[mse-mea, mae-mae"),
            "select.experiments: unknown experiment 'mse-mea'",
        ),
        (("from: htmd_net/mse-mae", "from: htmd_net/mse"), "unknown experiment 'mse'"),
        (
            ("from: htmd_net/mse-mae", "from: htmdnet/mse-mae"),
            "unknown study 'htmdnet'; there are htmd_net",
        ),
        (("model: wave_u_net ", "model: wave_unet "), "unknown model 'wave_unet'"),
        (("tables: [systems", "tables: [system"), "select.tables: unknown table 'system'"),
        (("rate: 22050", "rate: fast"), "rate is 'fast'"),
        (("channels: mono}", "format: int16}"), "'mse-mae' lacks the key 'rendition.channels', al"),
        (("{levels: 11}", "{levels: .nan}"), "mse-mae.params.levels is nan; give a finite number"),
        (("rate: 22050", "rate: 22050, format: int8"), "format is 'int8'.*float32, int16"),
        (("batch_size: 8", "batch: 8"), "'?batch'?"),
        (("protocol: htmd_net", "protocol: htmd"), "'mse-mae': scoring.protocol is 'htmd'.*sisec"),
        (("protocol: htmd_net", "hop: 1.0"), "'scoring.window' is missing"),
        (
            ("protocol: htmd_net", "protocol: htmd_net, measures: [PSE]"),
            "'mse-mae': scoring.measures has 'PSE'; allowed are SDR, .*, PES, EPS",
        ),
        (
            ("metrics: [HTMD-Net PES,", "metrics: [HTMDNet PES,"),
            "tables.silence.metrics has 'HTMDNet PES'; allowed are SDR, .*, HTMD-Net PES",
        ),
        (
            ("protocol: htmd_net", "protocol: htmd_net, measures: [SDR, song SI-SDR]"),
            "tables.silence.metrics has 'HTMD-Net PES', which scoring.measures of its rows does",
        ),
        (
            ("test: {alpha: 0.01", "test: {against: mse, alpha: 0.01"),
            "tables.systems.test.against is 'mse'; allowed are best, mse-mae, .*, irm$",
        ),
        (("test: {alpha: 0.01", "test: {alpha: 1.5"), "tables.systems.test.alpha is 1.5"),
        (("test: {alpha: 0.01", "interval: 95\n    test: {alpha: 0.01"), "interval is 95"),
        (("columns: [parameters", "columns: [parameter"), "columns.0 is 'parameter'"),
        (("listening: {songs: 3", "listening: {songs: 0"), "listening.songs is 0"),
        (("listening: {songs: 3", "listening: {song: 3"), "unknown key 'song' in listening"),
        (("kind: windows", "kind: window"), "window"),
        (("  - experiment: mse-mae", "  - experiment: mse"), "published: unknown experiment 'mse'"),
        (
            ("  - experiment: mse-mae", "  - system: A\n    experiment: mse-mae"),
            "published.0 is .*one of the keys experiment and system, not both",
        ),
        (("  - experiment: mse-mae", "  - of: mse-mae"), "unknown key 'of' in published.0"),
        (("output: intermediate", "output: 1"), "separation.output is 1"),
        (
            ("batch_size: 8 ", "augmentation: [{kind: swap_channels}]\n    batch_size: 8 "),
            r"'mse-mae': training.augmentation\[0\].kind is 'swap_channels'.*channels is mono",
        ),
    ],
)
def test_mistakes_in_a_study_are_one_line_that_names_them(tmp_path, change, message):
    with pytest.raises(UserError, match=message) as caught:
        expand(edited(tmp_path, change).load("htmd_net", "paper"), DATASET, [0])
    assert "\n" not in str(caught.value)


SYSTEMS, BOXES = "rows: &systems [mse-mae,", "rows: *systems\n    kind: boxes"
SIGNIFICANCE = "rows: *systems\n    kind: significance"
TEST_KEY, HEARD = "test: {alpha: 0.01", "listening: {songs: 3"
BY = "rank_by: {metric: SDR, target: vocals, aggregation: song-wise median}"
SCATTER = "rows: [conv-tasnet, mse-mae]"
STATED = "values:\n      vocals: {SDR: 5.16"
LATENTS = "kind: latents\n    rows: [ra-aug, separate-aug]"
SILENT, TO_SWEEP = "metrics: [HTMD", "key: rendition.panning.spacing"


def ranked(key, value):
    before = {"metric": "SDR", "target": "vocals", "aggregation": "song-wise median"}[key]
    return TEST_KEY, f"{BY.replace(f'{key}: {before}', f'{key}: {value}')}\n    {TEST_KEY}"


@pytest.mark.parametrize(
    ("study", "change", "message"),
    [
        # Rows.
        ("htmd_net", (SYSTEMS, "rows: &systems [mse,"), "tables.systems.rows has 'mse'; .* mse-ma"),
        ("htmd_net", (SCATTER, "rows: [mse, irm]"), "figures.scatter.rows has 'mse'; .* mse-mae,"),
        ("htmd_net", (HEARD, "listening: {rows: [mse], songs: 3"), "listening.rows has 'mse'"),
        (
            "htmd_net",
            ("wave-u-net, mixture, irm]\n  tables", "mixture, irm]\n  tables"),
            "tables.systems.rows has 'wave-u-net'; .*; name it in select.experiments too",
        ),
        # Aggregations.
        (
            "htmd_net",
            ("aggregations: [song-wise median]", "aggregations: [song median]"),
            "tables.systems.aggregations has 'song median'; allowed are song-wise median, mean of",
        ),
        # Targets.
        (
            "htmd_net",
            ("targets: [vocals, accompaniment]", "targets: [vocals, drums]"),
            "tables.systems.targets has 'drums'; allowed are vocals, accompaniment$",
        ),
        (
            "htmd_net",
            (f"{SCATTER}\n    targets: [vocals,", f"{SCATTER}\n    targets: [voice,"),
            "figures.scatter.targets has 'voice'; allowed are vocals, accompaniment$",
        ),
        (
            "htmd_net",
            (SIGNIFICANCE, f"{SIGNIFICANCE}\n    target: bass"),
            "figures.significance.target has 'bass'",
        ),
        (
            "htmd_net",
            ("kind: spectrograms", "kind: spectrograms\n    target: bass"),
            "figures.spectrograms.target is 'bass', which 'mse-mae' does not estimate; it has voc",
        ),
        (
            "resnet_latent",
            ("    kind: tempo\n  l", "    kind: tempo\n    target: voice\n  l"),
            "figures.tempo.target has 'voice'; allowed are .*vocals",
        ),
        (
            "htmd_net",
            (HEARD, "listening: {targets: [voice], songs: 3"),
            "listening.targets has 'voice'; allowed are vocals, accompaniment$",
        ),
        (
            "htmd_net",
            (f"targets: [vocals]\n    {SILENT}", f"targets: [accompaniment]\n    {SILENT}"),
            "tables.silence.metrics has 'HTMD-Net PES', which is of vocals alone",
        ),
        # Metrics.
        (
            "htmd_net",
            (SIGNIFICANCE, f"{SIGNIFICANCE}\n    metric: SDRR"),
            "figures.significance.metric has 'SDRR'; allowed are SDR,",
        ),
        (
            "htmd_net",
            (BOXES, f"{BOXES}\n    metrics: [uSDR]"),
            "figures.boxes.metrics has 'uSDR', which scoring.measures of its rows does not name",
        ),
        (
            "htmd_net",
            (HEARD, "listening: {metrics: [SDRR], songs: 3"),
            "listening.metrics has 'SDRR'; allowed are SDR,",
        ),
        # What ranks.
        ("htmd_net", ranked("metric", "SDRR"), "systems.rank_by.metric has 'SDRR'; allowed are S"),
        ("htmd_net", ranked("target", "bass"), "systems.rank_by.target has 'bass'; allowed are v"),
        ("htmd_net", ranked("aggregation", "mode"), "systems.rank_by.aggregation has 'mode'"),
        # Literature.
        (
            "meta_tasnet",
            ("literature: [DeepConvSep", "literature: [DeepSep, DeepConvSep"),
            "tables.literature.literature has 'DeepSep'; allowed are DeepConvSep, Wavenet, ",
        ),
        (
            "meta_tasnet",
            ("metrics: [SDR, song SI-SDR]", "literature: [Wavenet]\n    metrics: [SIR]"),
            "tables.ablation.literature has 'Wavenet', of which nothing is published under",
        ),
        # Tests.
        (
            "htmd_net",
            (TEST_KEY, "test: {against: mse-mae-intermediate, alpha: 0.01"),
            "tables.systems.test.against is 'mse-mae-inter.*; allowed are best, mse-mae, .*, irm$",
        ),
        (
            "htmd_net",
            (TEST_KEY, "test: {against: irm, alpha: 0.01"),
            "tables.systems.test.bold needs .*set it to best or remove bold",
        ),
        (
            "htmd_net",
            (TEST_KEY, "test: {kind: mcnemar, alpha: 0.01"),
            "tables.systems.test.kind is mcnemar, of judgements; allowed with HTMD-Net VAD among",
        ),
        # What a kind of figure has and needs.
        (
            "htmd_net",
            (BOXES, f"{BOXES}\n    cost: separation"),
            "unknown key 'cost' in figures.boxes, of kind boxes; allowed are title, kind, rows,",
        ),
        (
            "htmd_net",
            (SCATTER, "rows: [conv-tasnet, mse-mae, irm]"),
            "figures.scatter.rows are conv-tasnet, mse-mae, irm, of 3 systems; .* needs two",
        ),
        ("htmd_net", (SCATTER, "# none"), "figures.scatter.rows are not given, of .* needs two"),
        (
            "htmd_net",
            (SIGNIFICANCE, SIGNIFICANCE.replace("*systems", "[irm]")),
            "figures.significance.rows are irm; significance needs two",
        ),
        (
            "htmd_net",
            ("rows: *systems\n    kind: cost", "rows: [irm, mixture]\n    kind: cost"),
            "figures.cost.rows has bounds alone",
        ),
        (
            "htmd_net",
            ("rows: *systems\n    kind: learning", "rows: [irm, mixture]\n    kind: learning"),
            "figures.learning_curves.rows are irm, mixture; learning curves need one that is tr",
        ),
        (
            "resnet_latent",
            (LATENTS, LATENTS.replace("separate-aug", "mixture")),
            "figures.latents.rows has mixture without latents; models with them are resnet_latent$",
        ),
        (
            "multiband",
            ("rows: [m1, m2, m3, m4, m5, m6]", "rows: [m1, irm]"),
            "figures.filters.rows has irm without filters; models with them are conv_tasnet, ",
        ),
        ("projet", (TO_SWEEP, "metrics: [SDR]"), "figures.against-angle lacks the key 'key'; swe"),
        (
            "projet",
            (TO_SWEEP, "key: panning.spacing"),
            "figures.against-angle.key has 'panning.spacing'; allowed are rendition.panning.spac",
        ),
        (
            "htmd_net",
            (BOXES, BOXES.replace("boxes", "windows")),
            "rows has none that is .* two wind",
        ),
        (
            "resnet_latent",
            ("rows: [separate-1s,", "rows: [separate, separate-1s,"),
            "tables.musdb-1s.rows has 'separate', scored with .*, and 'separate-1s', scored with",
        ),
        # Models.
        (
            "htmd_net",
            ("{levels: 11}", "{level: 11}"),
            "'mse-mae': params has 'level'; allowed of model htmd_net are channels, .* levels,",
        ),
        (
            "htmd_net",
            ("output: intermediate", "output: middle"),
            "'mse-mae-intermediate': separation.output is 'middle'; allowed .* are final, interm",
        ),
        # Published values that no table can show.
        (
            "htmd_net",
            ("aggregation: null", "aggregation: mode"),
            "published.0.aggregation has the aggregation 'mode', which no table .* are song-wise m",
        ),
        (
            "htmd_net",
            (STATED, STATED.replace("SDR:", "SDRR:")),
            "published.0.values has the metric 'SDRR', which no table .*; metrics of systems, seg",
        ),
        (
            "htmd_net",
            (STATED, STATED.replace("vocals", "voice")),
            "published.0.values has the target 'voice', which no table .*are vocals, accompaniment",
        ),
        (
            "meta_tasnet",
            ("literature: [DeepConvSep, ", "literature: ["),
            "published.1.system is 'DeepConvSep', which no table has among its literature",
        ),
        (
            "resnet_latent",
            ("rows: [shared-aug, separate-aug]", "rows: [ra, separate-aug]"),
            "published.[0-9]+.experiment is 'shared-aug', which no table has among its rows",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused_before_any_job(tmp_path, study, change, message):
    changed = edited(tmp_path, change, study)
    with pytest.raises(UserError, match=message) as caught:
        expand(changed.load(study, "demo"), DATASET, [0])
    assert "\n" not in str(caught.value)
    assert f"{study}.yaml: " in str(caught.value) or "experiment '" in str(caught.value)


def test_a_split_by_songs_that_the_data_set_has_not_is_refused_before_any_job():
    with pytest.raises(
        UserError, match=r"experiment '.*': split.kind musdb14 .* is synthetic; take"
    ):
        runs("multiband")


@pytest.mark.parametrize("name", RESERVED)
def test_a_study_cannot_have_a_name_that_means_something_else(tmp_path, name):
    (tmp_path / f"{name}.yaml").touch()
    with pytest.raises(UserError, match=f"{name}.yaml: give it another name; in "):
        Studies(tmp_path, STUDIES.folder.parent / "schemas" / "study.schema.yaml")


def test_unknown_study_names_those_that_exist():
    with pytest.raises(UserError, match=r"unknown study 'htmd'; there are htmd_net, .*overview"):
        STUDIES.load("htmd", "demo")


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ({"final": {"kind": "mae", "weight": 1.0}}, "MAE"),
        (
            {
                "intermediate": {"kind": "mse", "weight": 0.5},
                "final": {"kind": "si_sdr", "weight": 1},
            },
            "0.5 MSE of intermediate + SI-SDR",
        ),
        (
            {"magnitudes": {"kind": "mse", "weight": 0}, "loss": {"kind": "penalty", "weight": 1}},
            "loss",
        ),
        (
            {
                "final": {"kind": "mae", "weight": 1.0},
                "unlike": {"kind": "mae", "weight": -0.05, "probe": "accompaniment"},
            },
            "MAE - 0.05 MAE of accompaniment",
        ),
        ({str(n): {"kind": "mse", "weight": 1.0} for n in range(5)}, "5 terms"),
    ],
)
def test_a_loss_is_named_by_its_terms_and_probes(loss, name):
    run = runs()["mse-mae"]
    assert replace(run, config={"training": {"loss": loss}}).loss == name
