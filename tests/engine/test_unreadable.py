"""Images that cannot be read fail for themselves alone; the others have the answers that they have without them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import shapebias as sb
from shapebias.cli import main


@pytest.fixture
def photos(tmp_path):
    """Return the folder of twelve pictures of two classes."""
    for position in range(12):
        path = tmp_path / f"photos/{'ab'[position % 2]}/{position:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(position).integers(0, 256, (16, 16, 3), np.uint8)).save(path)
    return tmp_path / "photos"


def answers(results):
    return {
        (view.condition, name): scores
        for view in results.answers()
        for name, scores in zip(view.ids, view.logits, strict=True)
    }


# The first image gives the size of all, the sixth begins a class.
@pytest.mark.parametrize("broken", ["a/00.png", "b/05.png"])
@pytest.mark.parametrize("options", ["", ",size=16"])
def test_all_but_the_broken_image_have_their_answers(photos, tmp_path, broken, options):
    study = sb.Study(f"folder:{photos}{options}", "cnn:num_classes=2,width=2", ["clean", "saturate:p=8"], "gradient")
    whole = answers(sb.run(study, tmp_path / "whole.h5"))
    content = (photos / broken).read_bytes()
    (photos / broken).write_bytes(b"x" * len(content))
    results = sb.run(study, tmp_path / "run.h5", batch_size=4)
    found = answers(results)
    assert whole.keys() - found.keys() == {("clean", broken), ("saturate:p=8", broken)}
    assert all(np.allclose(found[key], whole[key], atol=1e-5) for key in found)
    assert [len(view.ids) for view in results.maps()] == [11, 11]
    assert len(results.failures) == 4
    assert all(
        len(failure.rows) == 1 and f"{broken} cannot be decoded" in failure.error for failure in results.failures
    )
    results.close()

    (photos / broken).write_bytes(content)
    again = sb.run(study, tmp_path / "run.h5")
    assert not again.failures
    assert all(np.allclose(scores, answers(again)[key], atol=1e-5) for key, scores in whole.items())


def test_an_image_whose_partner_is_broken_fails_with_it(photos, tmp_path):
    study = sb.Study(f"folder:{photos}", "cnn:num_classes=2,width=2", ["amplitude-swap"])
    whole = answers(sb.run(study, tmp_path / "whole.h5"))
    (photos / "a/04.png").write_bytes(b"broken")
    results = sb.run(study, tmp_path / "run.h5", replace=True)
    found = answers(results)
    lost = {name for _, name in whole.keys() - found.keys()}
    assert "a/04.png" in lost
    assert len(lost) < 12
    (failure,) = results.failures
    assert len(failure.rows) == len(lost)
    assert all(np.allclose(found[key], whole[key], atol=1e-5) for key in found)


def test_no_image_that_can_be_read_fails_every_cell_in_words(photos):
    for path in photos.rglob("*.png"):
        path.write_bytes(b"broken")
    results = sb.run(sb.Study(f"folder:{photos}", "cnn:num_classes=2,width=2"), photos.parent / "run.h5")
    (failure,) = results.failures
    assert "a/00.png cannot be decoded" in failure.error


def test_the_command_names_the_image_and_its_status_is_1(photos, tmp_path):
    from click.testing import CliRunner

    (photos / "a/04.png").write_bytes(b"broken")
    arguments = ["run", "-d", f"folder:{photos}", "-m", "cnn:num_classes=2,width=2", "-o", str(tmp_path / "run.h5")]
    for _ in range(2):  # the second run tries the one image again
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 1
        assert "a/04.png cannot be decoded" in result.stderr
        assert " 11 " in result.stdout
