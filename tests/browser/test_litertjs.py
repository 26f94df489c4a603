"""LiteRT.js is fetched once, checked always, and its absence is one line that says what to do."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edge_edet.devices.litertjs import find, pinned
from edge_edet.devices.litertjs.find import find_litertjs
from edge_edet.errors import EdgeEdetError, InputError


def content(package: pinned.Package, inner: str) -> bytes:
    """What stands in for a file of the real package."""
    end = pinned.IMPORT[0] if inner == "dist/index.js" and "core" in package.name else b""
    return f"{package.name} {inner}\n".encode() + end


def tarball(package: pinned.Package) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for inner in ("package.json", *package.files):
            body = content(package, inner)
            if inner == "package.json":
                body = json.dumps({"name": package.name, "version": pinned.VERSION}).encode()
            member = tarfile.TarInfo(f"package/{inner}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return data.getvalue()


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, bytes]:
    """Small packages, pinned in place of the real ones; name of the tarball -> its bytes."""
    monkeypatch.setenv("EDGE_EDET_HOME", str(tmp_path / "home"))
    made, files = [], {}
    tarballs = {}
    for one in pinned.PACKAGES:
        data = tarballs[one.tarball] = tarball(one)
        integrity = f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"
        made.append(pinned.Package(one.name, integrity, one.files))
        for inner, name in one.files.items():
            whole = content(one, inner).replace(*pinned.IMPORT)
            files[name] = hashlib.sha256(whole).hexdigest()
    assert set(files) == set(pinned.FILES)
    for name, value in (("PACKAGES", tuple(made)), ("FILES", files)):
        monkeypatch.setattr(find, name, value)
    return tarballs


@pytest.fixture
def folder(packages: dict[str, bytes], tmp_path: Path) -> Path:
    given = tmp_path / "given"
    given.mkdir()
    for name, data in packages.items():
        (given / name).write_bytes(data)
    return given


@pytest.fixture
def registry(packages: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A registry on loopback that npm is told to use; the paths that it was asked for."""
    if find.shutil.which("npm") is None:
        reason = "no npm: apt-get install npm"
        if os.environ.get("EDGE_EDET_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    asked: list[str] = []

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            name = self.path.rpartition("/")[2]
            if name in packages:
                body = packages[name]
            else:
                one = next(p for p in find.PACKAGES if p.name.replace("/", "%2f") in self.path)
                place = f"http://{self.headers['Host']}/tarballs/{one.tarball}"
                dist = {"tarball": place, "integrity": one.integrity}
                version = {"name": one.name, "version": pinned.VERSION, "dist": dist}
                body = json.dumps(
                    {
                        "name": one.name,
                        "dist-tags": {"latest": pinned.VERSION},
                        "versions": {pinned.VERSION: version},
                    }
                ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("npm_config_cache", os.environ["EDGE_EDET_HOME"] + "-npm")
    yield asked
    server.shutdown()
    server.server_close()


def test_npm_fetches_it_once(registry: list[str]) -> None:
    found = find_litertjs()
    assert {p.relative_to(found).as_posix() for p in found.rglob("*.*")} == set(pinned.FILES)
    assert b'from "./wasm_utils.js"' in (found / pinned.ENTRY).read_bytes()
    asked = len(registry)
    assert asked
    assert find_litertjs() == found
    assert len(registry) == asked
    (found / "wasm_utils.js").write_text("damaged")
    assert find_litertjs() == found  # fetched anew
    assert (found / "wasm_utils.js").read_text().startswith("@litertjs/wasm-utils")
    assert [p.name for p in found.parent.iterdir()] == [pinned.VERSION]


def test_a_folder_with_the_tarballs_needs_no_network(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    found = find_litertjs(folder)
    assert find_litertjs() == found  # kept


def test_a_folder_of_npm_install_does_too(folder: Path, packages: dict[str, bytes]) -> None:
    for one in find.PACKAGES:
        (folder / one.tarball).unlink()
        for inner in one.files:
            path = folder / "node_modules" / one.name / inner
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content(one, inner))
    assert (find_litertjs(folder) / pinned.ENTRY).is_file()


def test_without_npm_it_says_what_to_put_where(
    packages: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EdgeEdetError) as caught:
        find_litertjs()
    assert str(caught.value) == (
        "LiteRT.js 2.5.3 is fetched with npm, which is not here: run 'npm pack @litertjs/core@2.5.3 "
        "@litertjs/wasm-utils@2.5.3' on a machine with npm and a network, and give the folder with "
        "the two files as --litertjs DIR"
    )


def test_without_a_network_it_says_so(registry: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(
        EdgeEdetError, match=r"cannot be fetched \(npm pack failed: ECONNREFUSED\): run"
    ):
        find_litertjs()


def test_another_version_is_refused(folder: Path) -> None:
    path = folder / find.PACKAGES[0].tarball
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(
        InputError, match=r"is not @litertjs/core 2\.5\.3: its integrity is sha512-"
    ):
        find_litertjs(folder)


def test_an_empty_folder_is_refused(folder: Path) -> None:
    (folder / find.PACKAGES[1].tarball).unlink()
    with pytest.raises(InputError, match=r"has neither litertjs-wasm-utils-2\.5\.3\.tgz nor "):
        find_litertjs(folder)
