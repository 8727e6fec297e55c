"""A user's own defaults: read from a file, behind options and the environment."""

from __future__ import annotations

import pytest


@pytest.fixture
def config(tmp_path, monkeypatch):
    path = tmp_path / "own.toml"
    monkeypatch.setenv("SHAPEBIAS_CONFIG", str(path))
    monkeypatch.delenv("SHAPEBIAS_DATA", raising=False)
    return path


def rows(text):
    return {line.split()[0]: line for line in text.partition("\n\n")[0].splitlines()[1:]}


def test_each_setting_says_where_it_comes_from(cli, config, monkeypatch):
    assert "(does not exist)" in cli("config").stdout
    assert all("default" in line for line in rows(cli("config").stdout).values())
    config.write_text('device = "cuda:7"\ndata = "/my/data"\n')
    shown = rows(cli("config").stdout)
    assert shown["device"].split()[1:4] == ["cuda:7", "your", "file"]
    assert "/my/data" in shown["data"]
    assert "default" in shown["workers"]
    monkeypatch.setenv("SHAPEBIAS_DATA", "/other")
    assert rows(cli("config").stdout)["data"].split()[1:3] == ["/other", "$SHAPEBIAS_DATA"]


def test_commands_take_the_defaults_and_options_go_before_them(cli, config):
    config.write_text('device = "nowhere"\nworkers = 1\n')
    arguments = ["run", "-q", "-d", "stimuli:images=8,size=32", "-m", "cnn:num_classes=8", "-o", "run.h5"]
    refused = cli(*arguments)
    assert refused.exit_code == 2
    assert "nowhere" in refused.stderr
    assert cli(*arguments, "--device", "cpu").exit_code == 0


def test_data_are_looked_for_there(cli, config, tmp_path):
    config.write_text(f'data = "{tmp_path}/published"\n')
    assert f"Data folder: {tmp_path}/published" in " ".join(cli("fetch", "--list").stdout.split())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('devise = "cpu"', "devise: unknown name; did you mean 'device'?"),
        ("workers = 0", "workers is 0; give a whole number of at least 1"),
        ("workers = true", "workers is True"),
        ("device", "cannot be read as TOML"),
    ],
)
def test_a_mistake_is_said_with_the_file(cli, config, content, said):
    config.write_text(content)
    result = cli("config")
    assert result.exit_code == 2
    assert said in result.stderr
    assert str(config) in result.stderr
