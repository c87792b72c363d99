// A value from a place that is a multiple of APART from LOW on along each axis, and within; what stands between for others.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint rest = i, at = 0u, size = 1u;
    bool there = true;
    for (int d = RANK - 1; d >= 0; d--) {
        int place = int(rest % uint(MADE_SIZES[d])) - LOW[d];
        there = there && place >= 0 && place % APART[d] == 0 && place / APART[d] < SIZES[d];
        at += uint(place / APART[d]) * size;
        size *= uint(SIZES[d]);
        rest /= uint(MADE_SIZES[d]);
    }
    store(i, there ? source(there ? at : 0u) : between(0u));
}
