import io
import json
import logging
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mssbench import cli
from mssbench.data.rendition import Rendition
from mssbench.errors import UserError
from mssbench.imported_runs import imported_runs
from mssbench.report.aggregate import aggregate
from mssbench.report.config import parse_config
from mssbench.report.excerpt import cut_excerpt
from mssbench.report.figures.boxes import draw_boxes
from mssbench.report.formats import to_csv, to_markdown
from mssbench.report.imported import import_scores
from mssbench.report.scores import gather_scores
from mssbench.report.tables import make_table
from mssbench.scoring.results import read_scores, write_scores
from mssbench.study import Studies

ROOT = Path(__file__).parent.parent
SISEC = ROOT.parent / "shared" / "data" / "sisec18"
SONG_WISE = "song-wise median"

# SDR of vocals, drums, bass, other and accompaniment (dB): medians over songs of medians over
# windows of the files in sigsep-mus-2018 (Stöter, Liutkus, Ito, LVA/ICA 2018).
PUBLISHED = {
    "MIX": (1.12, 1.33, 0.67, 1.16, 6.32),
    "IBM1": (7.67, 7.09, 5.19, 5.89, 10.03),
    "IRM2": (9.43, 8.45, 7.12, 7.85, 15.64),
    "MWF": (9.13, 8.09, 6.75, 7.56, 15.40),
    "TAK1": (6.60, 6.43, 5.16, 4.15, 12.83),
    "TAU1": (7.15, 6.96, 5.86, 4.73, 13.47),
    "UHL2": (5.93, 5.92, 5.03, 4.19, 12.23),
    "JY3": (5.74, 4.66, 3.67, 3.40, 12.08),
    "STL2": (3.25, 4.22, 3.21, 2.25, None),
    "2DFT": (0.56, None, None, None, 5.84),
}
TARGETS = ("vocals", "drums", "bass", "other", "accompaniment")
SONGS = {"Ada - One": [3.0, 1.0, float("nan")], "Bob - Two": [5.0, 6.0]}


def museval(scores, window=1.0, hop=1.0, metric="SDR", **changes):
    """The text of one of museval's files with these scores of the vocals."""
    frames = [
        {"time": hop * number, "duration": window, "metrics": {metric: score} | changes}
        for number, score in enumerate(scores)
    ]
    return json.dumps({"targets": [{"name": "vocals", "frames": frames}]})


def folder_of(root, songs=SONGS, subset="test", **how):
    for name, scores in songs.items():
        file = root / subset / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(museval(scores, **how))
    return root


def packed(folder, kind):
    """The folder as an archive of a kind."""
    archive = folder.with_name(f"archive.{kind}")
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as opened:
            for file in files:
                opened.write(file, file.relative_to(folder.parent))
    else:
        with tarfile.open(archive, "w:" + kind.removeprefix("tar").removeprefix(".")) as opened:
            opened.add(folder, folder.name)
    return archive


@pytest.mark.parametrize("system", PUBLISHED)
def test_medians_of_sisec_2018_are_the_published_ones(system):
    archive = SISEC / f"{system}.tar.xz"
    if not archive.exists():
        pytest.skip(f"the SiSEC 2018 scores of {system} are not on this machine")
    scores = import_scores(system, archive)
    assert scores["track"].nunique() == 50
    assert (scores.attrs["protocol"]["window"], scores.attrs["protocol"]["hop"]) == (1, 1)
    medians = aggregate(scores, list(scores["target"].unique()), ["SDR"], [SONG_WISE])
    found = medians.set_index("target")["value"]
    stated = dict(zip(TARGETS, PUBLISHED[system], strict=True))
    expected = {target: value for target, value in stated.items() if value is not None}
    assert found[list(expected)].to_dict() == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_archives_hold_what_their_folder_does(tmp_path, kind):
    folder = folder_of(tmp_path / "X", window=2.0, hop=0.5)
    (folder / "test" / "._Ada - One.json").write_text("a Mac's leftover")
    (folder / "README").write_text("no scores")
    plain, archived = import_scores("X", folder), import_scores("X", packed(folder, kind))
    pd.testing.assert_frame_equal(plain, archived)
    assert plain.attrs == archived.attrs
    assert plain.attrs["protocol"]["window"] == 2
    assert plain.attrs["protocol"]["hop"] == 0.5
    assert plain[plain["track"] == "Ada - One"]["score"].tolist()[:2] == [3, 1]
    assert plain["score"].isna().sum() == 1


def test_songs_are_of_the_subset_asked_for(tmp_path):
    folder = folder_of(tmp_path / "X")
    folder_of(folder, {"Cy - Three": [9.0]}, "train")
    tracks = {
        subset: set(import_scores("X", folder, subset)["track"])
        for subset in ("test", "train", "all")
    }
    assert tracks["test"] == set(SONGS)
    assert tracks["train"] == {"Cy - Three"}
    assert tracks["all"] == set(SONGS) | {"Cy - Three"}
    # Without such folders there is nothing to choose from.
    assert set(import_scores("X", folder / "train", "test")["track"]) == {"Cy - Three"}


def test_command_writes_a_table_that_others_are_read_with(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    source = packed(folder_of(tmp_path / "X"), "zip")
    out = tmp_path / "out" / "scores.parquet"
    assert cli.main(["import-scores", str(source), "--run", "X-1", "--out", str(out)]) == 0
    table = read_scores(out)
    assert set(table["run"]) == {"X-1"}
    assert "2 songs; windows of 1 s, hop 1 s; vocals" in caplog.text
    gathered, protocol = gather_scores([out])
    assert len(gathered) == 5
    assert "references unstated" in str(protocol)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "is not one of museval's files: the top level is [1]; it must be of type object"),
        ('{"scores": 1}', "the top level lacks the key 'targets'"),
        ('{"targets": [{"name": "vocals"}]}', "targets.0 lacks the key 'frames'; needed are name"),
        (museval(["high"]), "targets.0.frames.0.metrics.SDR is 'high'; it must be of type number"),
        (museval([None]), "targets.0.frames.0.metrics.SDR is None"),
        ("{", "is not JSON"),
        ("\xff", "is not JSON"),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "tar.gz"])
def test_json_of_others_is_named_with_what_was_found(tmp_path, text, message, kind):
    folder = folder_of(tmp_path / "X")
    (folder / "test" / "Bob - Two.json").write_text(text, encoding="latin-1")
    source = folder if kind == "folder" else packed(folder, kind)
    with pytest.raises(UserError) as caught:
        import_scores("X", source)
    said = str(caught.value)
    assert "Bob - Two.json" in said
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("twice", ["frame", "target"])
def test_a_window_that_would_count_twice_is_named(tmp_path, twice, kind):
    folder = folder_of(tmp_path / "X")
    file = folder / "test" / "Bob - Two.json"
    content = json.loads(file.read_text())
    (target,) = content["targets"]
    if twice == "frame":
        target["frames"].append(target["frames"][1])
    else:
        content["targets"].append({"name": "vocals", "frames": target["frames"][1:]})
    file.write_text(json.dumps(content))
    path = folder if kind == "folder" else packed(folder, "zip")
    said = (
        "Bob - Two.json has SDR of the target 'vocals' twice in the window at 1 s; one is allowed"
    )
    with pytest.raises(UserError, match=said) as caught:
        import_scores("X", path)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_one_table_is_refused(tmp_path):
    folder = folder_of(tmp_path / "X")
    folder_of(folder / "again", {"Ada - One": [1.0]})
    with pytest.raises(UserError, match="are of one song"):
        import_scores("X", folder)
    folder = folder_of(folder_of(tmp_path / "Y"), {"Cy": [1.0, 2.0]}, window=2.0)
    with pytest.raises(UserError, match="windows are of 1 s and 2 s"):
        import_scores("Y", folder)
    folder = folder_of(folder_of(tmp_path / "Z"), {"Cy": [1.0, 2.0]}, hop=0.5)
    with pytest.raises(UserError, match=r"begin 0\.5 s and 1 s after each other"):
        import_scores("Z", folder)


def test_sources_without_scores_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    broken = packed(folder_of(tmp_path / "X"), "tar.gz")
    broken.write_bytes(broken.read_bytes()[:-40])
    (tmp_path / "text").write_text("text")
    for name, message in {
        "empty": "found no .json file",
        "nowhere": "there is no such folder or archive",
        "text": "neither a folder nor a zip or tar archive",
        "archive.tar.gz": "damaged",
    }.items():
        with pytest.raises(UserError, match=message):
            import_scores("X", tmp_path / name)
    with pytest.raises(UserError, match=r"no \.json file of the subset train, but of test"):
        import_scores("X", tmp_path / "X", "train")


# In a study

OURS = {"version": "BSSEval v4 (ours)", "hop": 1.0, "references": "pcm16", "si_sdr": "theirs"}


def study_of(tmp_path, window=1.0):
    """Scores of a run of ours and of an imported one, and the configuration of their tables."""
    table = import_scores("ours", folder_of(tmp_path / "ours", {"Ada - One": [2.0, 4.0]}))
    table.attrs["protocol"] = OURS | {"window": window}
    imported = import_scores("X-1", folder_of(tmp_path / "X"))
    files = [tmp_path / "X.parquet", tmp_path / "ours.parquet"]
    for file, scores in zip(files, (imported, table), strict=True):
        write_scores(file, scores)
    row = {"seed": None, "kind": "trained"}
    rows = [
        row | {"experiment": "ours", "label": "Ours", "id": "ours"},
        row | {"experiment": "X", "label": "Theirs", "id": "X-1", "imported": "theirs.zip"},
    ]
    content = {"study": "study", "dataset": "musdb18", "scale": "paper", "rows": rows}
    return files, parse_config(content)


def test_imported_rows_stand_in_tables_and_figures_and_say_so(tmp_path):
    files, config = study_of(tmp_path)
    scores, protocol = gather_scores(files)
    assert protocol.version == OURS["version"]
    definition = {"title": "T", "targets": ["vocals"], "metrics": ["SDR"]}
    table = make_table("t", definition | {"aggregations": [SONG_WISE]}, config, scores, protocol)
    values = {line.experiment.label: line.cells["SDR"].value for line in table.blocks[0].lines}
    assert values == {"Ours": 3.0, "Theirs": np.median([2.0, 5.5])}
    assert "scores of Theirs (theirs.zip)" in to_markdown(table)
    versions = pd.read_csv(io.StringIO(to_csv(table)))["metric_version"].tolist()
    assert versions == [OURS["version"], "BSSEval v4 (museval, as imported)"]
    figure = draw_boxes(definition, config, scores, protocol)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert sorted(labels) == ["Ours", "Theirs"]


def test_imported_rows_have_nothing_to_hear(tiny_rendition):
    row = {"experiment": "X", "label": "Theirs", "seed": None, "kind": "trained", "id": "X-1"}
    rows = [row | {"imported": "theirs.zip"}]
    config = parse_config({"study": "s", "dataset": "d", "scale": "demo", "rows": rows})
    excerpt = cut_excerpt({}, config, Rendition.open(tiny_rendition), {})
    assert [signal.label for signal in excerpt.signals] == ["True vocals"]


def test_imported_scores_of_other_windows_are_refused(tmp_path):
    files, _ = study_of(tmp_path, window=2.0)
    with pytest.raises(UserError, match="a table needs one protocol"):
        gather_scores(files)


def study_with(tmp_path, imported):
    folder = tmp_path / "studies"
    folder.mkdir()
    text = (ROOT / "tests" / "miniature" / "miniature.yaml").read_text()
    (folder / "miniature.yaml").write_text(f"{text}\nimported: {json.dumps(imported)}\n")
    schema = ROOT / "workflow" / "schemas" / "study.schema.yaml"
    return imported_runs(Studies(folder, schema).load("miniature", "demo"))


def test_study_names_others_results(tmp_path):
    source = folder_of(tmp_path / "X")
    (run,) = study_with(tmp_path, {"UMX": {"path": str(source), "kind": "trained"}})
    assert run.id.startswith("UMX-")
    assert (run.label, run.subset) == ("UMX", "test")
    assert len(run.files) == 2
    rows = {"study": "s", "dataset": "d", "scale": "demo", "rows": [run.row]}
    assert parse_config(rows).rows[0].imported == str(source)


@pytest.mark.parametrize(
    ("name", "entry", "message"),
    [
        ("irm", {"path": ".", "kind": "bound"}, "imported.irm and an experiment have one name"),
        ("X", {"path": "no.zip", "kind": "bound"}, "imported.X.path is no.zip; there is no such"),
        ("X", {"path": ".", "kind": "best"}, "kind is 'best'; allowed are trained, bound"),
        ("X", {"path": "."}, "lacks the key 'kind'"),
    ],
)
def test_wrong_imports_of_a_study_are_named(tmp_path, name, entry, message):
    with pytest.raises(UserError, match=message):
        study_with(tmp_path, {name: entry})
