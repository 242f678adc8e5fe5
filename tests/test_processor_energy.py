import pytest

from mssbench.tracking.energy import ProcessorEnergy
from mssbench.tracking.journal import Journal
from mssbench.tracking.system import Sampler


def zone(folder, name, energy, most=10_000_000_000):
    path = folder / name
    path.mkdir(exist_ok=True)
    (path / "energy_uj").write_text(f"{energy}\n")
    (path / "max_energy_range_uj").write_text(f"{most}\n")
    return path


def test_energy_is_the_sum_of_all_processors_and_not_of_their_parts(tmp_path):
    zone(tmp_path, "intel-rapl:0", 1_000_000)
    zone(tmp_path, "intel-rapl:1", 5)
    zone(tmp_path, "intel-rapl:0:0", 7)
    energy = ProcessorEnergy(tmp_path)
    assert energy.watt_hours() == 0
    zone(tmp_path, "intel-rapl:0", 1_000_000 + 3_600_000_000)
    zone(tmp_path, "intel-rapl:1", 5 + 1_800_000_000)
    zone(tmp_path, "intel-rapl:0:0", 3_000_000_000)
    assert energy.watt_hours() == pytest.approx(1.5)


def test_a_counter_that_begins_anew_goes_on(tmp_path):
    zone(tmp_path, "intel-rapl:0", 9_800_000_000)
    energy = ProcessorEnergy(tmp_path)
    zone(tmp_path, "intel-rapl:0", 1_600_000_000)
    assert energy.watt_hours() == pytest.approx(0.5)


def test_what_cannot_be_read_is_left_out(tmp_path):
    assert ProcessorEnergy(tmp_path / "none").watt_hours() is None
    path = zone(tmp_path, "intel-rapl:0", 1)
    energy = ProcessorEnergy(tmp_path)
    (path / "energy_uj").unlink()
    assert energy.watt_hours() is None
    sampler = Sampler(Journal(tmp_path / "journal.jsonl"), energy)
    assert "system/processor_energy_wh" not in sampler.sample()


def test_a_sample_has_the_energy(tmp_path):
    zone(tmp_path, "intel-rapl:0", 0)
    sampler = Sampler(Journal(tmp_path / "journal.jsonl"), ProcessorEnergy(tmp_path))
    zone(tmp_path, "intel-rapl:0", 3_600_000_000)
    assert sampler.sample()["system/processor_energy_wh"] == pytest.approx(1)
