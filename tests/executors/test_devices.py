import json
import subprocess
import sys
from collections import Counter

import pytest

from tests.small import config_of
from tuner.errors import TunerError
from tuner.executors.choice import local_workers, one_worker, sole_worker
from tuner.executors.devices import NO_DEVICE, deal, gpu_ids, room_on, shaped_as, shaping, worker_environment
from tuner.executors.ray_cluster import room_in


@pytest.mark.parametrize(
    ("bound", "ids"),
    [("0,1", ("0", "1")), ("GPU-ab, 2", ("GPU-ab", "2")), ("", ()), ("-1", ()), ("1,-1,0", ("1",))],
)
def test_the_devices_are_those_that_the_environment_leaves(bound, ids):
    assert gpu_ids({"CUDA_VISIBLE_DEVICES": bound}) == ids


def test_a_quarter_of_a_device_seats_four_workers_on_each_and_they_go_round():
    assert room_on(2, 0.25) == 8
    assert deal(("0", "1"), 0.25, 3) == ("0", "1", "0")
    assert Counter(deal(("0", "1"), 0.25, 8)) == {"0": 4, "1": 4}


@pytest.mark.parametrize(("share", "workers"), [(1.0, 3), (0.5, 6), (0.34, 6), (1 / 3, 9), (0.1, 30)])
def test_no_device_is_given_to_more_workers_than_its_shares(share, workers):
    assert room_on(3, share) == workers
    dealt = Counter(deal(("a", "b", "c"), share, workers))
    assert len(dealt) == 3
    assert max(dealt.values()) * share <= 1 + 1e-9


def test_without_a_share_no_worker_sees_a_device():
    assert deal((), 0.0, 2) == (NO_DEVICE, NO_DEVICE)


def test_a_process_sees_the_device_that_it_is_dealt_and_shares_its_memory():
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    given = worker_environment({"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "0,1"}, "1")
    told = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, check=True).stdout
    seen = json.loads(told)
    assert (seen["CUDA_VISIBLE_DEVICES"], seen["TF_FORCE_GPU_ALLOW_GROWTH"], seen["PATH"]) == (
        "1",
        "true",
        "/bin",
    )


def test_a_worker_elsewhere_has_the_threads_and_kernels_of_one_here():
    here = {"OMP_NUM_THREADS": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "PATH": "/here"}
    there = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "8", "PATH": "/there", "RAY_JOB_ID": "01"}
    assert shaped_as(there, shaping(here)) == {
        "OMP_NUM_THREADS": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "PATH": "/there",
        "RAY_JOB_ID": "01",
    }


@pytest.mark.parametrize(
    ("cpus", "gpus", "room"),
    [(1, 0.0, 14), (3, 0.0, 3), (1, 1.0, 3), (1, 0.25, 10), (1, 0.5, 6), (9, 0.0, 0)],
)
def test_a_cluster_has_room_for_as_many_workers_as_its_nodes_have_cores_and_devices_for(cpus, gpus, room):
    nodes = [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 2.0, "GPU": 1.0}, {"CPU": 4.0}, {"memory": 1e9}]
    assert room_in(nodes, cpus, gpus) == room


@pytest.mark.parametrize("make", [lambda config: local_workers(config, None), one_worker, sole_worker])
def test_a_study_that_asks_for_a_gpu_is_refused_where_there_is_none(tmp_path, monkeypatch, make):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    config = config_of(tmp_path, resources={"gpus": 0.25})
    with pytest.raises(
        TunerError, match=r"small.yaml:\d+: resources.gpus: 0.25, but no GPU is to be seen here"
    ):
        make(config)


def test_what_a_worker_takes_does_not_make_another_study(tmp_path):
    one, other = config_of(tmp_path), config_of(tmp_path, resources={"cpus": 2, "gpus": 1})
    assert one.canonical() == other.canonical()
