"""Lists of what can be fetched, and messages offline."""

from __future__ import annotations


def test_the_list_says_what_is_here(cli, tmp_path):
    (tmp_path / "here/imagenet-a/n01440764").mkdir(parents=True)
    (tmp_path / "here/imagenet-a/n01440764/a.jpg").write_bytes(b"x")
    lines = cli("fetch", "--list", "--to", tmp_path / "here").stdout.splitlines()
    (row,) = (line for line in lines if line.startswith("imagenet-a "))
    assert "688 MB" in row
    assert "1 of 7,500 images" in row
    (source,) = (line for line in lines if line.startswith(row.split()[-1]))
    assert "MIT" in source
    assert "publisher's MD5" in source
    assert "github.com/hendrycks" in source
    assert sum(line.startswith("model-vs-human:") for line in lines) == 17


def test_what_cannot_be_fetched_is_said(cli, tmp_path):
    done = cli("fetch", "imagenet-val", "--to", tmp_path)
    assert done.exit_code == 2
    assert "log in at https://image-net.org" in done.stderr
    assert str(tmp_path / "imagenet-val") in done.stderr
    assert "did you mean 'silhouettes'?" in cli("fetch", "silhouete").stderr
    assert "name what to fetch, or give --list" in cli("fetch").stderr


def test_what_is_here_is_not_fetched(cli, tmp_path):
    for name in "ab":
        (tmp_path / "imagenet-val/n01440764").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"imagenet-val/n01440764/{name}.jpg").write_bytes(b"x")
    done = cli("fetch", "imagenet-val", "--to", tmp_path)
    assert f"imagenet-val: 2 of 50,000 images in {tmp_path}" in done.stdout
    assert f"SHAPEBIAS_DATA={tmp_path}" in done.stdout
