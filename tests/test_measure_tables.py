import csv
import io

import numpy as np
import pandas as pd
import pytest

from mssbench.errors import UserError
from mssbench.report.config import parse_config
from mssbench.report.formats import to_csv, to_latex, to_markdown
from mssbench.report.scores import Scoring
from mssbench.report.tables import make_table

HOW = Scoring("BSSEval v4 (museval 0.4.1)", 1.0, 0.5, "pcm16", "Le Roux et al. 2019")
PES, VAD = "HTMD-Net PES", "HTMD-Net VAD"
VALUES = {
    "good": {"SDR": [5, 7], PES: [-60, np.nan], VAD: [90, 100], "uSDR": [6]},
    "poor": {"SDR": [1, 3], PES: [-20, np.nan], VAD: [50, 60], "uSDR": [2]},
}


def table(metrics, protocol=HOW, rendition="22050-mono"):
    rows = [
        {
            "experiment": name,
            "label": name,
            "seed": 0,
            "id": name,
            "trained": name,
            "kind": "trained",
            "rendition": rendition,
        }
        for name in VALUES
    ]
    scores = pd.DataFrame(
        [
            (run, "song", "vocals", metric, np.nan if metric == "uSDR" else start, score)
            for run, of_run in VALUES.items()
            for metric, series in of_run.items()
            for start, score in enumerate(series)
        ],
        columns=["run", "track", "target", "metric", "window_start", "score"],
    )
    config = parse_config({"study": "s", "dataset": "synthetic", "scale": "demo", "rows": rows})
    definition = {
        "title": "Vocals",
        "targets": ["vocals"],
        "metrics": metrics,
        "aggregations": ["segment-wise mean"],
    }
    return make_table("main", definition, config, scores, protocol)


def best(made):
    return {
        metric: line.experiment.name
        for line in made.blocks[0].lines
        for metric, cell in line.cells.items()
        if cell.best
    }


def test_the_lowest_energy_at_silence_is_the_best():
    made = table(["SDR", PES, VAD])
    assert best(made) == {"SDR": "good", PES: "good", VAD: "good"}
    assert "Bold: the best value" in to_markdown(made)
    assert "Bold: the highest value" in to_markdown(table(["SDR"]))


def test_units_are_in_the_header_and_in_the_caption():
    made = table(["SDR", PES, VAD])
    markdown, latex = to_markdown(made), to_latex(made)
    assert "| System | SDR (dB) | HTMD-Net PES (dB) | HTMD-Net VAD (%) |" in markdown
    assert r"HTMD-Net VAD (\%)" in latex
    assert "values in dB, HTMD-Net VAD in %, higher is better, of HTMD-Net PES lower." in markdown
    assert "all values in dB, lower is better." in to_markdown(table([PES]))
    assert "all values in dB, higher is better." in to_markdown(table(["SDR", "uSDR"]))


def test_definitions_are_in_the_notes():
    text = to_markdown(table(["SDR", PES, "uSDR"]))
    assert "- HTMD-Net PES: RMS of the estimate in segments of 186 ms" in text
    assert "- uSDR: SDR of the whole song (Music Demixing Challenge 2021)." in text
    assert "- SDR:" not in text


def test_csv_names_the_unit_of_each_value_and_the_windows_of_each_measure():
    rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(to_csv(table(["SDR", VAD]))))}
    assert (rows["SDR"]["unit"], rows[VAD]["unit"]) == ("dB", "%")
    assert float(rows[VAD]["value"]) == 55
    assert (rows["SDR"]["window_s"], rows["SDR"]["hop_s"]) == ("1", "0.5")
    assert rows[VAD]["window_s"] == rows[VAD]["hop_s"] == "0.18576"
    assert rows["SDR"]["metric_version"] == HOW.version
    (row, _) = csv.DictReader(io.StringIO(to_csv(table(["SDR"]))))
    assert "value (dB)" in row
    assert "unit" not in row


def test_caption_names_the_protocol_what_departs_from_it_and_other_audio():
    how = {"version": "BSSEval v4", "window": 1.0, "hop": 2.0, "references": "pcm16"}
    how |= {"si_sdr": "x", "isolated": True, "protocol": "htmd_net"}
    how |= {"rate": 22050, "channels": "mono"}
    own = to_markdown(table(["SDR"], Scoring(**how)))
    assert "Protocol htmd\\_net: BSSEval v4, isolated windows of 1 s, hop 2 s" in own
    assert "The protocol" not in own
    changed = to_markdown(table(["SDR"], Scoring(**how, changed=("hop", "references"))))
    assert "Protocol htmd\\_net, but for hop and references: BSSEval v4" in changed
    other = to_markdown(table(["SDR"], Scoring(**how), "44100-stereo"))
    assert "The protocol htmd\\_net is for mono 22.05 kHz audio: scores of stereo 44.1 kHz" in other


def test_a_metric_that_was_not_computed_is_refused_with_those_that_were():
    with pytest.raises(UserError, match="unknown metrics 'SI-SIR'; allowed are SDR, HTMD-Net PES"):
        table(["SI-SIR"])
