"""Write the first column of instructions.txt: what GNU's assembler makes of the second.

    python tests/counting/golden/make_instructions.py

Kind and bytes of each instruction stand there by hand, from the Arm Architecture Reference Manual. Needs
aarch64-linux-gnu-as and -objcopy (Debian's binutils-aarch64-linux-gnu; the file was made with 2.40).
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from pathlib import Path

GOLDEN = Path(__file__).with_name("instructions.txt")
ARCHITECTURE = "-march=armv8.6-a+fp16+fp16fml+sha3+crypto"


def words_of(text: str) -> list[int]:
    """Assemble one instruction a line."""
    with tempfile.TemporaryDirectory() as name:
        source, made, raw = (Path(name) / part for part in ("a.s", "a.o", "a.bin"))
        source.write_text(text)
        subprocess.run(["aarch64-linux-gnu-as", ARCHITECTURE, "-o", made, source], check=True)
        subprocess.run(["aarch64-linux-gnu-objcopy", "-O", "binary", made, raw], check=True)
        data = raw.read_bytes()
    return list(struct.unpack(f"<{len(data) // 4}I", data))


def main() -> None:
    """Write the file anew."""
    rows = [line.split(" | ") for line in GOLDEN.read_text().splitlines()]
    words = words_of("".join(f"{row[1]}\n" for row in rows))
    lines = [" | ".join([f"{word:08x}", *row[1:]]) for word, row in zip(words, rows, strict=True)]
    GOLDEN.write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
