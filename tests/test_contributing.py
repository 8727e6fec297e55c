"""What CONTRIBUTING.md tells newcomers works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TO_BE_WRITTEN = {"shapebias/transforms/posterize.py"}


def test_the_plugin_of_the_recipe_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "my_plugins").mkdir()
    (tmp_path / "my_plugins" / "posterize.py").write_text(code)
    show, run = re.findall(r"^\$ shapebias (.*)$", PAGE, re.MULTILINE)
    run = run.replace("stimuli:cue=conflict", "stimuli:images=8,size=32").replace("cnn:num_classes=8", "cnn:8,width=4")
    for arguments in (show, run):
        command = [sys.executable, "-m", "shapebias", *arguments.split()]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "posterize:levels=" in done.stdout


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:shapebias|docs)/[\w/.]*)`", PAGE)) - TO_BE_WRITTEN))
def test_every_path_that_is_named_exists(path):
    assert (PROJECT / path).exists()


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:\$ |`)(?:PYTHON=\S+ )?make ([a-z-]+)", PAGE)) <= targets
