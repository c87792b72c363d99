// A value from where it would be if all AXES began at 0, moved on by where each begins; one that does not fit fails.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    int dims[RANK] = DIMS, told[TOLD_SIZE] = TOLD;
    enter(i, dims);
    uint at = FROM_AT;
    for (int k = 0; k < AXES; k++) {
        int begin = clipped(begins(uint(WHICH[k])));
        if (WRAPS == 1 && begin < 0) begin = max(begin + SIZES[k], 0);
        if (begin < 0 || begin > SIZES[k] - COUNTS[k]) {
            fail();
            begin = 0;
        }
        at += uint(begin * STEPS[k]);
    }
    store(i, source(at));
}
