"""Test files and their md5."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from bytetrain.telling.sizes import GiB, MiB
from bytetrain.wire import files


def test_content_is_the_same_from_any_offset() -> None:
    whole = files.content(3 * files.BLOCK)
    for start, size in [(0, 10), (files.BLOCK - 5, 10), (2 * files.BLOCK + 7, files.BLOCK - 7), (5, 0)]:
        assert files.content(size, start=start) == whole[start : start + size]


def test_content_depends_on_position_and_seed() -> None:
    whole = files.content(2 * files.BLOCK)
    assert whole[: files.BLOCK] != whole[files.BLOCK :]
    assert len({whole[start : start + 8] for start in range(0, len(whole), 8)}) == len(whole) // 8
    assert files.content(100, seed=2) != whole[:100] == files.content(100, files.IN_MEMORY)


@pytest.mark.parametrize("size", [0, 1, 1000, files.BLOCK, files.BLOCK + 1])
def test_a_file_holds_the_content(tmp_path: Path, size: int) -> None:
    path = files.write_file(tmp_path / "file", size, seed=3)
    assert path.read_bytes() == files.content(size, seed=3)
    assert files.md5_of(path) == hashlib.md5(path.read_bytes()).hexdigest()
    assert files.md5_of_stream([path.read_bytes()[:1], path.read_bytes()[1:]]) == files.md5_of(path)


def test_a_sparse_file_takes_no_room(tmp_path: Path) -> None:
    stat = files.write_sparse(tmp_path / "zeros", 3 * GiB).stat()
    assert (stat.st_size, stat.st_blocks) == (3 * GiB, 0)


def test_a_difference_is_shown_where_it_is(tmp_path: Path) -> None:
    left, right = tmp_path / "left", tmp_path / "right"
    data = bytearray(files.content(2 * files.BLOCK))
    left.write_bytes(data)
    right.write_bytes(data)
    assert files.difference(left, right) is None
    data[files.BLOCK + 100] ^= 1
    right.write_bytes(data)
    difference = files.difference(left, right)
    assert difference is not None and difference.offset == files.BLOCK + 100
    told = str(difference)
    assert f"from byte {files.BLOCK + 100} on" in told
    caret = told.splitlines()[-1].index("^^")
    assert told.splitlines()[2][caret : caret + 2] == f"{data[files.BLOCK + 100]:02x}"
    right.write_bytes(data[:10])
    assert "from byte 10 on" in str(files.difference(left, right))


def test_a_store_makes_a_file_once_and_cleans_up(tmp_path: Path) -> None:
    store = files.FileStore(tmp_path / "store")
    first = store.seeded(1000)
    changed = first.stat().st_mtime_ns
    assert store.seeded(1000) == first and first.stat().st_mtime_ns == changed
    assert store.md5(first) == files.md5_of(first)
    assert store.sparse(5000).read_bytes() == bytes(5000)
    assert sorted(os.listdir(store.folder)) == ["seed1-1000.bin", "zeros-5000.bin"]
    store.clean()
    assert not store.folder.exists()


def test_a_hole_is_punched_where_the_file_system_can_do_it(tmp_path: Path) -> None:
    path = files.write_file(tmp_path / "file", 3 * MiB)
    whole, before = path.read_bytes(), path.stat().st_blocks
    if not files.punch_hole(path, MiB, MiB):
        pytest.skip("no holes here")
    assert path.read_bytes() == whole[:MiB] + bytes(MiB) + whole[2 * MiB :]
    assert path.stat().st_blocks == before - MiB // 512
    assert not files.punch_hole(tmp_path / "missing", 0, MiB)


def test_files_in_memory_are_told_from_those_on_a_disk() -> None:
    kinds = {line.split()[1]: line.split()[2] for line in Path("/proc/self/mounts").read_text().splitlines()}
    for place in ("/dev/shm", "/proc"):
        if place in kinds:
            assert files.is_in_memory(Path(place)) == (kinds[place] == "tmpfs")
