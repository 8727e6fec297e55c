"""Shards of a server: the same samples, a cache that stays in its bounds, and connections that break."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import signal
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from shapebias_webdataset.dataset import WebDataset

from shapebias.plugin import ShapebiasError

PATTERN = "val-{000..004}.tar"


def samples(dataset):
    return [(sample.id, sample.label, sample.image.tobytes()) for sample in dataset]


def cached(cache):
    folder = cache / "shards"
    return sorted(folder.iterdir()) if folder.exists() else []


def fetched(server):
    return [name for name, _ in server.asked]


@pytest.fixture
def remote(server):
    return f"{server.url}/{PATTERN}"


@pytest.fixture
def small(monkeypatch, shards):
    """Room for two shards, and no more."""
    room = int(2.5 * (shards / "val-000.tar").stat().st_size)
    monkeypatch.setenv("SHAPEBIAS_WEBDATASET_CACHE_GB", str(room / 1e9))
    return room


def test_samples_are_those_of_the_disk_and_each_shard_comes_once(server, remote, shards):
    assert samples(WebDataset(remote)) == samples(WebDataset(str(shards)))
    assert fetched(server) == [f"val-{n:03d}.tar" for n in range(5)]
    samples(WebDataset(remote))
    assert len(server.asked) == 5


def test_the_cache_keeps_what_was_used_last_and_never_more_than_fits(server, remote, cache, small):
    dataset = WebDataset(remote)
    for index in range(len(dataset)):
        assert sum(path.stat().st_size for path in cached(cache)) <= small
        assert dataset[index].id.startswith(f"val-{index // 4:03d}/")
    assert sorted(path.name[-7:] for path in cached(cache)) == ["003.tar", "004.tar"]
    server.asked.clear()
    for index in (16, 12, 16, 0, 16, 12):  # 12 was used longest ago when 0 comes
        dataset[index]
    assert fetched(server) == ["val-000.tar", "val-003.tar"]


def test_listings_outlive_their_shards(server, remote, small):
    samples(WebDataset(remote))
    server.asked.clear()
    assert len(WebDataset(remote)) == 20
    assert server.asked == []


def test_threads_at_once_get_the_same_samples(server, remote, small, shards):
    dataset = WebDataset(remote)
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(20), 2)).tolist()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda index: (dataset[index].id, dataset[index].image.tobytes()), order))
    expected = [(name, pixels) for name, _, pixels in samples(WebDataset(str(shards)))]
    assert found == [expected[index] for index in order]


def test_threads_that_want_one_shard_fetch_it_once(server, remote):
    dataset = WebDataset(remote, label_space=3)
    server.hold.clear()
    threading.Timer(0.3, server.hold.set).start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(dataset.__getitem__, range(4)))
    assert sorted(fetched(server)) == [f"val-{n:03d}.tar" for n in range(5)]


def test_a_broken_connection_is_taken_up_again(server, remote, shards):
    server.cuts = [3000, 0]
    assert samples(WebDataset(remote)) == samples(WebDataset(str(shards)))
    assert server.asked[:3] == [("val-000.tar", 0), ("val-000.tar", 3000), ("val-000.tar", 3000)]
    assert server.sent == sum(path.stat().st_size for path in shards.iterdir())


def test_trouble_with_tls_is_a_broken_connection(server, remote, shards, monkeypatch):
    read1, trouble = http.client.HTTPResponse.read1, [ssl.SSLError("bad record")]

    def read_with_trouble(response, count):
        if trouble:
            raise trouble.pop()
        return read1(response, count)

    monkeypatch.setattr(http.client.HTTPResponse, "read1", read_with_trouble)
    assert samples(WebDataset(remote)) == samples(WebDataset(str(shards)))
    assert fetched(server)[:3] == ["val-000.tar", "val-000.tar", "val-001.tar"]


def test_what_came_is_kept_for_the_next_run(server, remote, shards):
    server.cuts = [1000, 1000, 1000]
    with pytest.raises(ShapebiasError, match=r"val-000\.tar ended after 3000 of \d+ bytes, 3 times: .* again"):
        len(WebDataset(remote))
    assert samples(WebDataset(remote)) == samples(WebDataset(str(shards)))
    assert server.sent == sum(path.stat().st_size for path in shards.iterdir())


def test_a_killed_process_leaves_no_half_shard(server, remote, shards, cache, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")  # macOS cannot look for proxies in a fork
    server.cuts = [3000]
    server.hold.clear()
    process = multiprocessing.get_context("fork").Process(target=len, args=(WebDataset(remote),))
    process.start()
    while [path.stat().st_size for path in cached(cache)] != [3000] and process.is_alive():
        time.sleep(0.01)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    server.hold.set()
    assert [path.suffix for path in cached(cache)] == [".part"]
    assert samples(WebDataset(remote)) == samples(WebDataset(str(shards)))
    assert server.asked[:2] == [("val-000.tar", 0), ("val-000.tar", 3000)]


def test_a_whole_file_that_lacks_its_name_is_not_fetched_again(server, remote, cache):
    assert len(WebDataset(remote)) == 20
    for path in cached(cache):
        path.rename(path.with_name(f"{path.name}.part"))
    server.asked.clear()
    assert len(samples(WebDataset(remote))) == 20
    assert server.asked == []


def test_another_version_of_a_shard_is_another_data_set(server, remote, shards, pack, image):
    before = WebDataset(remote)
    fingerprint, first = before.fingerprint, before[0]
    assert WebDataset(remote).fingerprint == fingerprint
    (shards / "val-000.tar").write_bytes(pack([("0000.cls", b"2"), ("0000.png", image(99))]))
    after = WebDataset(remote)
    assert len(after) == 17
    assert after.fingerprint != fingerprint
    assert not np.array_equal(after[0].image, first.image)


def test_a_version_that_comes_during_the_run_is_refused(server, remote, shards, pack, image, small):
    dataset = WebDataset(remote)
    assert len(dataset) == 20
    (shards / "val-000.tar").write_bytes(pack([("0000.cls", b"2"), ("0000.png", image(99))]))
    with pytest.raises(ShapebiasError, match=r"val-000\.tar is another version than at the beginning of the run"):
        dataset[0]


def test_a_list_spares_fetching_what_is_not_asked_for(server, shards):
    rows = [{"url": f"val-{n:03d}.tar", "nsamples": 4} for n in range(4)] + [{"url": "val-004.tar", "nsamples": 9}]
    (shards / "val.json").write_text(json.dumps({"shardlist": rows}))
    dataset = WebDataset(f"{server.url}/val.json", label_space=3)
    assert len(dataset) == 25
    assert dataset.fingerprint
    assert dataset[9].id == "val-002/0009"
    assert fetched(server) == ["val.json", "val-002.tar"]
    with pytest.raises(ShapebiasError, match=r"val-004\.tar has 4 samples, but its list states 9; correct the list"):
        dataset[16]


def test_a_server_that_knows_no_parts_is_enough(server, remote, shards):
    server.ranges, server.cuts = False, [1000]
    assert samples(WebDataset(remote)) == samples(WebDataset(str(shards)))
    assert server.asked[:2] == [("val-000.tar", 0), ("val-000.tar", 0)]


def test_python_s_own_server_is_enough(shards):
    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(shards))

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            found = samples(WebDataset(f"http://127.0.0.1:{running.server_port}/{PATTERN}"))
        finally:
            running.shutdown()
            thread.join()
    assert found == samples(WebDataset(str(shards)))


def test_what_cannot_be_fetched_is_explained(server, remote, monkeypatch):
    with pytest.raises(ShapebiasError, match=r"gone\.tar cannot be downloaded: 404 Not Found; .* copy the shards"):
        len(WebDataset(f"{server.url}/gone.tar"))
    with pytest.raises(ShapebiasError, match=r"gone\.json cannot be downloaded: 404"):
        len(WebDataset(f"{server.url}/gone.json"))
    server.status = 503
    with pytest.raises(ShapebiasError, match=r"val-000\.tar cannot be reached: Service Unavailable"):
        len(WebDataset(remote))
    server.status, server.ranges, server.sized = None, False, False
    with pytest.raises(ShapebiasError, match=r"does not state the size of .*val-000\.tar"):
        len(WebDataset(remote))
    with pytest.raises(ShapebiasError, match=r"cannot be reached: .*refused"):
        len(WebDataset("http://127.0.0.1:9/a.tar"))


def test_a_shard_larger_than_the_cache_is_refused_at_once(server, remote, monkeypatch):
    monkeypatch.setenv("SHAPEBIAS_WEBDATASET_CACHE_GB", "1e-6")
    with pytest.raises(ShapebiasError, match=r"val-000\.tar has .* GB and the whole cache 1e-06; set SHAPEBIAS_WEBDAT"):
        len(WebDataset(remote))
    assert server.asked == []


@pytest.mark.parametrize("size", ["0", "-1", "much", "nan", "inf"])
def test_a_size_of_the_cache_that_is_none_is_refused(size, monkeypatch, shards):
    monkeypatch.setenv("SHAPEBIAS_WEBDATASET_CACHE_GB", size)
    with pytest.raises(ShapebiasError, match=f"SHAPEBIAS_WEBDATASET_CACHE_GB is '{size}'; give a number above 0"):
        len(WebDataset(str(shards)))


def test_a_cache_that_cannot_be_written_is_explained(shards, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SHAPEBIAS_WEBDATASET_CACHE", str(tmp_path / "file"))
    with pytest.raises(ShapebiasError, match=r"file cannot be written: .*; free some space, or set SHAPEBIAS_WEBDATAS"):
        len(WebDataset(str(shards)))


def test_a_cache_of_somebody_else_is_explained(server, remote, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    assert len(WebDataset(remote)) == 20
    monkeypatch.setattr("shapebias_webdataset.cache.os.utime", refuse)
    with pytest.raises(
        ShapebiasError, match=r"cache cannot be written: .*Permission denied.*; free some space, or set"
    ):
        WebDataset(remote)[0]
