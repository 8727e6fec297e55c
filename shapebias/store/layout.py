"""The layout of a store: records are written to the attributes of groups, and read from them.

The root of a part's file has the same contents as the group of a cell (or data set) in the packed store, so both are
read in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import h5py
import numpy as np
from numpy.typing import NDArray

from shapebias.errors import StoreError
from shapebias.store.columns import DATASET_COLUMNS
from shapebias.store.group_writer import GroupWriter
from shapebias.store.members import group_in, members, numbers_of
from shapebias.store.records import CellRecord, ComponentRecord, DatasetPart, Header, Part, Scalar
from shapebias.store.sealing import Described, plain, sealed

__all__ = ["FORMAT", "FORMAT_VERSION", "Facts"]

FORMAT = "shapebias"
FORMAT_VERSION = 1

_COMPONENT_SUFFIXES = ("_title", "_provider", "_files")
MARKS = ("format", "format_version", "kind")
"""Attributes of the root of a file."""
KINDS = ("store", "header", "dataset", "cell")
ROLES = ("dataset", "model", "condition", "saliency", "probe")
_RESERVED = {
    *(role + suffix for role in ROLES for suffix in ("", "_title", "_provider", "_files", "_group")),
    *(*MARKS, "digest", "key", "settings", "status", "error"),
}


@attrs.frozen(eq=False)
class Facts:
    """How one part was computed.

    Args:
        rows: (n,) indices of its images in the data set.
        status: ``done`` or ``failed``.
        error: the traceback of a part that failed.
        attributes: device, precision, seconds, ...
    """

    rows: NDArray[np.int64]
    status: str = "done"
    error: str = ""
    attributes: Mapping[str, Scalar] = attrs.field(factory=dict)


def check_facts(attributes: Mapping[str, Scalar]) -> None:
    """Refuse facts whose names the store uses itself.

    Raises:
        StoreError: some names are taken; the message lists them.
    """
    taken = sorted(_RESERVED & set(attributes))
    if taken:
        raise StoreError(f"attributes {', '.join(taken)} of a part: the store uses these names itself; rename them")


def mark(root: GroupWriter, kind: str) -> None:
    """Write format and version at the root of a file."""
    root.write_attributes(dict(zip(MARKS, (FORMAT, FORMAT_VERSION, kind), strict=True)))


def check_format(root: h5py.Group) -> str:
    """Return which kind of file this is: ``store``, ``header``, ``dataset`` or ``cell``.

    Raises:
        StoreError: the file is not part of a store, or has a later format version.
    """
    name = root.file.filename
    if root.attrs.get("format") != FORMAT:
        raise StoreError(f"{name} is an HDF5 file, but not a shapebias store; choose another file")
    version = int(plain(root.attrs["format_version"]))
    if version > FORMAT_VERSION:
        raise StoreError(
            f"{name} has format version {version}; this shapebias reads up to version {FORMAT_VERSION}: "
            "upgrade shapebias, or choose another file"
        )
    kind = str(root.attrs["kind"])
    if kind not in KINDS:
        raise StoreError(f"{name} is damaged (its kind {kind!r} is unknown); see 'shapebias verify'")
    return kind


def read_attributes(found: Described) -> dict[str, Scalar]:
    """Read the facts of a group: every attribute except those that the store uses itself."""
    return {name: value for name, value in found.attributes.items() if name not in _RESERVED}


def write_component(group: GroupWriter, role: str, record: ComponentRecord) -> None:
    """Write one component as the attributes ``ROLE``, ``ROLE_title``, ``ROLE_provider`` and ``ROLE_files``."""
    files = json.dumps(dict(record.files), sort_keys=True)
    facts = {"": record.canonical, "_title": record.title, "_provider": record.provider, "_files": files}
    group.write_attributes({role + suffix: value for suffix, value in facts.items()})


def read_component(found: Described, role: str) -> ComponentRecord | None:
    """Read one component; None if the group has no component of this role."""
    if role not in found.attributes:
        return None
    text, title, provider, files = (str(found.attributes[role + suffix]) for suffix in ("", *_COMPONENT_SUFFIXES))
    return ComponentRecord(text, title, provider, _object(files, str))


def write_cell(group: GroupWriter, record: CellRecord, parts: Iterable[Facts], summary: Facts) -> None:
    """Write everything of a cell except its arrays, which are already there, and seal it.

    Args:
        group: the group of the cell; it gets the cell's attributes and one group ``parts/NNNN`` for each part.
        record: the identity of the cell.
        parts: how each part was computed.
        summary: how the cell as a whole was computed.
    """
    for role, component in record.components().items():
        if component is not None:
            write_component(group, role, component)
    settings = json.dumps(dict(record.settings), sort_keys=True)
    outcome = {"key": record.key, "settings": settings, "status": summary.status, "error": summary.error}
    group.write_attributes({**outcome, **summary.attributes})
    group.write_array("rows", summary.rows)
    for number, facts in enumerate(parts):
        part = group.below(f"parts/{number:04}")
        part.write_attributes({"status": facts.status, "error": facts.error, **facts.attributes})
        part.write_array("rows", facts.rows)
        part.seal()
    group.seal()


def read_cell(found: Described) -> tuple[CellRecord, list[Facts]]:
    """Read everything of a cell except its arrays."""
    group = found.group
    dataset, model, condition, saliency, probe = (read_component(found, role) for role in ROLES)
    if dataset is None or model is None or condition is None:
        raise StoreError(f"{group.file.filename}: {group.name} lacks its dataset, model or condition: it is damaged")
    settings = _object(str(found.attributes["settings"]), Scalar)
    record = CellRecord(dataset, model, condition, saliency, probe, settings)
    return record, [_read_part(part) for _, part in members(group_in(group, "parts"))]


def _read_part(group: h5py.Group) -> Facts:
    found = sealed(group)
    facts = Facts(
        numbers_of(group, "rows")[:],
        str(found.attributes["status"]),
        str(found.attributes["error"]),
        read_attributes(found),
    )
    try:
        check_stored_facts(facts)
    except ValueError as error:
        raise StoreError(f"{group.file.filename}: {group.name} {error}: it is damaged") from error
    return facts


def check_stored_facts(facts: Facts) -> None:
    """Check facts that were read from a store.

    Raises:
        ValueError: the status is unknown, or seconds or eps are not numbers.
    """
    if facts.status not in ("done", "failed"):
        raise ValueError(f"has the status {facts.status!r}")
    seconds, eps = facts.attributes.get("seconds", 0), facts.attributes.get("eps")
    if not _is_number(seconds) or not (eps is None or _is_number(eps) or _are_numbers(json.loads(str(eps)))):
        raise ValueError("has seconds or eps that are not numbers")


def check_classes(attributes: Mapping[str, Scalar]) -> None:
    """Check the classes of a data set.

    Raises:
        ValueError: they are not a list of names.
    """
    classes = json.loads(str(attributes.get("classes", "[]")))
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ValueError("its classes are not a list of names")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_numbers(values: object) -> bool:
    return isinstance(values, list) and all(map(_is_number, values))


def _object(text: str, kind: Any) -> dict[str, Any]:
    """Read a JSON object whose values are of one type.

    Raises:
        ValueError: the text is not such an object.
    """
    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(value, kind) for value in found.values()):
        raise ValueError(f"{text[:80]!r} is not an object of plain values")
    return found


def write_part(root: GroupWriter, part: Part) -> None:
    """Write a part as a cell that has only this part."""
    mark(root, "cell")
    done = part.status == "done"
    for name, array in part.arrays.items() if done else ():
        root.write_array(name, array)
    rows = np.asarray(part.rows, dtype=np.int64)
    facts = Facts(rows, part.status, part.error, part.attributes)
    write_cell(root, part.cell, [facts], attrs.evolve(facts, rows=rows if done else rows[:0]))


def dataset_arrays(part: DatasetPart) -> dict[str, NDArray[Any]]:
    """Return the arrays that a part of a data set has, by name."""
    fields = attrs.asdict(part, recurse=False) | {"ids": np.array(part.ids, dtype=object)}
    return {each.name: fields[each.name] for each in DATASET_COLUMNS if fields[each.name] is not None}


def write_dataset_part(root: GroupWriter, part: DatasetPart) -> None:
    """Write some images of a data set."""
    mark(root, "dataset")
    for name, array in dataset_arrays(part).items():
        root.write_array(name, array)
    root.write_array("rows", np.asarray(part.rows, dtype=np.int64))
    write_dataset(root, part.dataset, part.attributes)


def write_dataset(group: GroupWriter, record: ComponentRecord, attributes: Mapping[str, Scalar]) -> None:
    """Write everything of a data set except its arrays, which are already there, and seal it."""
    write_component(group, "dataset", record)
    group.write_attributes({"key": record.key, **attributes})
    group.seal()


def write_header(root: GroupWriter, header: Header, kind: str) -> None:
    """Write the header, and seal the root."""
    mark(root, kind)
    versions = json.dumps(dict(header.versions), sort_keys=True)
    shard = {"shard": header.shard} if header.shard else {}
    root.write_attributes(
        {"study": header.study, "seed": header.seed, "versions": versions, "device": header.device, **shard}
    )
    root.seal()


def read_header(root: h5py.Group) -> Header:
    """Read the header."""
    found = sealed(root).attributes
    study, seed, versions, device = (found[name] for name in ("study", "seed", "versions", "device"))
    return Header(str(study), int(seed), _object(str(versions), str), str(device), str(found.get("shard", "")))
