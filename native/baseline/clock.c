// The time that the calling thread has had a processor, and which one it may have.
#include "baseline.h"
#include <time.h>

API u64 base_thread_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (u64)t.tv_sec * 1000000000ull + t.tv_nsec;
}
