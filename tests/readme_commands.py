"""The README's commands on real images: each runs once in a session, and tests share what it printed and stored."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner
from lay_out_data import lay_out

from shapebias.cli import main
from shapebias.plugins.catalog import default_catalog

DATA = "../shared/data"
MODELS = f"{DATA}/decisions/models"
# What the README and the pages call by the reader's own names, or fetch, and where our copies are.
OURS = {
    "torchvision:squeezenet1_1": f"torchvision:squeezenet1_1,weights={DATA}/weights/imagenet/squeezenet1_1.safetensors",
    "-d cue-conflict ": f"-d cue-conflict=cue-conflict:{DATA}/cue-conflict ",
    "folder:photos,": f"folder:{DATA}/photos-imagenet,",
    "checkpoint=mobilenetv2.safetensors": f"checkpoint={DATA}/weights/imagenet/mobilenetv2_100.safetensors",
    "folder:cifar10 ": f"folder:{DATA}/cifar10-lossless ",
    "resnet20:standard.safetensors": f"resnet20:{DATA}/weights/cifar10/resnet20_standard.safetensors",
    "resnet2b2:adversarial.safetensors": f"resnet2b2:{DATA}/weights/cifar10/resnet2b2_sadv8.safetensors",
    "weights=microast": f"weights={DATA}/weights/microast",
    "styles=textures": f"styles={DATA}/textures",
    "decisions humans": f"decisions {DATA}/decisions/humans",
    "/humans models": f"/humans {MODELS}",
    "/humans resnet50.csv": f"/humans {MODELS}/style-transfer-512-nomask-experiment_resnet50_session-1.csv",
    "decisions benchmark": f"decisions {DATA}/decisions/benchmark",
}

__all__ = ["README", "ROOT", "RealRuns", "commands", "invoke", "with_our_data"]

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands():
    """Yield each `shapebias` command with the lines that the README shows below it."""
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for entry in block.split("$ ")[1:]:
            command, *shown = entry.strip().splitlines()
            command = with_our_data(command)
            if command.startswith("shapebias"):
                yield command, shown


def with_our_data(command, data_dir=DATA):
    """Return a reader's command with our copies of images, weights and answers."""
    for theirs, ours in OURS.items():
        command = command.replace(theirs, ours)
    return command.replace(DATA, str(data_dir))


def invoke(command):
    """Return what a command prints."""
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output
    return result.stdout


@attrs.define
class RealRuns:
    """Commands on real images, run in one folder where published data sets are known by their names."""

    data_dir: Path
    folder: Path
    _printed: dict[str, str] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self):
        lay_out(self.data_dir, self.folder / "data")

    def printed(self, command):
        """Return what the command prints, which runs when it is first asked for."""
        if command not in self._printed:
            here = command.replace("../shared/data", str(self.data_dir))
            with pytest.MonkeyPatch.context() as patched:
                patched.chdir(self.folder)
                patched.setenv("SHAPEBIAS_DATA", str(self.folder / "data"))
                patched.setenv("SHAPEBIAS_PLUGINS_DIR", "")  # taken back afterwards, whatever a command adds
                default_catalog.cache_clear()
                self._printed[command] = invoke(here.replace("examples/plugins", str(ROOT / "examples/plugins")))
            default_catalog.cache_clear()
        return self._printed[command]

    def store(self, name):
        """Return the store that the README's command with ``-o NAME`` leaves."""
        (command,) = (command for command, _ in commands() if command.endswith(f"-o {name}") and "../shared" in command)
        self.printed(command)
        return self.folder / name
