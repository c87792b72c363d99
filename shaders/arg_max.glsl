// The first position along an axis of what is BEYOND all others. A NaN is beyond nothing, and all is beyond it.

uint start;  // where the values of this result begin

// The better of two positions.
int better(int a, int b) {
    OPERAND x = source(start + uint(a * INNER)), y = source(start + uint(b * INNER));
    if (y BEYOND x || (x != x && y == y)) return b;
    return x BEYOND y || (y != y && x == x) ? a : min(a, b);
}
ACROSS_LANES(best, better, partials)

void main() {
    uint lane = gl_LocalInvocationID.x;
    uint i = (gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x) * uint(LOCAL_Y) + gl_LocalInvocationID.y;
    bool here = i < ELEMENTS;
    uint row = here ? i : 0u;
    uint outer = divide(row, uint(INNER));
    start = outer * uint(COUNT * INNER) + row - outer * uint(INNER);
    int found = int(lane);
    for (int k = int(lane) + LANES; k < COUNT; k += LANES) found = better(found, k);
    found = best(found, lane);
    if (lane == 0u && here) store(i, RESULT);
}
