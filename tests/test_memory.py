import pytest
import torch
from small_runs import U_NET, configuration, run

from mssbench.data.rendition import Rendition
from mssbench.errors import UserError
from mssbench.models.wave_u_net import WaveUNet
from mssbench.training.memory import is_out_of_memory, largest_fitting
from mssbench.training.objective import Objective
from mssbench.training.state import State


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


@pytest.fixture
def trained(rendition, tmp_path, monkeypatch):
    """Train where memory runs out, as a GPU says it, on batches above ``most`` examples."""
    compute = WaveUNet.forward

    def train(most, **options):
        def forward(model, mixture):
            if len(mixture) > most:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return compute(model, mixture)

        monkeypatch.setattr(WaveUNet, "forward", forward)
        return run(configuration(U_NET, batch_size=12, **options), rendition, tmp_path)

    return train


@pytest.mark.parametrize(
    ("most", "pieces", "words"),
    [
        (3, 1, ["batches of 12 crops, each of 2048", "3 crops at once", "accumulate to 4"]),
        (11, 1, ["11 crops at once do fit: set training.accumulate to 2"]),
        (1, 3, ["12 crops in 3 parts", "1 crops at once", "accumulate to 12"]),
        (0, 1, ["not even one crop", "training.crops.samples"]),
    ],
)
def test_a_batch_that_is_too_large_is_told_with_one_that_fits(trained, most, pieces, words):
    with pytest.raises(UserError) as told:
        trained(most, accumulate=pieces)
    for word in words:
        assert word in str(told.value)
    assert "\n" not in str(told.value)


def test_the_advice_trains(trained):
    assert trained(3, accumulate=4, epochs=1).history[0]["step"] > 0


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        ((3, {}), ["of 4 windows, each of 2048 samples", "3 at once do fit", "accumulate to 2"]),
        ((0, {}), ["validation in batches of 4 windows", "not even one fits: choose a smaller"]),
        ((3, {"score": "si_sdr", "score_on": "songs"}), ["3 at once do fit"]),
    ],
)
def test_memory_that_runs_out_in_validation_is_told_with_what_fits(
    rendition, tmp_path, monkeypatch, memory, words
):
    compute, (most, score) = WaveUNet.forward, memory
    # Scores of whole songs are computed beside the losses of windows, here with less memory.
    losses = [Objective.__call__, lambda objective, stems: (stems.mean(), {"final": stems.mean()})]

    def forward(model, mixture):
        if not model.training and len(mixture) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return compute(model, mixture)

    def heard(objective, stems):
        return losses[bool(score) and not objective.model.training](objective, stems)

    monkeypatch.setattr(WaveUNet, "forward", forward)
    monkeypatch.setattr(Objective, "__call__", heard)
    with pytest.raises(UserError) as told:
        run(configuration(U_NET, epochs=1, **score), rendition, tmp_path)
    for word in words:
        assert word in str(told.value)
    assert "\n" not in str(told.value)


def test_memory_that_runs_out_elsewhere_is_told_too(rendition, tmp_path, monkeypatch):
    def begin(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(State, "begin", begin)
    with pytest.raises(UserError, match=r"batches of 4 crops of 2048 samples; choose a smaller"):
        run(configuration(U_NET), rendition, tmp_path)


def test_another_error_stays_what_it_is(rendition, tmp_path, monkeypatch):
    def forward(model, mixture):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(WaveUNet, "forward", forward)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        run(configuration(U_NET), rendition, tmp_path)


def test_what_a_processor_cannot_allocate_is_out_of_memory():
    with pytest.raises(RuntimeError) as given:
        torch.empty(2**55)
    assert is_out_of_memory(given.value)
    assert not is_out_of_memory(RuntimeError("something else"))


@pytest.mark.parametrize(
    ("batch", "most", "attempts"),
    [(40, 5, [20, 10, 5, 7, 6]), (16, 15, [8, 12, 14, 15]), (16, 0, [8, 4, 2, 1]), (1, 0, [])],
)
def test_the_largest_part_that_fits_is_found_in_few_attempts(batch, most, attempts):
    tried = []

    def attempt(examples):
        tried.append(len(examples))
        if len(examples) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    assert largest_fitting(attempt, torch.zeros(batch, 1)) == most
    assert tried == attempts


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpus_memory_is_told_too(rendition, tmp_path):
    model = {"name": "wave_u_net", "params": {"levels": 3, "filters": 4000, "output": "single"}}
    config = configuration(model, batch_size=4096)
    with pytest.raises(UserError, match="the cuda's memory is too small for batches of"):
        run(config, rendition, tmp_path, device="cuda")
