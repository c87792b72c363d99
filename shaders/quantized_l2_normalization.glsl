// Divides rows of UNITS values by their length, in fixed point with 7 bits behind the point, EARLY of them
// before the division: LANES invocations a row, LOCAL_Y rows a group.

int plus(int a, int b) { return a + b; }
ACROSS_LANES(total, plus, sums)

void main() {
    uint lane = gl_LocalInvocationID.x;
    uint row = (gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x) * uint(LOCAL_Y) + gl_LocalInvocationID.y;
    uint start = row * uint(UNITS) + lane;
    uint end = row < uint(ROWS) ? (row + 1u) * uint(UNITS) : 0u;

    int sum = 0;
    for (uint i = start; i < end; i += uint(LANES)) sum += squared(source(i) - IN_ZERO);
    ivec2 factor = inverse_square_root(total(sum, lane));

    for (uint i = start; i < end; i += uint(LANES)) {
        int x = multiplied((source(i) - IN_ZERO) << EARLY, factor.x, factor.y + 7 - EARLY);
        store(i, clamp(x + OUT_ZERO, LOW, HIGH));
    }
}
