"""The study of photographs: its recipe, its script and its study file work together, here on small stand-ins."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import shapebias as sb
from shapebias.training.recipe import Recipe

CLASSES = [
    "n01440764", "n02102040", "n02979186", "n03000684", "n03028079",
    "n03394916", "n03417042", "n03425413", "n03445777", "n03888257",
]  # fmt: skip
SMALL = (
    "-m",
    "cnn:num_classes=10,width=4,depth=2",
    "--epochs",
    3,
    "--validation",
    0.34,
    "--precision",
    "float32",
    "-q",
)


@pytest.fixture
def data(tmp_path, photographs):
    """Lay out noise as the photographs are."""
    for part, count in (("train", 6), ("val", 2)):
        folder = tmp_path / part
        photographs(
            {folder / wnid / f"{n}.png": position for position, wnid in enumerate(CLASSES) for n in range(count)}, 72
        )
    return tmp_path


def test_the_script_trains_the_four_networks_that_the_study_compares(cli, commands_of, shortened, data):
    commands = commands_of("examples/imagenette/train.sh", "imagenette", 0)
    train = f"folder:{data}/train,size=64"
    for command in commands:
        cli(*command, *SMALL, "-d", train)
    assert sorted(path.name for path in (data / "imagenette").iterdir() if path.suffix != ".lock") == [
        "l2-0.safetensors", "linf-0.safetensors", "matched-0.safetensors", "standard-0.safetensors",
    ]  # fmt: skip

    study = (data / "examples/imagenette/study.toml").read_text()
    study = study.replace("../shared/data/imagenette96/val", f"{data}/val")
    models = sb.Study.from_toml(study).models
    assert sorted(model.title for model in models) == ["l2", "linf", "matched", "standard"]
    assert all(f"imagenette/{model.title}-0.safetensors" == str(model.settings.file) for model in models)
    (data / "study.toml").write_text(shortened(study, "standard"))
    cli("run", "study.toml", "--limit", 4, "-o", "run.h5")
    with sb.open(data / "run.h5") as results:
        assert not results.failures
        assert {(answers.model, len(answers.ids)) for answers in results.answers()} == {("standard", 4)}


def test_each_seed_has_its_own_weights_images_to_validate_and_files(commands_of, cli):
    """The model's own text is what the recipe says."""
    commands = commands_of("examples/imagenette/train.sh", "nets", 0, 7)
    model = tomllib.loads(Path("examples/imagenette/recipe.toml").read_text())["model"]
    assert len(commands) == 8
    for command, seed in zip(commands, [0] * 4 + [7] * 4, strict=True):
        options = dict(zip(command[2::2], command[3::2], strict=True))
        assert options["-m"] == f"{model},seed={seed}"
        assert options["--seed"] == str(seed)
        assert options["-o"].startswith("nets/")
        assert options["-o"].endswith(f"-{seed}.safetensors")
        assert options.get("--match", f"nets/linf-{seed}.safetensors") == f"nets/linf-{seed}.safetensors"


def test_one_line_of_each_file_makes_it_the_whole_of_imagenette(data, cli):
    recipe = (data / "examples/imagenette/recipe.toml").read_text()
    study = (data / "examples/imagenette/study.toml").read_text()
    for text, key, read in ((recipe, "dataset", Recipe.from_toml), (study, "test", sb.Study.from_toml)):
        used, whole = f'\n{key} = "folder:', f"# The whole of Imagenette: {key} = "
        (line,) = [line for line in text.splitlines() if line.startswith(whole)]
        lines = [line.partition(": ")[2] if f"\n{old}".startswith(used) else old for old in text.splitlines()]
        changed = read("\n".join(lines))
        dataset = changed.dataset if key == "dataset" else changed.datasets[0]
        assert dataset.settings.name == "Imagenette"
        assert dataset.settings.size == 64


def test_the_photographs_are_those_of_the_recipe_and_the_study(data_dir):
    from shapebias.datasets.folder import Folder

    train, test = (Folder(data_dir / "imagenette96" / part, size=64) for part in ("train", "val"))
    assert (len(train), len(test), train.classes) == (7000, 1000, test.classes)
    assert list(train.classes) == CLASSES
    assert train[0].image.shape == (64, 64, 3)
