// A value from a place that is a multiple of APART along each axis, from what stands between for all others.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint rest = i, at = 0u, size = 1u;
    bool there = true;
    for (int d = RANK - 1; d >= 0; d--) {
        uint place = rest % uint(MADE_SIZES[d]);
        there = there && place % uint(APART[d]) == 0u;
        at += place / uint(APART[d]) * size;
        size *= uint(SIZES[d]);
        rest /= uint(MADE_SIZES[d]);
    }
    store(i, there ? source(at) : between(0u));
}
