"""Finds the packages of the folders that pyproject.toml maps, and leaves pytest files out of the wheel."""

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

FOLDERS = {
    "edge_edet": "edge_edet",
    "edge_edet.devices": "devices",
    "edge_edet.benchmarks": "benchmarks",
    "edge_edet.converters": "converters",
    "edge_edet.studies": "studies",
}
DATA = [  # folders of data, without modules
    "edge_edet.assets",
    "edge_edet.devices.profiles",
    "edge_edet.devices.target_profiles",
]


class BuildWithoutTests(build_py):
    def find_package_modules(self, package, package_dir):
        modules = super().find_package_modules(package, package_dir)
        return [module for module in modules if not module[1].startswith(("test_", "conftest"))]


packages = [
    package
    for name, folder in FOLDERS.items()
    for package in (name, *(f"{name}.{inner}" for inner in find_packages(folder)))
]

setup(
    cmdclass={"build_py": BuildWithoutTests},
    packages=packages + DATA,
    package_dir=FOLDERS,
)
