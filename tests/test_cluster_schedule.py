import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from cluster_attempts import Profile
from cluster_schedule import Job, critical_path, simulate, work

LARGEST = 3
# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def graphs(draw, largest=LARGEST):
    """Jobs that wait for some of those before them, in an order of their own."""
    jobs = []
    for number in range(draw(st.integers(1, 12))):
        needs = draw(st.lists(st.sampled_from(jobs), max_size=3)) if jobs else []
        pool = draw(st.sampled_from(["gpu", "cores"]))
        seconds = draw(st.integers(0, 9))
        takes = {pool: draw(st.integers(1, largest))}
        jobs.append(Job(str(number), seconds, takes, tuple(job.name for job in needs)))
    return draw(st.permutations(jobs))


pools = st.fixed_dictionaries({pool: st.integers(LARGEST, 8) for pool in ("gpu", "cores")})
orders = st.booleans()


@patient
@given(graphs(), pools, orders)
def test_each_job_runs_once_for_its_time_after_all_that_it_needs(jobs, pools, longest_first):
    made = simulate(jobs, pools, longest_first)
    assert set(made.begins) == {job.name for job in jobs}
    for job in jobs:
        assert made.ends[job.name] - made.begins[job.name] == job.seconds
        assert all(made.ends[name] <= made.begins[job.name] for name in job.needs)


@patient
@given(graphs(), pools, orders)
def test_never_more_is_in_use_than_there_is(jobs, pools, longest_first):
    made = simulate(jobs, pools, longest_first)
    for now in made.begins.values():
        held = [job for job in jobs if made.begins[job.name] <= now < made.ends[job.name]]
        for pool, amount in pools.items():
            assert sum(job.takes.get(pool, 0) for job in held) <= amount


@patient
@given(graphs(), pools, orders)
def test_nothing_ends_before_its_critical_path_and_its_work(jobs, pools, longest_first):
    seconds = simulate(jobs, pools, longest_first).seconds
    assert seconds >= sum(job.seconds for job in critical_path(jobs))
    assert all(seconds >= work(jobs, pool) / amount for pool, amount in pools.items())


@patient
@given(graphs())
def test_with_room_for_all_the_critical_path_alone_counts(jobs):
    room = {"gpu": LARGEST * len(jobs), "cores": LARGEST * len(jobs)}
    chain = critical_path(jobs)
    assert simulate(jobs, room).seconds == sum(job.seconds for job in chain)
    assert not chain[0].needs
    assert all(before.name in job.needs for before, job in pairwise(chain))


@patient
@given(graphs(largest=1), orders)
def test_where_there_is_one_of_a_pool_its_jobs_follow_one_another(jobs, longest_first):
    alone = [Job(job.name, job.seconds, {"gpu": 1}, job.needs) for job in jobs]
    seconds = simulate(alone, {"gpu": 1}, longest_first).seconds
    assert seconds == sum(job.seconds for job in jobs)


@patient
@given(graphs(largest=1), st.integers(1, 8), orders)
def test_grahams_bound_holds(jobs, gpus, longest_first):
    alone = [Job(job.name, job.seconds, {"gpu": 1}, job.needs) for job in jobs]
    path = sum(job.seconds for job in critical_path(alone))
    most = work(alone, "gpu") / gpus + (1 - 1 / gpus) * path
    assert simulate(alone, {"gpu": gpus}, longest_first).seconds <= most + 1e-9


def test_what_the_longest_chain_hangs_on_may_begin_first():
    jobs = [Job("short", 1, {"gpu": 1}), Job("first", 1, {"gpu": 1})]
    jobs.append(Job("long", 9, {"cores": 1}, ("first",)))
    one = {"gpu": 1, "cores": 1}
    assert simulate(jobs, one).seconds == 11
    assert simulate(jobs, one, longest_first=True).seconds == 10


def test_jobs_that_can_never_begin_are_named():
    with pytest.raises(ValueError, match="a takes 2 gpu, of 1"):
        simulate([Job("a", 1, {"gpu": 2})], {"gpu": 1})
    circle = [Job("a", 1, {"gpu": 1}, ("b",)), Job("b", 1, {"gpu": 1}, ("a",))]
    with pytest.raises(ValueError, match="never begin: a, b"):
        simulate(circle, {"gpu": 1})


HOUR = 3600
DAYS = Profile(3, {"train": 1440, "separate": "min(360 * attempt, 600)"})


def test_a_training_takes_as_many_attempts_as_its_time_fills():
    times = (1, 24, 25, 48, 72, 73)
    assert [DAYS.needed("train", hours * HOUR) for hours in times] == [1, 1, 2, 2, 3, None]


def test_a_separation_goes_on_with_the_song_that_the_attempt_before_did_not_finish():
    # Attempts of 6, 10 and 10 h: one song of 4 h, then two, then two.
    songs = {count: DAYS.needed("separate", 4 * count * HOUR, 4 * HOUR) for count in range(1, 7)}
    assert songs == {1: 1, 2: 2, 3: 2, 4: 3, 5: 3, 6: None}


def test_a_song_longer_than_any_attempt_is_never_separated():
    assert DAYS.needed("separate", 11 * HOUR, 11 * HOUR) is None


def test_the_profile_of_the_project_can_be_read():
    profile = Profile.read()
    assert profile.attempts > 1
    assert [profile.limit(rule, 1) > 0 for rule in ("train", "separate", "score")] == [True] * 3
