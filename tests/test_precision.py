import math

import pytest
import torch
from small_runs import HTMD_NET, TASNET, U_NET, assert_same, configuration, run

from mssbench.data.rendition import Rendition
from mssbench.errors import UserError
from mssbench.models.registry import build
from mssbench.training.config import TrainingConfig
from mssbench.training.loop import Training
from mssbench.training.objective import Objective, widened
from mssbench.training.precision import build_scaler, reproducible, tf32
from mssbench.training.update import FiniteSteps

CPU = torch.device("cpu")


@pytest.fixture
def rendition(tiny_rendition):
    return Rendition.open(tiny_rendition)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("model", [U_NET, TASNET], ids=["u_net", "tasnet"])
def test_sixteen_bits_learn_nearly_what_thirty_two_do(rendition, tmp_path, precision, model):
    first, last = {}, {}
    for chosen in ("float32", precision):
        config = configuration(model, epochs=2, precision=chosen)
        result = run(config, rendition, tmp_path / chosen)
        first[chosen], last[chosen] = (row["train_loss"] for row in result.history)
        assert all(values.dtype != torch.bfloat16 for values in result.weights.values())
    assert first[precision] != first["float32"]
    assert first[precision] == pytest.approx(first["float32"], rel=0.05)
    assert last[precision] == pytest.approx(last["float32"], rel=0.05)


def test_losses_are_computed_in_thirty_two_bits():
    latent = torch.randn(2, 3, dtype=torch.bfloat16)
    spectrum = torch.randn(2, 3, dtype=torch.complex64)
    wide = widened({"latent": (latent, latent.half()), "spectrum": (spectrum, spectrum)})
    assert {values.dtype for values in wide["latent"]} == {torch.float32}
    assert torch.equal(wide["latent"][0], latent.float())
    assert wide["spectrum"][0] is spectrum


@pytest.mark.parametrize("model", [U_NET, HTMD_NET], ids=["u_net", "htmd_net"])
def test_sixteen_bit_estimates_are_as_long_as_the_truth_and_wide(model):
    options = TrainingConfig.from_dict(configuration(model, precision="bf16")).training
    names = ("mixture", "drums", "bass", "other", "vocals")
    objective = Objective(build(model["name"], model["params"]), options, names)
    estimate, truth = objective.estimates(torch.randn(2, 5, 1, 2048))
    assert estimate.shape == truth.shape
    assert estimate.dtype == torch.float32


def test_fp16_scales_the_loss_and_takes_the_steps_of_the_unscaled_one():
    weights = {}
    for precision in ("float32", "fp16"):
        torch.manual_seed(0)
        model = torch.nn.Linear(4, 1)
        scaler = build_scaler(precision, CPU)
        assert scaler.is_enabled() == (precision == "fp16")
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        update = FiniteSteps(model, optimiser, clip_norm=0.01, scaler=scaler)
        for _ in range(3):
            batch = torch.ones(2, 4)
            update.take(lambda batch, model=model: (model(batch).square().mean(), {}), batch)
        weights[precision] = model.weight.detach()
    torch.testing.assert_close(weights["fp16"], weights["float32"])


def test_a_gradient_that_overflows_lowers_the_scale_and_leaves_the_step_out():
    model = torch.nn.Linear(4, 1)
    scaler = build_scaler("fp16", CPU)
    update = FiniteSteps(model, torch.optim.SGD(model.parameters(), lr=0.1), scaler=scaler)
    before = model.weight.detach().clone()
    # Finite by itself; times the scale of 65536 it is not.
    *_, left_out = update.take(lambda batch: (1e35 * model(batch).sum(), {}), torch.ones(2, 4))
    assert left_out
    assert torch.equal(model.weight, before)
    assert scaler.get_scale() == 32768


def products():
    """Return whether matrices and convolutions are rounded, and what torch's compiler reads."""
    allowed = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    return *allowed, torch.get_float32_matmul_precision()


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [(None, None), (True, (True, True, "high")), (False, (False, False, "highest"))],
)
def test_tf32_is_set_for_the_run_and_put_back(allowed, expected):
    before = products()
    with tf32(allowed):
        assert products() == (expected or before)
    assert products() == before


def test_a_compiled_model_runs_through_torchs_compiler(rendition, tmp_path):
    config = configuration(U_NET, epochs=1, average={"decay": 0.9})
    plain = run(config, rendition, tmp_path / "plain")
    config["training"]["compile"] = True
    # Compiling takes minutes; this shows the way there and back.
    with torch.compiler.set_stance("force_eager"):
        assert_same(run(config, rendition, tmp_path / "compiled"), plain)


def test_the_options_ask_for_the_compiler():
    config = configuration(U_NET)
    config["training"]["compile"] = True
    model = build(U_NET["name"], U_NET["params"])
    objective = Objective(model, TrainingConfig.from_dict(config).training, ())
    assert hasattr(objective.compare, "_torchdynamo_orig_callable")


def test_the_compilers_mode_is_that_of_the_options(monkeypatch):
    modes = []
    monkeypatch.setattr(torch, "compile", lambda function, mode: modes.append(mode) or function)
    config = configuration(U_NET)
    model = build(U_NET["name"], U_NET["params"])
    for mode in ("default", "reduce-overhead"):
        config["training"] |= {"compile": True, "compile_mode": mode}
        Objective(model, TrainingConfig.from_dict(config).training, ())
    assert modes == ["default", "reduce-overhead"]


IMAGES = {
    "name": "m_dense_net",
    "params": {
        **{"targets": ["vocals"], "channels": 1, "n_fft": 64, "hop": 32, "width": 4},
        **{"k_first": 3, "k": 4, "L": 2, "scales": 2},
    },
}
MAGNITUDES = {"magnitudes": {"kind": "mse", "weight": 1.0}}


def test_the_order_of_weights_in_memory_changes_no_loss(rendition, tmp_path):
    # Small steps: Adam's first ones magnify what is rounded otherwise.
    optimiser, results = {"name": "adam", "lr": 1e-5}, {}
    for last in (False, True):
        config = configuration(
            IMAGES, epochs=2, channels_last=last, loss=MAGNITUDES, optimiser=optimiser
        )
        results[last] = run(config, rendition, tmp_path / str(last))
    for row, expected in zip(results[True].history, results[False].history, strict=True):
        for loss in ("train_loss", "valid_loss"):
            assert row[loss] == pytest.approx(expected[loss], rel=1e-4)
    # As files of weights hold them.
    assert all(values.is_contiguous() for values in results[True].weights.values())


def test_the_weights_of_images_lie_channel_by_channel_if_asked(rendition):
    config = TrainingConfig.from_dict(configuration(IMAGES, channels_last=True, loss=MAGNITUDES))
    model = Training(config, rendition, CPU).model
    images = [values for values in model.parameters() if values.dim() == 4 and values.shape[1] > 1]
    assert images
    assert all(values.is_contiguous(memory_format=torch.channels_last) for values in images)


def unrepeatable():
    """Do what torch knows no way to repeat, on no device."""
    torch.zeros(3).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))


def test_what_cannot_be_repeated_is_warned_of_or_refused():
    with pytest.warns(UserWarning, match="put_"), reproducible(CPU):
        unrepeatable()
    with (
        pytest.raises(UserError, match=r"training\.deterministic: .*put_.* choose false"),
        reproducible(CPU, strict=True),
    ):
        unrepeatable()
    unrepeatable()
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("model", [U_NET, TASNET, HTMD_NET], ids=["u_net", "tasnet", "htmd_net"])
def test_a_gpu_repeats_itself_if_asked(rendition, tmp_path, model):
    config = configuration(model, epochs=2, deterministic=True)
    one, other = (run(config, rendition, tmp_path / n, device="cuda") for n in "ab")
    assert_same(one, other)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(
    "options",
    [
        {"precision": "bf16"},
        {"precision": "fp16"},
        {"tf32": True},
        {"compile": True, "precision": "bf16"},
        {"average": {"decay": 0.9}, "accumulate": 2, "clip_norm": 1.0},
        {"optimiser": {"name": "ranger", "lr": 3e-3}},
        {"optimiser": {"name": "rmsprop", "lr": 1e-3}},
    ],
    ids=str,
)
def test_a_gpu_trains_with_each_option(rendition, tmp_path, options):
    plain = run(configuration(TASNET, epochs=2), rendition, tmp_path / "plain", device="cuda")
    config = configuration(TASNET, epochs=2, **options)
    result = run(config, rendition, tmp_path / "other", device="cuda")
    losses = [row["train_loss"] for row in result.history]
    assert math.isfinite(losses[-1])
    assert losses[0] == pytest.approx(plain.history[0]["train_loss"], rel=0.5)
