// Divides rows of UNITS values by their length, in fixed point with 7 bits behind the point, EARLY of them
// before the division: LANES invocations a row.

int plus(int a, int b) { return a + b; }
ACROSS_SUBGROUPS(total, plus, sums, subgroupAdd)

void main() {
    uint lane = tree_lane(), row = tree();
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
