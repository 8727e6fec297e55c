"""What do two workers save?  CPU seconds of each worker beside those of one process, on a study that computes much.

    OMP_NUM_THREADS=1 python plugins/shapebias-ray/benchmarks/speedup.py [--models 4] [--images 64] [--steps 30]

Where other programs use the same cores, a clock says nothing.  On cores of their own, the workers end when the one with
the most CPU seconds does, so the speed-up is those of one process over these.  Starting the workers is not counted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import attrs

import shapebias as sb
from shapebias.plugin import default_catalog
from shapebias.runtime.progress import Progress

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@attrs.define
class Watch:
    """Notes the CPU seconds of the workers when they begin and when the last part is written.

    Args:
        executor: the running executor.
    """

    executor: object
    first: dict[int, float] = attrs.field(factory=dict)
    last: dict[int, float] = attrs.field(factory=dict)

    def __call__(self, progress: Progress) -> None:
        """Note them."""
        members = self.executor._pool.members  # noqa: SLF001 - our own
        self.last = {member.facts.pid: cpu_seconds(member.facts.pid) for member in members}
        self.first = self.first or self.last


def main() -> None:
    """Run the study here and with two workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    study = sb.Study(
        f"stimuli:cue=conflict,images={given.images},size=64",
        {f"net-{seed}": f"cnn:num_classes=8,width=8,seed={seed}" for seed in range(given.models)},
        ["clean", f"pgd:eps=8/255,steps={given.steps},keep=last"],
    )
    with tempfile.TemporaryDirectory() as folder:
        warm = sb.Study("stimuli:cue=conflict,images=8,size=64", "cnn:num_classes=8", ["clean", "pgd:steps=1"])
        sb.run(warm, Path(folder) / "warm.h5", device="cpu", workers=1).close()
        began = time.process_time()
        sb.run(study, Path(folder) / "here.h5", device="cpu", workers=1).close()
        here = time.process_time() - began
        executor = default_catalog().component("executor", f"ray:workers={given.workers}").settings.start()
        try:
            watch = Watch(executor)
            sb.run(study, Path(folder) / "ray.h5", device="cpu", workers=1, executor=executor, progress=watch).close()
        finally:
            executor.close()
    spent = [seconds - watch.first[pid] for pid, seconds in watch.last.items()]
    print(f"one process {here:.2f} s; workers {', '.join(f'{each:.2f}' for each in spent)} s")
    print(f"speed-up on cores of their own {here / max(spent):.2f}; {sum(spent) / here - 1:+.0%} in all")


if __name__ == "__main__":
    main()
