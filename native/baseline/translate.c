// Translation: the plain walk that is the unit of all ratios, and its relatives.
#include "baseline.h"

static inline u64 walk(const u8 *ram, u64 root, u64 address) {
    u64 e = *entry_at(ram, root, address, 39);
    if (!(e & PRESENT))
        return NOT_MAPPED;
    e = *entry_at(ram, e & FRAME, address, 30);
    if (!(e & PRESENT))
        return NOT_MAPPED;
    if (e & HUGE_LEAF)
        return (e & FRAME & ~((1ull << 30) - 1)) | (address & ((1ull << 30) - 1));
    e = *entry_at(ram, e & FRAME, address, 21);
    if (!(e & PRESENT))
        return NOT_MAPPED;
    if (e & HUGE_LEAF)
        return (e & FRAME & ~((1ull << 21) - 1)) | (address & ((1ull << 21) - 1));
    e = *entry_at(ram, e & FRAME, address, 12);
    if (!(e & PRESENT))
        return NOT_MAPPED;
    return (e & FRAME) | (address & 4095);
}

API u64 base_translate(const u8 *ram, u64 root, const u64 *addresses, size_t n) {
    u64 sum = 0;
    for (size_t i = 0; i < n; i++) {
        u64 physical = walk(ram, root, addresses[i]);
        if (physical != NOT_MAPPED)
            sum += physical;
    }
    return sum;
}

// Each address is taken only when the translation before is known: latency.
API u64 base_translate_dependent(const u8 *ram, u64 root, const u64 *addresses, size_t n) {
    u64 sum = 0, physical = 0;
    for (size_t i = 0; i < n; i++) {
        physical = walk(ram, root, addresses[i + (physical >> 60)]);
        sum += physical;
        __asm__ volatile("" : "+r"(physical));
    }
    return sum;
}

// A walk as hardware does it: canonical address, permissions of all levels, accessed and dirty set when they are clear.
static inline u64 walk_full(u8 *ram, u64 root, u64 address, int write, int user, int execute) {
    if ((u64)(((int64_t)(address << 16)) >> 16) != address)
        return ~1ull;
    u64 rights = WRITABLE | USER, no_execute = 0, table = root, e;
    u64 *word;
    int shift = 39;
    for (;;) {
        word = entry_at(ram, table, address, shift);
        e = __atomic_load_n(word, __ATOMIC_ACQUIRE);
        if (!(e & PRESENT))
            return NOT_MAPPED;
        rights &= e;
        no_execute |= e;
        if (shift == 12 || (e & HUGE_LEAF))
            break;
        if (!(e & ACCESSED))
            __atomic_fetch_or(word, ACCESSED, __ATOMIC_RELAXED);
        table = e & FRAME;
        shift -= 9;
    }
    if ((write && !(rights & WRITABLE)) || (user && !(rights & USER)) || (execute && (no_execute & NO_EXECUTE)))
        return ~2ull;
    u64 marks = ACCESSED | (write ? DIRTY : 0);
    if ((e & marks) != marks)
        __atomic_fetch_or(word, marks, __ATOMIC_RELAXED);
    u64 mask = (1ull << shift) - 1;
    return (e & FRAME & ~mask) | (address & mask);
}

API u64 base_translate_full(u8 *ram, u64 root, const u64 *addresses, size_t n) {
    u64 sum = 0;
    for (size_t i = 0; i < n; i++) {
        u64 physical = walk_full(ram, root, addresses[i], 1, 1, 0);
        if (physical < ~8ull)
            sum += physical;
    }
    return sum;
}

// A software TLB: 1024 entries, direct-mapped.
#define TLB_ENTRIES 1024
typedef struct {
    u64 tag, add;
} tlb_entry;

API tlb_entry *base_tlb_new(void) {
    tlb_entry *t = aligned_alloc(64, TLB_ENTRIES * sizeof *t);
    memset(t, 0xff, TLB_ENTRIES * sizeof *t);
    return t;
}

API void base_tlb_free(tlb_entry *t) { free(t); }

__attribute__((noinline)) static u64 tlb_miss(tlb_entry *t, const u8 *ram, u64 root, u64 address) {
    u64 physical = walk(ram, root, address);
    if (physical != NOT_MAPPED) {
        tlb_entry *e = &t[(address >> 12) & (TLB_ENTRIES - 1)];
        e->tag = address >> 12;
        e->add = (physical & ~4095ull) - (address & ~4095ull);
    }
    return physical;
}

static inline u64 tlb_lookup(tlb_entry *t, const u8 *ram, u64 root, u64 address) {
    tlb_entry *e = &t[(address >> 12) & (TLB_ENTRIES - 1)];
    return LIKELY(e->tag == address >> 12) ? address + e->add : tlb_miss(t, ram, root, address);
}

API u64 base_tlb(tlb_entry *t, const u8 *ram, u64 root, const u64 *addresses, size_t n) {
    u64 sum = 0;
    for (size_t i = 0; i < n; i++) {
        u64 physical = tlb_lookup(t, ram, root, addresses[i]);
        if (physical != NOT_MAPPED)
            sum += physical;
    }
    return sum;
}

// 32 walks in flight, each asking for its next entry before any of them needs one.
#define BATCH 32
API u64 base_translate_batch(const u8 *ram, u64 root, const u64 *addresses, u64 *results, size_t n) {
    u64 sum = 0;
    for (size_t i = 0; i + BATCH <= n; i += BATCH) {
        const u64 *at[BATCH];
        const u64 *va = addresses + i;
        for (int k = 0; k < BATCH; k++) {
            u64 e = *entry_at(ram, root, va[k], 39);
            at[k] = (e & PRESENT) ? entry_at(ram, e & FRAME, va[k], 30) : 0;
            results[i + k] = NOT_MAPPED;
            if (at[k])
                __builtin_prefetch(at[k]);
        }
        for (int shift = 30; shift > 12; shift -= 9) {
            u64 mask = (1ull << shift) - 1;
            for (int k = 0; k < BATCH; k++) {
                if (!at[k])
                    continue;
                u64 e = *at[k];
                if (e & HUGE_LEAF) {
                    results[i + k] = (e & FRAME & ~mask) | (va[k] & mask);
                    at[k] = 0;
                    continue;
                }
                at[k] = (e & PRESENT) ? entry_at(ram, e & FRAME, va[k], shift - 9) : 0;
                if (at[k])
                    __builtin_prefetch(at[k]);
            }
        }
        for (int k = 0; k < BATCH; k++) {
            if (at[k] && (*at[k] & PRESENT)) {
                results[i + k] = (*at[k] & FRAME) | (va[k] & 4095);
                sum += results[i + k];
            }
        }
    }
    return sum;
}

// sparc64: pages of 8 KiB, ten bits to a level, upper entries are bare addresses, everything big-endian in RAM.
#define SPARC_FRAME 0x00ffffffffffe000ull
#define SPARC_HUGE (1ull << 56)
static inline u64 big(const u8 *ram, u64 table, u64 address, int shift) {
    return __builtin_bswap64(*(const u64 *)(ram + table + ((address >> shift) & 1023) * 8));
}

API u64 base_sparc_translate(const u8 *ram, u64 root, const u64 *addresses, size_t n) {
    u64 sum = 0;
    for (size_t i = 0; i < n; i++) {
        u64 v = addresses[i], e = big(ram, root, v, 43);
        if (!e)
            continue;
        e = big(ram, e, v, 33);
        if (!e)
            continue;
        e = big(ram, e, v, 23);
        if (!e)
            continue;
        if (e & SPARC_HUGE) {
            sum += (e & SPARC_FRAME & ~((1ull << 23) - 1)) | (v & ((1ull << 23) - 1));
            continue;
        }
        e = big(ram, e, v, 13);
        if ((int64_t)e >= 0)
            continue;
        sum += (e & SPARC_FRAME) | (v & 8191);
    }
    return sum;
}
