"""The version of LiteRT.js that is used, and what its files must be.

For another version: `npm pack` both packages, put the sha512 that `npm view NAME@VERSION dist.integrity`
prints beside them, and the sha256 of each file as `read_files` makes it.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ENTRY", "FILES", "PACKAGES", "VERSION", "Package"]

VERSION = "2.5.3"
ENTRY = "index.js"  # an ES module: exports loadLiteRt, loadAndCompile, Tensor and others


@dataclass(frozen=True)
class Package:
    """A package of npm.

    Attributes
    ----------
    name
        With its scope.
    integrity
        Of its tarball, as npm states it: sha512 in base64.
    files
        Path in the package -> name here.
    """

    name: str
    integrity: str
    files: dict[str, str]

    @property
    def tarball(self) -> str:
        """The name that `npm pack` gives the file."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{VERSION}.tgz"


WASM = "wasm/litert_wasm"
BUILDS = ("", "compat_", "jspi_", "threaded_")
PACKAGES = (
    Package(
        "@litertjs/core",
        "sha512-PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ==",
        {
            "dist/index.js": ENTRY,
            **{
                f"{WASM}_{build}internal.{kind}": f"{WASM}_{build}internal.{kind}"
                for build in BUILDS
                for kind in ("js", "wasm")
            },
        },
    ),
    Package(
        "@litertjs/wasm-utils",
        "sha512-4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW580Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
        {"dist/index.js": "wasm_utils.js"},
    ),
)

# name -> sha256, after IMPORT was replaced
FILES = {
    ENTRY: "fb543bee1fae4a001d7ca83b5c22c4b4be1ddf475bf2f6259b85189d1e328f69",
    "wasm_utils.js": "e0e20bc28ab001ac732cf40d15b6eebd24fb0deaeb95eeba5100f51eebf015f2",
    f"{WASM}_internal.js": "68efb69f770e3f76aff36a377de629ca496c131b86ac0f0f4b592a1543a898eb",
    f"{WASM}_internal.wasm": "7280cf4471774867e385e6c3cd53e2b45e2975b80fea338fff4ef359b0865614",
    f"{WASM}_compat_internal.js": "4d8f894b7883654fd6e8439730aa41e79ceaab7d19184fc4f1f0b0f1a2a2c8a5",
    f"{WASM}_compat_internal.wasm": "5255c8ad06eabdbd2522cdebf6b22fc10faf74625c23a49b9e072570cd1fa41c",
    f"{WASM}_jspi_internal.js": "e685a3ed86f447c1feb8f5414319539c5e94d1cfc0eb49c3c5e6a788a6f5541b",
    f"{WASM}_jspi_internal.wasm": "a103e14db26cdbda9ba1a93633e59f3bf604d082fa7ab0c30ca730838e3faa69",
    f"{WASM}_threaded_internal.js": "92fe7a720c6deedaa1194c011c79a005ea4f6fc98f533b661cf7900760ab4849",
    f"{WASM}_threaded_internal.wasm": "b5e54eca10f043497edf9a02186332707cae260c550d7ea22b2cae55669596cf",
}

# Names of packages mean something to build tools only; in a worker not even an import map helps.
IMPORT = (b'from "@litertjs/wasm-utils"', b'from "./wasm_utils.js"')
