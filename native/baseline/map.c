// Mapping and unmapping: page by page plainly and with atomics, and by leaf table. Tables come from a bump allocator behind the root.
#include "baseline.h"

typedef struct {
    u8 *ram;
    u64 root, next;
} tree;

__attribute__((noinline)) static u64 make_table(tree *t, u64 *word) {
    u64 table = t->next;
    t->next += 4096;
    memset(t->ram + table, 0, 4096);
    __atomic_store_n(word, table | TABLE, __ATOMIC_RELEASE);
    return table | TABLE;
}

static inline u64 *ensure_entry(tree *t, u64 address) {
    u64 *word = entry_at(t->ram, t->root, address, 39), e = *word;
    if (!LIKELY(e & PRESENT))
        e = make_table(t, word);
    word = entry_at(t->ram, e & FRAME, address, 30);
    e = *word;
    if (!LIKELY(e & PRESENT))
        e = make_table(t, word);
    word = entry_at(t->ram, e & FRAME, address, 21);
    e = *word;
    if (!LIKELY(e & PRESENT))
        e = make_table(t, word);
    return entry_at(t->ram, e & FRAME, address, 12);
}

__attribute__((noinline)) static int map_one(tree *t, u64 address, u64 leaf) {
    u64 *word = ensure_entry(t, address);
    if (*word)
        return -1;
    __atomic_store_n(word, leaf, __ATOMIC_RELEASE);
    return 0;
}

__attribute__((noinline)) static int map_one_cas(tree *t, u64 address, u64 leaf) {
    u64 *word = ensure_entry(t, address), none = 0;
    return __atomic_compare_exchange_n(word, &none, leaf, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED) ? 0 : -1;
}

// An empty root at offset 4096 of a buffer.
API void base_map_reset(u8 *ram) { memset(ram + 4096, 0, 4096); }

API u64 base_map(u8 *ram, u64 address, u64 leaf, size_t n) {
    tree t = {ram, 4096, 8192};
    u64 failed = 0;
    for (size_t i = 0; i < n; i++)
        failed += map_one(&t, address + i * 4096, leaf + i * 4096) != 0;
    return failed;
}

API u64 base_map_cas(u8 *ram, u64 address, u64 leaf, size_t n) {
    tree t = {ram, 4096, 8192};
    u64 failed = 0;
    for (size_t i = 0; i < n; i++)
        failed += map_one_cas(&t, address + i * 4096, leaf + i * 4096) != 0;
    return failed;
}

API u64 base_map_range(u8 *ram, u64 address, u64 leaf, size_t n) {
    tree t = {ram, 4096, 8192};
    while (n) {
        u64 *word = ensure_entry(&t, address), any = 0;
        size_t count = 512 - ((address >> 12) & 511);
        if (count > n)
            count = n;
        for (size_t i = 0; i < count; i++)
            any |= word[i];
        if (any)
            return 1;
        for (size_t i = 0; i < count; i++)
            word[i] = leaf + i * 4096;
        leaf += count * 4096;
        address += count * 4096;
        n -= count;
    }
    return 0;
}

__attribute__((noinline)) static u64 unmap_one(u8 *ram, u64 root, u64 address) {
    u64 *word = find_entry(ram, root, address);
    if (!word || !(*word & PRESENT))
        return 0;
    u64 old = *word;
    *word = 0;
    return old;
}

__attribute__((noinline)) static u64 unmap_one_xchg(u8 *ram, u64 root, u64 address) {
    u64 *word = find_entry(ram, root, address);
    if (!word || !(*word & PRESENT))
        return 0;
    return __atomic_exchange_n(word, 0, __ATOMIC_ACQ_REL);
}

API u64 base_unmap(u8 *ram, u64 address, size_t n) {
    u64 sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += unmap_one(ram, 4096, address + i * 4096) & FRAME;
    return sum;
}

API u64 base_unmap_xchg(u8 *ram, u64 address, size_t n) {
    u64 sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += unmap_one_xchg(ram, 4096, address + i * 4096) & FRAME;
    return sum;
}

API u64 base_unmap_range(u8 *ram, u64 address, size_t n) {
    u64 sum = 0;
    while (n) {
        u64 *word = find_entry(ram, 4096, address);
        size_t count = 512 - ((address >> 12) & 511);
        if (count > n)
            count = n;
        for (size_t i = 0; word && i < count; i++) {
            sum += word[i] & FRAME;
            word[i] = 0;
        }
        address += count * 4096;
        n -= count;
    }
    return sum;
}

// The leaf tables of a range as a checksum, to compare with another tree.
API u64 base_leaf_sum(const u8 *ram, u64 root, u64 address, size_t n) {
    u64 sum = 0;
    for (size_t i = 0; i < n; i++) {
        u64 *word = find_entry(ram, root, address + i * 4096);
        sum = sum * 31 + (word ? *word : 0);
    }
    return sum;
}

// Fork of one address space: the leaf tables are copied, what they map is counted, and both sides lose write permission.
// Frame records are 64 bytes, with references and mappings in their first two 32-bit words.
API u64 base_fork(u8 *ram, u64 root, u8 *child, u8 *records, u64 frames, u64 address, size_t n) {
    tree t = {child, 4096, 8192};
    u64 copied = 0;
    memset(child + 4096, 0, 4096);
    while (n) {
        u64 *from = find_entry(ram, root, address), *to = ensure_entry(&t, address);
        size_t count = 512 - ((address >> 12) & 511);
        if (count > n)
            count = n;
        for (size_t i = 0; from && i < count; i++) {
            u64 e = from[i], frame = (e & FRAME) >> 12;
            if (!(e & PRESENT) || frame >= frames)
                continue;
            __atomic_fetch_add((u32 *)(records + frame * 64), 1, __ATOMIC_ACQ_REL);
            __atomic_fetch_add((u32 *)(records + frame * 64 + 4), 1, __ATOMIC_ACQ_REL);
            if (e & WRITABLE) {
                e &= ~WRITABLE;
                __atomic_fetch_and(&from[i], ~WRITABLE, __ATOMIC_ACQ_REL);
            }
            to[i] = e;
            copied++;
        }
        address += count * 4096;
        n -= count;
    }
    return copied;
}

// The child's end: each entry is taken away, each page counted off.
API u64 base_teardown(u8 *child, u8 *records, u64 frames, u64 address, size_t n) {
    u64 dropped = 0;
    while (n) {
        u64 *word = find_entry(child, 4096, address);
        size_t count = 512 - ((address >> 12) & 511);
        if (count > n)
            count = n;
        for (size_t i = 0; word && i < count; i++) {
            u64 e = __atomic_exchange_n(&word[i], 0, __ATOMIC_ACQ_REL), frame = (e & FRAME) >> 12;
            if (!(e & PRESENT) || frame >= frames)
                continue;
            __atomic_fetch_sub((u32 *)(records + frame * 64 + 4), 1, __ATOMIC_ACQ_REL);
            __atomic_fetch_sub((u32 *)(records + frame * 64), 1, __ATOMIC_ACQ_REL);
            dropped++;
        }
        address += count * 4096;
        n -= count;
    }
    return dropped;
}
