// SOFTMAX over rows of UNITS 8-bit values: LANES invocations a row, LOCAL_Y rows a group. Q0.31 is a fraction of 2 ** 31; the
// result has BITS.

int plus(int a, int b) { return a + b; }
ACROSS_LANES(largest, max, peaks)
ACROSS_LANES(total, plus, sums)

void main() {
    uint lane = gl_LocalInvocationID.x;
    uint row = (gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x) * uint(LOCAL_Y) + gl_LocalInvocationID.y;
    uint start = row * uint(UNITS) + lane;
    uint end = row < uint(ROWS) ? (row + 1u) * uint(UNITS) : 0u;

    int peak = LOW;
    for (uint i = start; i < end; i += uint(LANES)) peak = max(peak, source(i));
    peak = largest(peak, lane);

    int sum = 0;  // Q12.19
    for (uint i = start; i < end; i += uint(LANES)) sum += divided_by_power(exps(peak - source(i)), 12);
    sum = total(sum, lane);

    int zeros = 31 - findMSB(sum);
    int scale = reciprocal(sum);
    int down = 12 - zeros + 31 - BITS;  // more than 31 if the sum is 512 or more, where each output is nearest to 0
    for (uint i = start; i < end; i += uint(LANES)) {
        int x = down > 31 ? 0 : divided_by_power(high_product(scale, exps(peak - source(i))), down);
        store(i, clamp(x + LOW, LOW, HIGH));
    }
}
