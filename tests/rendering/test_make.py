"""Copies of data sets as images: the pixels of a study, read back as they were, whatever befalls the process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

import shapebias as sb
from shapebias.datasets.folder import Folder
from shapebias.datasets.stimuli import Stimuli
from shapebias.errors import DataError, PluginError, StoreError, StudyError
from shapebias.rendering import dataset_writer as copying
from shapebias.rendering.dataset_writer import _safe
from shapebias.store.locking import WriterLock

STIMULI = "stimuli:cue=conflict,images=16,size=32"
CHAIN = "phase-noise+saturate:p=3"


def digests(folder):
    """Hash everything in a folder but the manifest."""
    files = [path for path in Path(folder).rglob("*") if path.is_file() and path.name != "manifest.json"]
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


def read_back(folder):
    return Folder(folder, labels="manifest.json")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return sb.make(STIMULI, CHAIN, tmp_path_factory.mktemp("made") / "copy", seed=3)


@pytest.fixture
def photos(tmp_path):
    """Return a folder of eight photos in two classes."""
    for number in range(8):
        path = tmp_path / "photos" / ("cat" if number < 4 else "dog") / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (24, 20, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    return tmp_path / "photos"


def test_the_pixels_are_those_of_a_study_rounded_to_8_bits(made, network, tmp_path):
    study = sb.Study(STIMULI, {"net": network}, CHAIN, seed=3, keep_images=True)
    shown = sb.run(study, tmp_path / "run.h5").images()
    back = np.stack([sample.image for sample in read_back(made.folder)])
    assert np.array_equal(back, np.rint(shown * 255).transpose(0, 2, 3, 1))


def test_a_study_of_the_copy_answers_as_the_study_of_the_transform(made, network, tmp_path):
    fly = sb.run(sb.Study(STIMULI, {"net": network}, CHAIN, seed=3, keep_images=True), tmp_path / "fly.h5")
    copy = sb.run(sb.Study(f'folder:"{made.folder}",labels=manifest.json', {"net": network}), tmp_path / "copy.h5")
    (first,), (second,) = fly.answers(), copy.answers()
    for name in ("classes", "ids"):
        assert list(getattr(first, name)) == list(getattr(second, name))
    for name in ("labels", "shape_labels", "texture_labels"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    rounded = torch.from_numpy(np.rint(fly.images() * 255) / np.float32(255))
    with torch.no_grad():
        expected = sb.Classifier(network.eval(), classes=None).logits(rounded)
    assert np.allclose(second.logits, expected, atol=1e-5)
    margins = np.diff(np.sort(first.logits)[:, -2:])[:, 0]
    moved = np.abs(first.logits - second.logits).max()
    assert np.array_equal(first.prediction[margins > 2 * moved], second.prediction[margins > 2 * moved])
    assert (margins > 2 * moved).mean() > 0.5


def test_the_manifest_says_what_the_images_are(made):
    content = json.loads((made.folder / "manifest.json").read_text())
    assert content["dataset"] == "stimuli:cue=conflict,images=16,size=32,contrast=0.12,seed=0"
    assert (content["condition"], content["seed"]) == ("phase-noise:max_shift=1+saturate:p=3", 3) or content[
        "seed"
    ] == 3
    assert sb.Condition.parse(content["condition"]) == sb.Condition.parse(CHAIN)
    assert content["classes"] == list(Stimuli().classes)
    assert content["failures"] == {}
    assert content["versions"]["torch"] == torch.__version__
    originals = Stimuli("conflict", images=16, size=32)
    for row, image in enumerate(content["images"]):
        original = originals[row]
        assert (image["row"], image["id"], image["label"]) == (row, original.id, original.label)
        assert (image["shape"], image["texture"]) == (original.shape, original.texture)
        assert image["sha256"] == sha256((made.folder / image["file"]).read_bytes()).hexdigest()
    assert set(digests(made.folder)) == {image["file"] for image in content["images"]}


def test_class_folders_are_kept_and_read_by_everybody(photos, tmp_path):
    made = sb.make(f'folder:"{photos}"', "clean", tmp_path / "copy")
    theirs = torchvision.datasets.ImageFolder(tmp_path / "copy")
    ours = Folder(photos)
    assert theirs.classes == ["cat", "dog"]
    assert [image.file for image in made.manifest.images] == [
        *(f"cat/{number}.png" for number in range(4)),
        *(f"dog/{number}.png" for number in range(4, 8)),
    ]
    for original, copy, (image, label) in zip(ours, Folder(tmp_path / "copy"), theirs, strict=True):
        assert original.label == copy.label == label
        assert np.array_equal(original.image, copy.image)
        assert np.array_equal(original.image, image)


def test_the_masks_of_a_folder_fit_its_copy(photos, tmp_path):
    for number, path in enumerate(sorted(photos.rglob("*.jpg"))):
        mask = tmp_path / "masks" / path.relative_to(photos).with_suffix(".png")
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(number).random((24, 20)) < 0.5).save(mask)
    sb.make(f'folder:"{photos}"', "grayscale", tmp_path / "copy")
    originals = Folder(photos, masks=tmp_path / "masks")
    copies = Folder(tmp_path / "copy", labels="manifest.json", masks=tmp_path / "masks")
    assert all(np.array_equal(one.mask, other.mask) for one, other in zip(originals, copies, strict=True))
    assert originals[0].mask.any()


def test_labels_of_a_table_become_class_folders(photos, tmp_path):
    rows = [
        f"{path.relative_to(photos).as_posix()},{position % 3}"
        for position, path in enumerate(sorted(photos.rglob("*.jpg")))
    ]
    (photos / "labels.csv").write_text("\n".join(["file,label", *rows]))
    sb.make(f'folder:"{photos}",labels=labels.csv', "clean", tmp_path / "copy")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir() if path.is_dir()) == ["0", "1", "2"]
    assert Folder(tmp_path / "copy").classes == read_back(tmp_path / "copy").classes == ("0", "1", "2")


def test_images_whose_names_differ_in_their_ending_alone_share_no_file(photos, tmp_path):
    shutil.copy(photos / "cat/0.jpg", photos / "cat/0.png")
    Image.new("RGB", (20, 24)).save(photos / "cat/0.png")
    made = sb.make(f'folder:"{photos}"', "clean", tmp_path / "copy")
    assert len({image.file.casefold() for image in made.manifest.images}) == 9
    assert all(
        np.array_equal(a.image, b.image) for a, b in zip(Folder(photos), read_back(tmp_path / "copy"), strict=True)
    )


def test_class_names_cannot_leave_the_folder():
    assert [_safe(name) for name in ("a/b", "..", ".hidden", "C:\\x", "tab\tline\n", "übel 1", "")] == [
        "a-b", "-", "hidden", "C--x", "tab-line-", "übel 1", "-",
    ]  # fmt: skip


def test_an_image_that_cannot_be_read_is_reported_and_the_others_are_made(photos, tmp_path):
    (photos / "dog/5.jpg").write_bytes(b"no picture")
    made = sb.make(f'folder:"{photos}"', "grayscale", tmp_path / "copy", batch_size=3)
    assert list(made.manifest.failures) == [5]
    assert "dog/5.jpg cannot be decoded as an image" in made.manifest.failures[5]
    assert [image.row for image in made.manifest.images] == [0, 1, 2, 3, 4, 6, 7]
    assert json.loads((tmp_path / "copy/manifest.json").read_text())["failures"] == {"5": made.manifest.failures[5]}
    again = sb.make(f'folder:"{photos}"', "grayscale", tmp_path / "copy", limit=1)
    assert list(again.manifest.failures) == [5]  # still, though it was not asked for


# Continuing.


def test_what_is_there_is_kept_and_what_is_gone_or_damaged_is_made_again(made, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(made.folder, folder)
    expected = digests(folder)
    first, second, third, *others = (folder / image.file for image in made.manifest.images)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-20])
    kept = {path: path.stat().st_mtime_ns for path in (third, *others)}
    again = sb.make(STIMULI, CHAIN, folder, seed=3)
    assert again.new == 2
    assert digests(folder) == expected
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert again.manifest == made.manifest
    before = (folder / "manifest.json").stat().st_mtime_ns
    assert sb.make(STIMULI, CHAIN, folder, seed=3).new == 0
    assert (folder / "manifest.json").stat().st_mtime_ns == before


def test_more_images_are_added_to_fewer(made, tmp_path):
    few = sb.make(STIMULI, CHAIN, tmp_path / "copy", seed=3, limit=4)
    assert [image.row for image in few.manifest.images] == [0, 4, 8, 12]
    rest = sb.make(STIMULI, CHAIN, tmp_path / "copy", seed=3, batch_size=5, workers=3)
    assert (rest.new, rest.manifest) == (12, made.manifest)


def test_a_folder_of_something_else_is_refused_and_left_alone(made, tmp_path):
    before = digests(made.folder)
    for arguments, seed, reason in [
        ((STIMULI, "grayscale"), 3, r"condition was phase-noise:.*, now grayscale"),
        ((STIMULI, CHAIN), 4, "seed was 3, now 4"),
        (("stimuli:images=16,size=32", CHAIN), 3, "dataset was stimuli:cue=conflict,.*, now stimuli:cue=match"),
    ]:
        with pytest.raises(StudyError, match=f"of another copy:\n  {reason}(.|\n)*choose another folder"):
            sb.make(*arguments, made.folder, seed=seed)
    assert digests(made.folder) == before
    (tmp_path / "thesis.txt").write_text("of somebody")
    with pytest.raises(DataError, match="has files that shapebias did not write; choose a new folder, or an empty one"):
        sb.make(STIMULI, CHAIN, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_data_set_that_changed_since_is_noticed(photos, tmp_path):
    sb.make(f'folder:"{photos}"', "clean", tmp_path / "copy", limit=2)
    Image.new("RGB", (20, 24)).save(photos / "cat/new.jpg")
    with pytest.raises(StudyError, match="dataset its content changed since"):
        sb.make(f'folder:"{photos}"', "clean", tmp_path / "copy")


RUNS = """
import json, os, signal, sys, threading
from shapebias.cli import main
from shapebias.engine import runner
from shapebias.study import as_conditions, as_datasets

command = json.loads(sys.argv[1])
as_datasets(command[1]), as_conditions(command[3]), runner.versions()  # imported once for all

def run(folder, deadly):
    # Die just before the files are touched for the n-th time.
    if (child := os.fork()) == 0:
        os.chdir(folder)
        count = 0
        lock = threading.Lock()

        def touch(event, details):
            nonlocal count
            if event in ("open", "os.rename", "os.remove") and "copy" in str(details[0]):
                with lock:
                    count += 1
                    if count == deadly:
                        os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(touch)
        status = 1
        try:
            main(command, prog_name="shapebias")
        except SystemExit as end:
            status = end.code or 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

for moment in json.loads(sys.argv[2]):
    os.makedirs(f"{moment}")
    print(json.dumps([moment, run(f"{moment}", moment), run(f"{moment}", 0)]))
"""


@pytest.mark.parametrize("moments", [[3, 40], pytest.param([1, 20, 52], marks=pytest.mark.slow)], ids=["few", "more"])
def test_killed_at_any_moment_it_goes_on_to_the_same_images(made, tmp_path, moments):
    command = ["make", STIMULI, "-c", CHAIN, "--seed", "3", "--batch-size", "2", "-q", "-o", "copy"]
    process = [sys.executable, "-c", RUNS, json.dumps(command), json.dumps(moments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(process, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    statuses = [json.loads(line) for line in done.stdout.splitlines()]
    assert statuses == [[moment, -signal.SIGKILL, 0] for moment in moments], done.stderr
    for moment in moments:
        folder = tmp_path / str(moment) / "copy"
        assert digests(folder) == digests(made.folder)
        assert read_back(folder).fingerprint == read_back(made.folder).fingerprint


# What goes wrong.


def test_what_cannot_be_made_is_refused(plugins, network, tmp_path, photos):
    folder = tmp_path / "copy"
    for error, arguments, message in [
        (StudyError, (STIMULI, "grayscale+pgd"), r"grayscale\+pgd.* attacks a model"),
        (DataError, (f'folder:"{photos}"', "masked"), "needs the mask"),
        (PluginError, (STIMULI, "raises"), "raises fails: ZeroDivisionError: on purpose"),
        (PluginError, (STIMULI, "leaves"), r"leaves returned pixels outside \[0, 1\]"),
    ]:
        with pytest.raises(error, match=message):
            sb.make(*arguments, folder)
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("limit", "batch_size", "workers"):
        with pytest.raises(StudyError, match=f"{name} is 0; give a whole number from 1 to"):
            sb.make(STIMULI, "clean", folder, **{name: 0})
    with pytest.raises(StudyError, match="seed is -1"):
        sb.make(STIMULI, "clean", folder, seed=-1)
    assert not folder.exists()


def test_a_new_texture_label_of_a_transform_is_the_image_s(plugins, tmp_path):
    made = sb.make(STIMULI, "relabel", tmp_path / "copy")
    assert {image.texture for image in made.manifest.images} == {3}
    assert {sample.texture for sample in read_back(tmp_path / "copy")} == {3}


def test_a_second_process_is_refused(tmp_path):
    with WriterLock(tmp_path / "copy"), pytest.raises(StoreError, match="copy is being written by another process"):
        sb.make(STIMULI, CHAIN, tmp_path / "copy")


def test_a_disk_that_refuses_ends_in_a_message_and_keeps_what_is_finished(made, tmp_path, monkeypatch):
    write, calls = copying._write, []

    def full(*arguments):
        calls.append(arguments)
        if len(calls) > 6:
            raise OSError(28, "No space left on device")
        return write(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(copying, "_write", full)
        with pytest.raises(
            StoreError, match=r"cannot be written: No space left on device; .* run the same command again"
        ):
            sb.make(STIMULI, CHAIN, tmp_path / "copy", seed=3, batch_size=2)
    again = sb.make(STIMULI, CHAIN, tmp_path / "copy", seed=3)
    assert again.new == 10
    assert again.manifest == made.manifest


def test_ctrl_c_keeps_what_is_finished(made, tmp_path):
    def stop(progress):
        if progress.done >= 6:
            raise KeyboardInterrupt

    with pytest.raises(sb.Interrupted, match="run the same command again to continue"):
        sb.make(STIMULI, CHAIN, tmp_path / "copy", seed=3, batch_size=2, progress=stop)
    assert sb.make(STIMULI, CHAIN, tmp_path / "copy", seed=3).new == 10


def test_progress_counts_every_image_also_one_that_cannot_be_read(photos, tmp_path):
    (photos / "dog/5.jpg").write_bytes(b"no picture")
    told = []
    sb.make(f'folder:"{photos}"', "grayscale", tmp_path / "copy", batch_size=3, progress=told.append)
    assert [(one.done, one.total) for one in told] == [(3, 8), (6, 8), (8, 8)]


def test_a_copy_whose_images_are_gone_is_refused_when_it_is_read(made, tmp_path):
    shutil.copytree(made.folder, tmp_path / "copy")
    gone = tmp_path / "copy" / made.manifest.images[2].file
    gone.unlink()
    with pytest.raises(DataError, match=rf"lists 1 images that are missing; make them again\n  .*{gone.name}"):
        len(read_back(tmp_path / "copy"))
