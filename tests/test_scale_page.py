"""The scripts of the page on scale run as they are printed: an array of jobs, and one process for each GPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import shapebias as sb

PAGE = (Path(__file__).parents[1] / "docs" / "scale.md").read_text(encoding="utf-8")
ARRAY, GPUS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
(MERGE,) = re.findall(r"^\$ (shapebias merge .*)$", PAGE, re.MULTILINE)
COUNT = 3

# SLURM starts the script once for each number of the array.
SLURM = """
for SLURM_ARRAY_TASK_ID in 1 2 3; do
  export SLURM_ARRAY_TASK_ID SLURM_ARRAY_TASK_COUNT=3
  sh job.sh || exit 1
done
"""
GPU_LIST = '#!/bin/sh\nfor i in 0 1 2; do echo "GPU $i: NVIDIA A100"; done\n'
RECORDER = '#!/bin/sh\necho "${CUDA_VISIBLE_DEVICES:--} $*" >> calls\n'
REAL = f"""#!/bin/sh
[ "$1" = run ] && set -- "$@" --device cpu --quiet
exec "{sys.executable}" -m shapebias "$@"
"""


@pytest.fixture
def run(tmp_path):
    """A function that runs a script in an empty folder where ``shapebias`` is one that it is given."""
    tools = tmp_path / "tools"
    tools.mkdir()

    def run_script(script, shapebias):
        for name, code in {"shapebias": shapebias, "nvidia-smi": GPU_LIST}.items():
            (tools / name).write_text(code, encoding="utf-8")
            (tools / name).chmod(0o755)
        (tmp_path / "job.sh").write_text(ARRAY, encoding="utf-8")
        known = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
        environment = {**known, "PATH": f"{tools}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
        subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=environment, check=True)  # noqa: S607

    return run_script


def shards(devices):
    """Return the calls that the scripts must make, each with the GPU that it sees."""
    return [f"{device} run study.toml --shard {n}/{COUNT} -o run-{n}.h5" for n, device in enumerate(devices, start=1)]


def test_a_job_of_the_array_takes_its_own_share(run, tmp_path):
    run(SLURM, RECORDER)
    assert (tmp_path / "calls").read_text().splitlines() == shards("---")


def test_each_gpu_has_a_process_and_the_last_step_joins_their_files(run, tmp_path):
    for number in range(1, COUNT + 1):
        (tmp_path / f"run-{number}.h5").touch()
    run(GPUS, RECORDER)
    *calls, merge = (tmp_path / "calls").read_text().splitlines()
    assert sorted(calls) == shards("012")
    assert merge == "- merge run-1.h5 run-2.h5 run-3.h5 -o run.h5"


@pytest.mark.slow
@pytest.mark.parametrize("script", [f"{SLURM}\n{MERGE}", GPUS], ids=["array", "gpus"])
def test_three_processes_make_the_file_of_one(script, run, tmp_path):
    network = "cnn:num_classes=8,width=2,depth=2"
    models = {f"net-{seed}": f"{network},seed={seed}" for seed in range(4)}
    study = sb.Study("stimuli:cue=conflict,images=24,size=32", models, ["clean", "patch-shuffle:k=2"], "gradient")
    (tmp_path / "study.toml").write_text(study.to_toml(), encoding="utf-8")
    run(script, REAL)
    with sb.open(tmp_path / "run.h5") as found, sb.run(study, tmp_path / "usual.h5", device="cpu") as usual:
        assert [cell.record for cell in found.store.cells()] == [cell.record for cell in usual.store.cells()]
        for cell, wanted in zip(found.store.cells(), usual.store.cells(), strict=True):
            for name in cell.names:
                np.testing.assert_array_equal(cell.array(name), wanted.array(name))
