import numpy as np
import pytest
import torch
from test_bss_eval import assert_alike, museval_of, sources

from mssbench.cli import main
from mssbench.errors import UserError
from mssbench.scoring.backends import NUMPY, WORTH_COMPILING, backend_of
from mssbench.scoring.bsseval import bss_eval, evaluate
from mssbench.scoring.compiled_backend import CompiledBackend
from mssbench.scoring.compiled_fft import SIZE
from mssbench.scoring.protocol import Protocol
from mssbench.scoring.references import References
from mssbench.scoring.torch_backend import TorchBackend

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    ),
]


def scored(references, systems, backend, **how):
    signals = [np.moveaxis(s, 1, 2) for s in (references, *systems)]
    return evaluate(References(signals[0], 3000, 1500, backend=backend, **how), signals[1:])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("framewise", [False, True])
@pytest.mark.parametrize(("J", "C"), [(1, 1), (2, 1), (2, 2), (4, 1)])
def test_torch_gives_numpys_values(J, C, framewise, device):
    references, estimates = sources(J, 9700, C)
    systems = [estimates, estimates + 0.01 * np.roll(references, 3, axis=1)]
    how = {"framewise_filters": framewise, "filters": 60}
    found = scored(references, systems, TorchBackend(device), **how)
    expected = scored(references, systems, NUMPY, **how)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own[:4], other[:4], rtol=0, atol=1e-8)
        assert np.isfinite(other.SDR).all()


@pytest.mark.parametrize("device", DEVICES)
def test_torch_gives_musevals_values(device):
    references, estimates = sources(2, 9700, 2)
    signals = [np.moveaxis(s, 1, 2) for s in (references, estimates)]
    prepared = References(signals[0], 3000, 3000, backend=TorchBackend(device))
    (found,) = evaluate(prepared, signals[1:])
    assert_alike(found, museval_of(references, estimates, 3000, 3000))


@pytest.mark.parametrize("device", DEVICES)
def test_equal_channels_are_scored_by_torch_as_by_numpy(device):
    mono, estimates = sources(2, 6000)
    references = np.repeat(mono, 2, axis=2)
    systems = [np.repeat(estimates, 2, axis=2)]
    (found,) = scored(references, systems, TorchBackend(device), filters=40)
    (expected,) = scored(references, systems, NUMPY, filters=40)
    np.testing.assert_allclose(found[:4], expected[:4], rtol=0, atol=1e-6)


@pytest.mark.parametrize("framewise", [False, True])
@pytest.mark.parametrize(("J", "C"), [(1, 1), (2, 1), (2, 2), (3, 1)])
def test_compiled_code_gives_numpys_values(J, C, framewise, monkeypatch):
    sizes = []
    original = CompiledBackend.products

    def products(self, spectra, signals, segments, size):
        sizes.append(size)
        return original(self, spectra, signals, segments, size)

    monkeypatch.setattr(CompiledBackend, "products", products)
    references, estimates = sources(J, 9700, C)
    systems = [estimates, estimates + 0.01 * np.roll(references, 3, axis=1)]
    found = scored(references, systems, CompiledBackend(), framewise_filters=framewise)
    expected = scored(references, systems, NUMPY, framewise_filters=framewise)
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own[:4], other[:4], rtol=0, atol=1e-8)
        assert np.isfinite(other.SDR).all()
    # Borders of windows are transformed by NumPy, at another size.
    assert SIZE in sizes


@pytest.mark.parametrize("filters", [512, 511, 301])
def test_compiled_code_gives_musevals_values(filters):
    references, estimates = sources(2, 9700, 2)
    signals = [np.moveaxis(s, 1, 2) for s in (references, estimates)]
    prepared = References(signals[0], 3000, 3000, filters, backend=CompiledBackend())
    (found,) = evaluate(prepared, signals[1:])
    (expected,) = evaluate(References(signals[0], 3000, 3000, filters), signals[1:])
    assert_alike(found, expected)
    if filters == 512:
        assert_alike(found, museval_of(references, estimates, 3000, 3000))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_compiled_code_refuses_what_is_no_number(wrong):
    references, estimates = sources(2, 9700)
    signals = [np.moveaxis(s, 1, 2) for s in (references, estimates)]
    signals[1][0, 0, 5000] = wrong
    with pytest.raises(ValueError, match="an estimate has samples that are NaN or infinite"):
        evaluate(References(signals[0], 3000, 3000, backend=CompiledBackend()), signals[1:])


def test_threads_share_compiled_code_and_change_nothing():
    references, estimates = sources(2, 30000)
    signals = [np.moveaxis(s, 1, 2) for s in (references, estimates)]
    one, two = (
        evaluate(
            References(signals[0], 3000, 3000, threads=threads, backend=CompiledBackend()),
            signals[1:],
        )
        for threads in (1, 2)
    )
    for alone, shared in zip(one[0], two[0], strict=True):
        np.testing.assert_array_equal(alone, shared)


def test_length_of_the_references_decides_whether_code_is_compiled():
    assert backend_of("cpu", WORTH_COMPILING - 1) is NUMPY
    assert isinstance(backend_of("cpu", WORTH_COMPILING), CompiledBackend)


def test_device_decides_what_computes(monkeypatch):
    used = []
    monkeypatch.setattr(TorchBackend, "__init__", lambda self, device: used.append(device))
    with pytest.raises(AttributeError):  # the backend has no device to compute on
        bss_eval(*sources(), 3000, 3000, device="cuda")
    assert used == ["cuda"]


@pytest.mark.parametrize("device", ["nope", "meta"])
def test_device_that_torch_cannot_compute_on_is_refused(device):
    message = f"device is '{device}', on which torch cannot compute .*; give cpu, or cuda where"
    with pytest.raises(ValueError, match=message) as caught:
        bss_eval(*sources(), 3000, 3000, device=device)
    assert "\n" not in str(caught.value)


def test_museval_is_refused_a_gpu():
    config = {"window": 1, "hop": 1, "references": "pcm16", "device": "cuda"}
    with pytest.raises(UserError, match="museval computes on the CPU alone; give engine: bss_eval"):
        Protocol.from_config(config | {"engine": "museval"})
    assert "device" not in Protocol.from_config(config | {"device": "cpu"}).description()
    on_gpu = Protocol.from_config(config)
    assert on_gpu.description()["device"] == "cuda"


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_one_line(tmp_path, caplog):
    import soundfile

    for folder in ("truth", "guess"):
        for stem in ("vocals", "accompaniment"):
            file = tmp_path / folder / "song" / f"{stem}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, np.random.default_rng(0).standard_normal(4000) / 9, 8000)
    where = ["--references", tmp_path / "truth", "--estimates", tmp_path / "guess"]
    options = [*where, "--out", tmp_path / "scores", "--device", "cuda"]
    assert main(["score", *map(str, options)]) == 2
    assert "--device cuda: torch finds no GPU here" in caplog.text
    assert not (tmp_path / "scores").exists()
