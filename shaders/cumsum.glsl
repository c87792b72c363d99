// Running sums along lines of UNITS values: LANES invocations a line, each with EACH values beside each other, LOCAL_X
// lines a group. Each adds up its own, then starts from what those before it have.

#if !WIDE
VALUE plus(VALUE x, VALUE y) { return x + y; }
#endif

shared VALUE sums[LANES][LOCAL_X];

// Where the k-th value of a line lies, counted from the end where REVERSE.
uint place(uint line, uint k) {
    k = REVERSE == 1 ? uint(UNITS - 1) - k : k;
    return (line / uint(INNER) * uint(UNITS) + k) * uint(INNER) + line % uint(INNER);
}

void main() {
    uint column = gl_LocalInvocationID.x, lane = gl_LocalInvocationID.y;
    uint line = (gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x) * uint(LOCAL_X) + column;
    uint start = lane * uint(EACH);
    uint end = line < uint(LINES) ? min(start + uint(EACH), uint(UNITS)) : 0u;

    VALUE x = VALUE(0);
    if (LANES > 1) {
        for (uint k = start; k < end; k++) x = plus(x, source(place(line, k)));
        sums[lane][column] = x;
        barrier();
        x = VALUE(0);
        for (uint l = 0u; l < lane; l++) x = plus(x, sums[l][column]);
    }
    for (uint k = start; k < end; k++) {
        uint i = place(line, k);
        VALUE next = plus(x, source(i));
        store(i, EXCLUSIVE == 1 ? x : next);
        x = next;
    }
}
