/* Counts the instructions that an emulated ARM core executes, by kind: a plugin of QEMU's user emulation.
 *
 * Each block of instructions is decoded once, when QEMU translates it; each execution adds one to the
 * block's counter. Where the program calls getsid, which does nothing, the sums so far are written as a
 * line of numbers to the file that EDGE_EDET_COUNTS names. Threads that wait in a loop around YIELD are
 * counted apart. The declarations are those that QEMU's documentation of plugins describes; API is the
 * version of that interface: 1 up to QEMU 8.2, 2 in 9.0, 3 since 9.1 (-DAPI=...).
 *
 * Encodings: Arm Architecture Reference Manual for A-profile, "A64 instruction set encoding". */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct target { const char *name; };
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
#if API < 3
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
#else
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *, void *, size_t);
#endif
void qemu_plugin_register_vcpu_tb_trans_cb(
    uint64_t, void (*)(uint64_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(
    struct qemu_plugin_tb *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_vcpu_syscall_cb(
    uint64_t, void (*)(uint64_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                       uint64_t, uint64_t, uint64_t, uint64_t));
#define PUBLIC __attribute__((visibility("default")))
PUBLIC int qemu_plugin_version = API;

/* The order is that of KINDS in kinds.py; the last three are no instructions. */
enum { DOT, MATRIX, WIDENING, MULTIPLY, SIMD, SIMD_MEMORY, TABLE, SCALAR_FLOAT, INTEGER, MEMORY,
       BRANCH, UNKNOWN, LOADED, STORED, WAITING, NUMBERS };
enum { YIELD = 0xd503203f, GETSID = 156, NEAR = 64, THREADS = 1024 };

struct block {
    struct block *next;
    uint64_t address, runs, waits;
    bool yields;
    uint16_t has[NUMBERS]; /* of one execution; a block has at most 512 instructions */
};

static struct block *blocks;
static uint64_t waits_at[THREADS];
static FILE *out;

#define BITS(high, low) (word >> (low) & ((1u << ((high) - (low) + 1)) - 1))

static int simd(uint32_t word) /* data processing of SIMD and floating point */
{
    if (BITS(28, 28))
        return SCALAR_FLOAT; /* and single lanes */
    if (word >> 31)
        return SIMD; /* SHA3, SM3, SM4 */
    bool u = BITS(29, 29), by_lane = BITS(24, 24);
    if (by_lane) {
        if (BITS(10, 10))
            return SIMD; /* shifts, immediates */
        unsigned op = BITS(15, 12);
        if (op == 14 || (op == 15 && !u))
            return DOT; /* SDOT, UDOT; SUDOT, USDOT, BFDOT and BFMLAL */
        return (op & 3) == 2 || (!u && (op & 3) == 3) ? WIDENING : MULTIPLY;
    }
    if ((word & 0xbfe08c00) == 0x0e000000)
        return TABLE;
    if (!BITS(21, 21) && BITS(15, 15) && BITS(10, 10)) {
        unsigned op = BITS(14, 11);
        if (op == 4 || op == 5 || op == 13)
            return MATRIX;
        if (op == 2 || op == 3 || op == 15)
            return DOT;
        return op < 2 || (op >= 8 && op < 12) ? MULTIPLY : SIMD;
    }
    if (!BITS(21, 21) && BITS(22, 22) && !BITS(15, 14) && BITS(10, 10)) /* half precision */
        return BITS(13, 11) == 1 || (BITS(13, 11) == 3 && !BITS(23, 23)) ? MULTIPLY : SIMD;
    if (BITS(21, 21) && BITS(10, 10)) {
        unsigned op = BITS(15, 11);
        bool multiplies = op == 18 || op == 19 || op == 22 || op == 25 || (op == 27 && !BITS(23, 23))
            || (op == 29 && !u);
        return multiplies ? MULTIPLY : SIMD;
    }
    if (BITS(21, 21) && !BITS(11, 10) && BITS(15, 12) >= 8 && BITS(15, 12) < 15)
        return WIDENING;
    return SIMD;
}

static void memory(uint32_t word, uint16_t *has) /* adds the bytes of one load or store */
{
    bool vector = BITS(26, 26), load = BITS(22, 22), store = !load;
    unsigned size = word >> 30, bytes = 1u << size, form = BITS(29, 28), op = BITS(15, 12);
    if (form == 0 && vector) { /* LD1 to LD4 */
        if (!BITS(24, 24)) {
            unsigned registers = op == 7 ? 1 : op >= 8 ? 2 : op >= 4 ? 3 : 4;
            bytes = registers * (BITS(30, 30) ? 16 : 8);
        } else {
            unsigned lane = BITS(15, 14) == 3 ? BITS(11, 10) : BITS(15, 14) + (BITS(15, 14) == 2 && BITS(10, 10));
            bytes = (BITS(13, 13) * 2 + BITS(21, 21) + 1) << lane;
        }
    } else if (form == 0) { /* exclusive, ordered, compare and swap */
        if (BITS(21, 21) && BITS(23, 23))
            load = store = true;
        else if (BITS(21, 21)) {
            bytes = BITS(30, 30) ? 16 : 8;
            if (!BITS(31, 31))
                load = store = true;
        }
    } else if (form == 1 && !BITS(24, 24)) { /* from a constant address */
        load = true, store = false;
        bytes = vector ? 4u << size : size == 3 ? 0 : size == 1 ? 8 : 4;
    } else if (form == 1) {
        load = BITS(23, 22) != 0, store = !load;
    } else if (form == 2) { /* pairs */
        bytes = 2 * (vector ? 4u << size : size == 2 ? 8 : 4);
    } else if (vector) {
        bytes = 1u << (size | BITS(23, 23) << 2);
    } else if (!BITS(24, 24) && BITS(21, 21) && !BITS(11, 10)) { /* atomic */
        load = true, store = (word & 0x3ffffc00) != 0x38bfc000; /* LDAPR only loads */
    } else {
        load = BITS(23, 22) != 0, store = !load;
        if (size == 3 && BITS(23, 22) == 2)
            bytes = 0; /* prefetch */
    }
    has[LOADED] += load ? bytes : 0;
    has[STORED] += store ? bytes : 0;
}

static int kind(uint32_t word)
{
    unsigned group = BITS(28, 25);
    if ((group & 5) == 4)
        return BITS(26, 26) ? SIMD_MEMORY : MEMORY;
    if ((group & 7) == 7)
        return simd(word);
    if ((group & 14) == 10) /* not system instructions, such as barriers */
        return (word & 0xffc00000) == 0xd5000000 || (word >> 24) == 0xd4 ? INTEGER : BRANCH;
    return (group & 14) == 8 || (group & 7) == 5 ? INTEGER : UNKNOWN; /* SVE, SME */
}

static void executed(unsigned thread, void *data)
{
    struct block *block = data;
    uint64_t *at = &waits_at[thread % THREADS];
    if (block->yields)
        *at = block->address;
    else if (*at && (block->address > *at ? block->address - *at : *at - block->address) > NEAR)
        *at = 0;
    __atomic_fetch_add(*at ? &block->waits : &block->runs, 1, __ATOMIC_RELAXED);
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    struct block *block = calloc(1, sizeof *block);
    if (!block)
        abort();
    block->address = qemu_plugin_tb_vaddr(tb);
    for (size_t i = 0, n = qemu_plugin_tb_n_insns(tb); i < n; i++) {
        uint32_t word = 0;
#if API < 3
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i)), sizeof word);
#else
        qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i), &word, sizeof word);
#endif
        int of = kind(word);
        block->has[of]++;
        block->yields |= word == YIELD;
        if (of == MEMORY || of == SIMD_MEMORY)
            memory(word, block->has);
    }
    block->next = __atomic_load_n(&blocks, __ATOMIC_ACQUIRE);
    while (!__atomic_compare_exchange_n(&blocks, &block->next, block, false, __ATOMIC_RELEASE,
                                        __ATOMIC_ACQUIRE))
        ;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, 0, block);
}

static void called(uint64_t id, unsigned thread, int64_t number, uint64_t a, uint64_t b, uint64_t c,
                   uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    (void)id, (void)thread, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number != GETSID)
        return;
    uint64_t sums[NUMBERS] = {0};
    for (struct block *one = __atomic_load_n(&blocks, __ATOMIC_ACQUIRE); one; one = one->next) {
        uint64_t runs = __atomic_load_n(&one->runs, __ATOMIC_RELAXED);
        uint64_t waits = __atomic_load_n(&one->waits, __ATOMIC_RELAXED);
        for (int i = 0; i < WAITING; i++)
            sums[i] += one->has[i] * runs, sums[WAITING] += i < LOADED ? one->has[i] * waits : 0;
    }
    for (int i = 0; i < NUMBERS; i++)
        fprintf(out, "%llu%c", (unsigned long long)sums[i], i + 1 < NUMBERS ? ' ' : '\n');
    fflush(out);
}

PUBLIC int qemu_plugin_install(uint64_t id, const struct target *target, int argc, char **argv)
{
    (void)argc, (void)argv;
    const char *path = getenv("EDGE_EDET_COUNTS");
    if (strcmp(target->name, "aarch64") || !path || !(out = fopen(path, "w")))
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
