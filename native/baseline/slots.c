// Swap slots: reference counts and allocation, and the swap-out and swap-in of single pages that are made of them.
#include "baseline.h"

// ---- One more reference and one less, over a list of slots.

static inline int byte_more(u8 *slot) {
    u8 seen = __atomic_load_n(slot, __ATOMIC_RELAXED);
    do {
        if ((seen & 0x3f) == 0 || (seen & 0x3f) == 0x3e)
            return -1;
    } while (!__atomic_compare_exchange_n(slot, &seen, seen + 1, 1, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return 0;
}

static inline int byte_less(u8 *slot) {
    u8 seen = __atomic_load_n(slot, __ATOMIC_RELAXED);
    do {
        if ((seen & 0x3f) == 0)
            return -1;
    } while (!__atomic_compare_exchange_n(slot, &seen, seen - 1, 1, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return seen - 1;
}

API u64 base_refs_byte(u8 *map, const u32 *slots, size_t n) {
    u64 sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += byte_more(map + slots[i]);
        sum += byte_less(map + slots[i]);
    }
    return sum;
}

#define ONE (1ull << 48)
API u64 base_refs_word(u64 *map, const u32 *slots, size_t n) {
    u64 sum = 0;
    for (size_t i = 0; i < n; i++) {
        u64 *slot = map + slots[i], seen = __atomic_load_n(slot, __ATOMIC_RELAXED);
        do {
            if ((seen & (0xfff * ONE)) == 0 || (seen & (0xfff * ONE)) == 0xffe * ONE)
                return ~0ull;
        } while (!__atomic_compare_exchange_n(slot, &seen, seen + ONE, 1, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
        seen = __atomic_load_n(slot, __ATOMIC_RELAXED);
        do {
            if ((seen & (0xfff * ONE)) == 0)
                return ~0ull;
        } while (!__atomic_compare_exchange_n(slot, &seen, seen - ONE, 1, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
        sum += seen >> 48;
    }
    return sum;
}

typedef struct {
    int word;
} __attribute__((aligned(64))) spin;
static spin locks[4096];

static inline void spin_lock(spin *s) {
    while (__atomic_exchange_n(&s->word, 1, __ATOMIC_ACQUIRE)) {
        while (__atomic_load_n(&s->word, __ATOMIC_RELAXED))
            __asm__ volatile("" ::: "memory");
    }
}

static inline void spin_unlock(spin *s) { __atomic_store_n(&s->word, 0, __ATOMIC_RELEASE); }

API u64 base_refs_cluster_lock(u8 *map, const u32 *slots, size_t n) {
    u64 sum = 0;
    for (size_t i = 0; i < n; i++) {
        volatile u8 *slot = map + slots[i];
        spin *lock = &locks[(slots[i] >> 9) & 4095];
        spin_lock(lock);
        u8 seen = *slot;
        if ((seen & 0x3f) < 0x3e)
            *slot = seen + 1;
        spin_unlock(lock);
        spin_lock(lock);
        seen = *slot;
        if (seen & 0x3f)
            *slot = seen - 1;
        spin_unlock(lock);
        sum += seen;
    }
    return sum;
}

// ---- Allocation from a bitmap of 2^20 slots: flat, and with a level that says which words are full.

#define SLOTS (1u << 20)
#define WORDS (SLOTS / 64)
static u64 bits[WORDS], full[WORDS / 64];
static u32 taken[SLOTS], cursor;
static u64 seed;

static u64 next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

API void base_slots_fill(int percent) {
    u32 target = (u64)SLOTS * percent / 100, used = 0;
    seed = 88172645463325252ull;
    memset(bits, percent > 90 ? 0xff : 0, sizeof bits);
    memset(full, 0, sizeof full);
    cursor = 0;
    used = percent > 90 ? SLOTS : 0;
    while (used != target) {
        u32 slot = next_random() & (SLOTS - 1);
        u64 bit = 1ull << (slot & 63);
        if (used > target ? !(bits[slot >> 6] & bit) : !!(bits[slot >> 6] & bit))
            continue;
        bits[slot >> 6] ^= bit;
        used += used > target ? -1 : 1;
    }
    for (u32 i = 0; i < WORDS; i++)
        full[i >> 6] |= (u64)(bits[i] == ~0ull) << (i & 63);
}

// Whether a slot is taken, so that others can start from the same occupancy.
API int base_slot_is_taken(u32 slot) { return bits[slot >> 6] >> (slot & 63) & 1; }

static inline u32 take_flat(void) {
    u32 w = cursor;
    for (u32 tried = 0; tried <= WORDS; tried++, w = (w + 1) & (WORDS - 1)) {
        u64 seen = __atomic_load_n(&bits[w], __ATOMIC_RELAXED);
        while (~seen) {
            int b = __builtin_ctzll(~seen);
            if (__atomic_compare_exchange_n(&bits[w], &seen, seen | 1ull << b, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
                cursor = w;
                return w * 64 + b;
            }
        }
    }
    return ~0u;
}

static inline u32 take_two_level(void) {
    u32 g = cursor >> 6;
    for (u32 tried = 0; tried <= WORDS / 64; tried++, g = (g + 1) & (WORDS / 64 - 1)) {
        u64 open = ~full[g];
        if (!open)
            continue;
        u32 w = g * 64 + __builtin_ctzll(open);
        int b = __builtin_ctzll(~bits[w]);
        bits[w] |= 1ull << b;
        if (bits[w] == ~0ull)
            full[g] |= 1ull << (w & 63);
        cursor = g << 6;
        return w * 64 + b;
    }
    return ~0u;
}

API u64 base_slots_take(int two_level, size_t n) {
    u64 sum = 0;
    cursor = 0;
    for (size_t i = 0; i < n; i++)
        sum += taken[i] = two_level ? take_two_level() : take_flat();
    return sum;
}

API void base_slots_give_back(size_t n) {
    for (size_t i = 0; i < n; i++) {
        bits[taken[i] >> 6] &= ~(1ull << (taken[i] & 63));
        full[taken[i] >> 12] &= ~(1ull << ((taken[i] >> 6) & 63));
    }
}

// ---- One page out and in again, with the atomics that shared memory needs and nothing else: no lists, no devices, no other owners.

static u8 counts[SLOTS];
static u32 frames[SLOTS], frames_top;

API void base_swap_reset(void) {
    memset(bits, 0, sizeof bits);
    memset(counts, 0, sizeof counts);
    cursor = 0;
    frames_top = 0;
}

static inline int swap_out(u8 *ram, u64 root, u64 address) {
    u64 *word = find_entry(ram, root, address);
    if (!word)
        return -1;
    u64 seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    if (!(seen & PRESENT))
        return -1;
    u32 slot = take_flat();
    if (slot == ~0u)
        return -2;
    __atomic_store_n(&counts[slot], 1, __ATOMIC_RELEASE);
    u64 entry = (((~(u64)slot) << 14) >> 5) | 8;
    while (!__atomic_compare_exchange_n(word, &seen, entry, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        if (!(seen & PRESENT))
            return -3;
    }
    frames[frames_top++] = (seen & FRAME) >> 12;
    return 0;
}

static inline int byte_less_to_zero(u8 *count) {
    u8 seen = __atomic_load_n(count, __ATOMIC_RELAXED);
    while (seen && !__atomic_compare_exchange_n(count, &seen, seen - 1, 1, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        ;
    return seen == 1;
}

static inline int swap_in(u8 *ram, u64 root, u64 address) {
    u64 *word = find_entry(ram, root, address);
    if (!word)
        return -1;
    u64 seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    u64 slot = (~seen << 5) >> 14;
    if ((seen & PRESENT) || !seen || slot >= SLOTS || !frames_top)
        return -1;
    u32 frame = frames[--frames_top];
    if (!__atomic_compare_exchange_n(word, &seen, (u64)frame << 12 | 0x67, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return -2;
    if (byte_less_to_zero(&counts[slot]))
        __atomic_fetch_and(&bits[slot >> 6], ~(1ull << (slot & 63)), __ATOMIC_RELEASE);
    return 0;
}

API u64 base_swap_out(u8 *ram, u64 root, const u64 *addresses, size_t n) {
    u64 failed = 0;
    for (size_t i = 0; i < n; i++)
        failed += swap_out(ram, root, addresses[i]) != 0;
    return failed;
}

API u64 base_swap_in(u8 *ram, u64 root, const u64 *addresses, size_t n) {
    u64 failed = 0;
    for (size_t i = 0; i < n; i++)
        failed += swap_in(ram, root, addresses[i]) != 0;
    return failed;
}
