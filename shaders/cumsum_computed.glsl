// Running sums along one of the axes of DIMS, an invocation a line.

#if !WIDE
VALUE plus(VALUE x, VALUE y) { return x + y; }
#endif

void main() {
    int along = axis(0u);
    if (along < 0) along += RANK;
    if (along < 0 || along >= RANK) {
        fail();
        along = 0;
    }
    uint inner = 1u, units = uint(DIMS[along]), line = invocation();
    for (int d = along + 1; d < RANK; d++) inner *= uint(DIMS[d]);
    if (line >= ELEMENTS / units) return;
    uint start = line / inner * units * inner + line % inner;
    VALUE x = VALUE(0);
    for (uint k = 0u; k < units; k++) {
        uint i = start + (REVERSE == 1 ? units - 1u - k : k) * inner;
        VALUE next = plus(x, source(i));
        store(i, EXCLUSIVE == 1 ? x : next);
        x = next;
    }
}
