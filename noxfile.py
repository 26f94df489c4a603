"""The tests of the runtime on every Python that it supports: `nox`, or `make matrix`.

A session is left out where its Python is not installed; nox says so. What has no wheel for a Python yet is
not installed there, and the tests that need it skip. `nox -s runtime-3.12 -- tests/runtime -k picture` runs
some tests on one Python.
"""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
TESTS = ("tests/runtime", "tests/test_cli.py", "tests/test_doctor.py")
TOOLS = ("pytest>=8", "pytest-timeout>=2.3", "safetensors>=0.4", "setuptools>=77")
# the tests build their models with the converter; each extra is tried by itself
EXTRAS = ("litert", "openvino", "onnx", "convert", "bench")


@nox.session(python=PYTHONS)
def runtime(session: nox.Session) -> None:
    """Install what there is for this Python, then run the tests of the runtime."""
    session.install("-e", ".", *TOOLS)
    for extra in EXTRAS:
        session.run("pip", "install", "-q", "-e", f".[{extra}]", success_codes=[0, 1])
    session.run("python", "-m", "pytest", "-q", *(session.posargs or TESTS))
