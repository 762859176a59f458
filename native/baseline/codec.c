// Swap PTEs of x86-64 in bulk: one by one, with AVX2 and with AVX-512; and what merely moving the words costs.
#include "baseline.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define HAVE_VECTORS 1
#define WITH_AVX2 __attribute__((target("avx2")))
#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#endif

#define SCALAR __attribute__((optimize("no-tree-vectorize")))

// 0: one by one only, 1: AVX2, 2: AVX-512.
API int base_vectors(void) {
#ifdef HAVE_VECTORS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl"))
        return 2;
    return __builtin_cpu_supports("avx2") ? 1 : 0;
#else
    return 0;
#endif
}

API u64 base_copy(u64 *to, const u64 *from, size_t n) {
    memcpy(to, from, n * 8);
    return to[n - 1];
}

static inline u64 decode(u64 p) { return ((~p << 5) >> 14) | ((p >> 59) << 58); }

API SCALAR u64 base_decode(u64 *to, const u64 *from, size_t n) {
    for (size_t i = 0; i < n; i++)
        to[i] = decode(from[i]);
    return to[n - 1];
}

// Type and offset of single entries, used at once: what inlined accessors cost.
API SCALAR u64 base_unpack(const u64 *from, size_t n) {
    u64 sum = 0;
#pragma GCC unroll 4
    for (size_t i = 0; i < n; i++) {
        u64 p = from[i], offset = (~p << 5) >> 14, type = p >> 59;
        __asm__ volatile("" ::"r"(offset), "r"(type));
        sum += offset + type;
    }
    return sum;
}

API SCALAR u64 base_pack(const u64 *from, size_t n) {
    u64 sum = 0;
#pragma GCC unroll 4
    for (size_t i = 0; i < n; i++) {
        u64 v = from[i], p = (((~v) << 14) >> 5 & ~(31ull << 59)) | ((v >> 58) << 59);
        __asm__ volatile("" ::"r"(p));
        sum += p;
    }
    return sum;
}

#ifdef HAVE_VECTORS
API WITH_AVX2 u64 base_decode_avx2(u64 *to, const u64 *from, size_t n) {
    __m256i ones = _mm256_set1_epi64x(-1);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        for (int k = 0; k < 4; k++) {
            __m256i p = _mm256_loadu_si256((const void *)(from + i + 4 * k));
            __m256i offset = _mm256_srli_epi64(_mm256_slli_epi64(_mm256_xor_si256(p, ones), 5), 14);
            __m256i type = _mm256_slli_epi64(_mm256_srli_epi64(p, 59), 58);
            _mm256_storeu_si256((void *)(to + i + 4 * k), _mm256_or_si256(offset, type));
        }
    }
    for (; i < n; i++)
        to[i] = decode(from[i]);
    return to[n - 1];
}

API WITH_AVX512 u64 base_decode_avx512(u64 *to, const u64 *from, size_t n) {
    __m512i ones = _mm512_set1_epi64(-1);
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        for (int k = 0; k < 4; k++) {
            __m512i p = _mm512_loadu_si512(from + i + 8 * k);
            __m512i offset = _mm512_srli_epi64(_mm512_slli_epi64(_mm512_xor_si512(p, ones), 5), 14);
            __m512i type = _mm512_slli_epi64(_mm512_srli_epi64(p, 59), 58);
            _mm512_storeu_si512(to + i + 8 * k, _mm512_or_si512(offset, type));
        }
    }
    for (; i < n; i++)
        to[i] = decode(from[i]);
    return to[n - 1];
}

// How many of the entries are present, in Linux's sense, and accessed.
API WITH_AVX512 u64 base_count_accessed(const u64 *from, size_t n) {
    __m512i present = _mm512_set1_epi64(PRESENT | PROT_NONE_BIT), accessed = _mm512_set1_epi64(ACCESSED);
    u64 count = 0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m512i v = _mm512_loadu_si512(from + i), w = _mm512_loadu_si512(from + i + 8);
        u32 a = _mm512_mask_test_epi64_mask(_mm512_test_epi64_mask(v, present), v, accessed);
        u32 b = _mm512_mask_test_epi64_mask(_mm512_test_epi64_mask(w, present), w, accessed);
        count += __builtin_popcount(a | (b << 8));
    }
    for (; i < n; i++)
        count += (from[i] & (PRESENT | PROT_NONE_BIT)) && (from[i] & ACCESSED);
    return count;
}

// Positions of the entries that are neither none nor present, by compress-store. Room for eight more than there are.
API WITH_AVX512 u64 base_list_swap(const u64 *from, size_t n, u32 *out) {
    __m512i mask = _mm512_set1_epi64(PRESENT | PROT_NONE_BIT);
    __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), step = _mm256_set1_epi32(8);
    u64 count = 0;
    for (size_t i = 0; i + 8 <= n; i += 8) {
        __m512i v = _mm512_loadu_si512(from + i);
        __mmask8 k = _mm512_testn_epi64_mask(v, mask) & _mm512_test_epi64_mask(v, v);
        _mm256_storeu_si256((void *)(out + count), _mm256_maskz_compress_epi32(k, index));
        count += __builtin_popcount(k);
        index = _mm256_add_epi32(index, step);
    }
    return count;
}
#endif

// Clears accessed by a locked instruction on the entries that have it.
API u64 base_clear_accessed(u64 *words, size_t n) {
    u64 count = 0;
    for (size_t i = 0; i < n; i++) {
        if ((words[i] & (PRESENT | ACCESSED)) == (PRESENT | ACCESSED)) {
            __atomic_fetch_and(&words[i], ~ACCESSED, __ATOMIC_RELAXED);
            count++;
        }
    }
    return count;
}
