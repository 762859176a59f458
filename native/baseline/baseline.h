// What all parts of the baselines share. Everything is callable from C#: plain numbers and pointers in, a checksum out.
#ifndef BASELINE_H
#define BASELINE_H

#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define API __attribute__((noinline, visibility("default")))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define NOT_MAPPED (~0ull)

// x86-64 entries.
#define PRESENT 1ull
#define WRITABLE 2ull
#define USER 4ull
#define ACCESSED 0x20ull
#define DIRTY 0x40ull
#define HUGE_LEAF 0x80ull
#define PROT_NONE_BIT 0x100ull
#define NO_EXECUTE (1ull << 63)
#define FRAME 0x000ffffffffff000ull
#define TABLE (PRESENT | WRITABLE | USER | ACCESSED | DIRTY)

static inline u64 *entry_at(const u8 *ram, u64 table, u64 address, int shift) {
    return (u64 *)(ram + table + ((address >> shift) & 511) * 8);
}

// The entry of a page, null when a table is missing or a huge leaf is in its place.
static inline u64 *find_entry(const u8 *ram, u64 root, u64 address) {
    u64 e = *entry_at(ram, root, address, 39);
    if (!(e & PRESENT))
        return 0;
    e = *entry_at(ram, e & FRAME, address, 30);
    if (!(e & PRESENT) || (e & HUGE_LEAF))
        return 0;
    e = *entry_at(ram, e & FRAME, address, 21);
    if (!(e & PRESENT) || (e & HUGE_LEAF))
        return 0;
    return entry_at(ram, e & FRAME, address, 12);
}

#endif
