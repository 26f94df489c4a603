"""Profiles are data, read strictly; a machine is recognised by what its system says.

The texts below have the form and the telling lines of those in the places named beside them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_edet import InputError
from edge_edet.devices.boards import catalog
from edge_edet.devices.boards.catalog import find_profile, known_profiles
from edge_edet.devices.boards.profile import read_profile
from edge_edet.devices.boards.recognition import Evidence, read_evidence, recognize

REQUIRED = {
    "rpi3",
    "rpi4",
    "rpi5",
    "pixel6",
    "pixel7",
    "pixel8",
    "jetson-nano",
    "jetson-orin-nano",
    "coral-dev-board",
    "coral-usb",
    "imx8mp",
    "rk3588",
    "n100",
    "intel-nuc",
    "host",
}


def arm_cpuinfo(part: str, tail: str = "") -> str:
    core = (
        "processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\n"
        f"CPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: {part}\n\n"
    )
    return core + tail


PI4 = arm_cpuinfo("0xd08", "Revision\t: d03115\nModel\t\t: Raspberry Pi 4 Model B Rev 1.5\n")
PI5 = arm_cpuinfo(
    "0xd0b",
    "Hardware\t: BCM2835\nRevision\t: d04170\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n",
)
N100 = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) N100\nflags\t\t: avx2\n"
GETPROP = "[ro.product.model]: [Pixel 8]\n[ro.product.device]: [{}]\n[ro.soc.model]: [Tensor G3]\n"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The config folder, empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "edge-edet"


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        pytest.param(  # github hrw/arm-socs-table issue 29
            Evidence(cpuinfo=arm_cpuinfo("0xd03", "Model : Raspberry Pi 3 Model B Plus Rev 1.3\n")),
            ["rpi3"],
            id="rpi3: an old kernel's cpuinfo alone",
        ),
        pytest.param(  # github fastfetch-cli/fastfetch issue 1529
            Evidence(compatible="raspberrypi,4-model-b\0brcm,bcm2711\0", cpuinfo=PI4),
            ["rpi4"],
            id="rpi4",
        ),
        pytest.param(  # 32-bit Raspberry Pi OS; github hrw/arm-socs-table issue 28
            Evidence(
                compatible="raspberrypi,4-model-b\0brcm,bcm2711\0",
                cpuinfo="model name\t: ARMv7 Processor rev 3 (v7l)\nHardware\t: BCM2711\n",
            ),
            ["rpi4"],
            id="rpi4, 32 bit",
        ),
        pytest.param(  # github raspberrypi/documentation pull 3538
            Evidence(compatible="raspberrypi,5-model-b\0brcm,bcm2712\0"),
            ["rpi5"],
            id="rpi5",
        ),
        pytest.param(  # github hrw/arm-socs-table issue 96
            Evidence(cpuinfo=PI5),
            ["rpi5"],
            id="rpi5 in a container without a device tree",
        ),
        pytest.param(  # linux, tegra210-p3450-0000.dts and tegra210-p3541-0000.dts
            Evidence(compatible="nvidia,p3541-0000\0nvidia,p3450-0000\0nvidia,tegra210\0"),
            ["jetson-nano"],
            id="jetson-nano 2GB",
        ),
        pytest.param(  # Jetson Linux 36
            Evidence(compatible="nvidia,p3768-0000+p3767-0005-super\0nvidia,tegra234\0"),
            ["jetson-orin-nano"],
            id="jetson-orin-nano super",
        ),
        pytest.param(
            Evidence(compatible="nvidia,p3737-0000+p3701-0000\0nvidia,tegra234\0"),
            ["host"],
            id="an AGX Orin is no Orin Nano",
        ),
        pytest.param(  # linux, imx8mq-phanbell.dts
            Evidence(compatible="google,imx8mq-phanbell\0fsl,imx8mq\0"),
            ["coral-dev-board"],
            id="coral-dev-board, mainline",
        ),
        pytest.param(  # Mendel Linux
            Evidence(model="Freescale i.MX8MQ Phanbell\0"),
            ["coral-dev-board"],
            id="coral-dev-board, Mendel",
        ),
        pytest.param(  # linux, imx8mp-evk.dts
            Evidence(compatible="fsl,imx8mp-evk\0fsl,imx8mp\0"),
            ["imx8mp"],
            id="imx8mp",
        ),
        pytest.param(  # linux, rk3588-rock-5b.dts
            Evidence(compatible="radxa,rock-5b\0rockchip,rk3588\0"),
            ["rk3588"],
            id="rk3588",
        ),
        pytest.param(Evidence(cpuinfo=N100, dmi="Default string\n"), ["n100"], id="n100"),
        pytest.param(
            Evidence(cpuinfo="model name : 11th Gen Intel(R) Core(TM) i3", dmi="NUC11TNHi3\n"),
            ["intel-nuc"],
            id="intel-nuc",
        ),
        pytest.param(  # github badabing2005/PixelFlasher issue 211
            Evidence(properties=GETPROP.format("shiba")),
            ["pixel8"],
            id="pixel8, getprop",
        ),
        pytest.param(  # github whyakari/getProps issue 3
            Evidence(
                properties="# a comment\nro.product.model=Pixel 6\nro.product.device=oriole\n"
            ),
            ["pixel6"],
            id="pixel6, build.prop",
        ),
        pytest.param(
            Evidence(properties=GETPROP.format("tangorpro")),
            ["host"],
            id="another Tensor device",
        ),
        pytest.param(
            Evidence(compatible="raspberrypi,4-model-b\0brcm,bcm2711\0", usb=("1a6e:089a",)),
            ["rpi4", "coral-usb"],
            id="an accelerator is no board",
        ),
        pytest.param(Evidence(usb=("18d1:9302",)), ["host", "coral-usb"], id="on any machine"),
        pytest.param(Evidence(), ["host"], id="nothing stated"),
        pytest.param(
            Evidence(compatible="brcm,bcm27110\0", cpuinfo="model name: Intel(R) Xeon"),
            ["host"],
            id="a longer name is another",
        ),
    ],
)
def test_a_machine_is_recognised(evidence: Evidence, expected: list[str]) -> None:
    assert [match.profile.id for match in recognize(evidence, known_profiles())] == expected


def test_the_reason_is_told() -> None:
    (match,) = recognize(Evidence(compatible="x\0brcm,bcm2711\0"), known_profiles())
    assert match.because == "device tree: brcm,bcm2711"


def test_evidence_is_read_from_the_system(tmp_path: Path) -> None:
    texts = {
        "proc/device-tree/compatible": "raspberrypi,5-model-b\0brcm,bcm2712\0",
        "proc/cpuinfo": PI5,
        "sys/bus/usb/devices/1-1/idVendor": "18d1\n",
        "sys/bus/usb/devices/1-1/idProduct": "9302\n",
        "system/build.prop": "ro.a=b",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = read_evidence(tmp_path)
    assert found == Evidence(
        compatible=texts["proc/device-tree/compatible"],
        cpuinfo=PI5,
        usb=("18d1:9302",),
        properties="ro.a=b",
    )
    assert [m.profile.id for m in recognize(found, known_profiles())] == ["rpi5", "coral-usb"]
    assert read_evidence(tmp_path / "nothing") == Evidence()


def test_every_bundled_profile_is_whole() -> None:
    profiles = known_profiles()
    assert set(profiles) >= REQUIRED
    assert list(profiles)[-1] == "host"
    for profile in profiles.values():
        assert profile.limits
        assert profile.arch == "any" or profile.id == "intel-nuc" or profile.cores > 0
        stated = profile.recognize
        ways = (stated.compatible, stated.cpuinfo, stated.dmi, stated.usb, stated.properties)
        assert profile.id == "host" or any(ways)


def test_an_unknown_device() -> None:
    with pytest.raises(
        InputError, match=r"^unknown board 'rpi44': known are coral-dev-board, .*; "
    ):
        find_profile("rpi44", known_profiles())


WHOLE = (catalog.BUNDLED / "rpi4.toml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 1", "format = 2", r"'format' must be 1, the only known one, but is 2$"),
        ("format = 1\n", "", r"the key 'format' is missing$"),
        (
            "cores = 4",
            "cores = 'four'",
            r"'cores' must be an integer, but is 'four'",
        ),
        ("cores = 4", "cores = true", r"'cores' must be an integer, but is True"),
        ("cores = 4", "cores = 4000", r"'cores' must be an integer from 0 to 1024, but is 4000"),
        ("cores = 4", "id = 'rpi5'\ncores = 4", r"unknown key 'id': known are name, cpu, arch"),
        ("cores = 4", "core = 4", r"unknown key 'core': known are name, cpu, arch, cores"),
        ("[1, 2, 4]", "[4, 2]", r"'threads' must be ascending integers from 1 to 1024, but is \[4"),
        ("[1, 2, 4]", "[]", r"'threads' must be ascending"),
        ("[1, 2, 4]", "2", r"'threads' must be a list, but is 2"),
        (
            '["xnnpack"]',
            '["cuda"]',
            r"'delegates' must hold only xnnpack, gpu, edgetpu, none or pa",
        ),
        ('["xnnpack"]', "[1]", r"'delegates\[0\]' must be text, but is 1"),
        ('"aarch64"', '"arm"', r"'arch' must be one of aarch64, armv7l, x86_64, any, but is 'arm'"),
        ('"cortex-a72"', '"a72"', r"'emulated_cpu' must be one of cortex-a72, cortex-a76, cortex-"),
        ('"https://', '"http://', r"'source' must be an https address, but is 'http"),
        ("[1024,", "[-1,", r"'memory_mb' must be sizes in MB, 1 or more, but is \[-1"),
        (
            "compatible =",
            "colour =",
            r": unknown key 'recognize.colour': known are compatible",
        ),
        ("[recognize]", "recognize = 1\n[x]", r"unknown key 'x'"),
        ("[recognize]", "[[recognize]]", r"'recognize' must be an object, but is \["),
        ("format = 1", "format = ", r"is not valid TOML: "),
    ],
)
def test_a_profile_that_is_wrong(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "my-board.toml"
    assert old in WHOLE
    path.write_text(WHOLE.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        read_profile(path)
    assert str(caught.value).startswith(str(path))


def test_a_profile_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "my-board.toml"
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(InputError, match=r"is not UTF-8: byte 8 is wrong$"):
        read_profile(path)
    path.write_bytes(b"#" * 100_000)
    with pytest.raises(InputError, match=r"it has 100,000 bytes, at most 65,536 are read"):
        read_profile(path)
    with pytest.raises(InputError, match=r"^cannot read .*none.toml: No such file"):
        read_profile(tmp_path / "none.toml")
    with pytest.raises(
        InputError, match=r"the name of a profile's file is the id of its board, in lower"
    ):
        read_profile(tmp_path / "My Board.toml")


def test_profiles_of_ones_own(config: Path, tmp_path: Path) -> None:
    (config / "devices").mkdir(parents=True)
    (config / "devices" / "my-board.toml").write_text(WHOLE.replace("brcm,bcm2711", "me,board"))
    (tmp_path / "rpi4.toml").write_text(WHOLE.replace("cores = 4", "cores = 3"))
    profiles = known_profiles([tmp_path / "rpi4.toml"])
    assert profiles["rpi4"].cores == 3
    assert recognize(Evidence(compatible="me,board\0"), profiles)[0].profile.id == "my-board"


def test_ones_own_profile_goes_before_a_bundled_one(config: Path) -> None:
    (config / "devices").mkdir(parents=True)
    (config / "devices" / "my-pi.toml").write_text(WHOLE)
    found = recognize(Evidence(compatible="brcm,bcm2711\0"), known_profiles())
    assert [match.profile.id for match in found] == ["my-pi"]
