"""The counter's decoder: each instruction's kind, and the bytes that it moves."""

from __future__ import annotations

import subprocess
from pathlib import Path

from edge_edet.devices.counting import KINDS
from edge_edet.devices.counting.counter import SOURCE
from edge_edet.system import CountingTools

GOLDEN = Path(__file__).parent / "golden" / "instructions.txt"
# What QEMU offers to a plugin, empty, and a program around the decoder.
HARNESS = f"""
#include "{SOURCE}"
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb) {{ return tb != 0; }}
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb) {{ return tb != 0; }}
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i)
{{ (void)tb, (void)i; return 0; }}
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn) {{ return insn; }}
void qemu_plugin_register_vcpu_tb_trans_cb(
    uint64_t id, void (*call)(uint64_t, struct qemu_plugin_tb *)) {{ (void)id, (void)call; }}
void qemu_plugin_register_vcpu_tb_exec_cb(
    struct qemu_plugin_tb *tb, void (*call)(unsigned, void *), int flags, void *data)
{{ (void)tb, (void)call, (void)flags, (void)data; }}
void qemu_plugin_register_vcpu_syscall_cb(
    uint64_t id, void (*call)(uint64_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                              uint64_t, uint64_t, uint64_t, uint64_t)) {{ (void)id, (void)call; }}
int main(void)
{{
    for (unsigned word; scanf("%x", &word) == 1;) {{
        uint16_t has[NUMBERS] = {{0}};
        int of = kind(word);
        if (of == MEMORY || of == SIMD_MEMORY)
            memory(word, has);
        printf("%d %d %d\\n", of, has[LOADED], has[STORED]);
    }}
    return 0;
}}
"""


def test_instructions_have_their_kind_and_bytes(tools: CountingTools, tmp_path: Path) -> None:
    (tmp_path / "harness.c").write_text(HARNESS)
    program = tmp_path / "harness"
    command = [tools.compiler, "-Wall", "-Wextra", "-Werror", "-DAPI=1", "-o", program]
    subprocess.run([*command, tmp_path / "harness.c"], check=True)
    rows = [line.split(" | ") for line in GOLDEN.read_text().splitlines()]
    words = "\n".join(row[0] for row in rows)
    told = subprocess.run([program], input=words, capture_output=True, text=True, check=True)
    found = [line.split() for line in told.stdout.splitlines()]
    ours = [(asm, KINDS[int(a)], b, c) for (_, asm, *_), (a, b, c) in zip(rows, found, strict=True)]
    assert ours == [tuple(row[1:]) for row in rows]
    assert {row[2] for row in rows} == set(KINDS) - {"unknown"}


def test_both_interfaces_compile_without_a_warning(tools: CountingTools, tmp_path: Path) -> None:
    for interface in (1, 3):
        command = [tools.compiler, "-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
        command += [f"-DAPI={interface}", "-o", str(tmp_path / f"{interface}.so"), str(SOURCE)]
        subprocess.run(command, check=True)
