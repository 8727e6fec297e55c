"""A pickle that needs code is converted once, by its owner."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shapebias.errors import WeightsError
from shapebias.networks.convert import main
from shapebias.networks.weight_files import read_state_dict


class Whole(nn.Module):
    """A network that is pickled whole, so that reading it imports this class."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)


def test_one_of_two_networks_is_converted(tmp_path):
    teacher, source, target = Whole(), tmp_path / "nets.pt", tmp_path / "teacher.safetensors"
    torch.save({"student": Whole(), "teacher": teacher}, source)
    with pytest.raises(WeightsError, match=r"prefix=student\."):
        main([str(source), str(target), "--i-trust-this-file"])
    main([str(source), str(target), "--i-trust-this-file", "--prefix", "teacher."])
    assert torch.equal(read_state_dict(target)["teacher.fc.weight"], teacher.fc.weight)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_whole_network_becomes_its_weights(tmp_path, wrapped, capsys):
    network, source, target = Whole(), tmp_path / "net.pt", tmp_path / "net.safetensors"
    torch.save({"model": network, "epoch": 3} if wrapped else network, source)
    with pytest.raises(WeightsError, match=r"python -m shapebias\.networks\.convert"):
        read_state_dict(source)
    with pytest.raises(SystemExit):
        main([str(source), str(target)])
    assert "if you trust them" in capsys.readouterr().err
    assert not target.exists()
    main([str(source), str(target), "--i-trust-this-file"])
    assert torch.equal(read_state_dict(target)["fc.weight"], network.fc.weight)
