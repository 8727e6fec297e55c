"""Files that are built in memory."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from shapebias.store.group_writer import file_image


@pytest.mark.parametrize("version", [(1, 14, 6), h5py.version.hdf5_version_tuple])
def test_a_file_that_is_built_in_memory_can_be_opened_whatever_the_version_of_hdf5(version, monkeypatch, tmp_path):
    """Before HDF5 2.0 images of open files have a wrong checksum, so there a file is closed first."""
    monkeypatch.setattr(h5py.version, "hdf5_version_tuple", version)
    image = file_image(lambda root: root.write_array("numbers", np.array([1, 2, 3])))
    (tmp_path / "a.h5").write_bytes(image.data)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["numbers"][:].tolist() == [1, 2, 3]
