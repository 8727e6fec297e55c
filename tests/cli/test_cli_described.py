"""What ``show`` says in a new process, where PyTorch is not imported, against what it says where it is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="without fork, PyTorch is imported")

# Their files have decorators and base classes of PyTorch.
COMPONENTS = ["pgd", "grad-cam", "planted"]

# Its default needs PyTorch while the file is imported.
COMPUTED = """
import attrs
import torch
from shapebias.plugin import TransformSpec, hookimpl, param

@attrs.frozen
class Computed:
    bits: int = param("bits of a number", default={default})

@hookimpl
def shapebias_transforms():
    yield TransformSpec("computed", "{module}:Computed")
"""


def in_a_new_process(code, **environment):
    """Run code, and return what it prints and whether PyTorch was imported at the end."""
    code += "\nimport sys\nprint('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    shown, _, imported = done.stdout.rstrip().rpartition("\n")
    return shown, imported == "True"


def test_it_says_the_same_without_pytorch(cli):
    code = f"from shapebias.cli import main\nfor name in {COMPONENTS}: main(['show', name], standalone_mode=False)"
    shown, imported = in_a_new_process(code)
    assert shown == "".join(cli("show", name).stdout for name in COMPONENTS).rstrip()
    assert not imported


@pytest.mark.parametrize("default", ["torch.bits + 1", "25 if torch.bits else 0"])
def test_pytorch_is_imported_where_it_is_used(tmp_path, default):
    (tmp_path / "torch.py").write_text("bits = 24\n")  # quick to import
    (tmp_path / "computing.py").write_text(COMPUTED.format(default=default, module="computing"))
    code = (
        "from shapebias.cli._described import describe_spec\n"
        "from shapebias.plugin import TransformSpec\n"
        "print(describe_spec(TransformSpec('computed', 'computing:Computed')).parameters[0].default)"
    )
    assert in_a_new_process(code, PYTHONPATH=str(tmp_path)) == ("25", True)
