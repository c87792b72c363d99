// SOFTMAX over rows of UNITS values of 16 bits: LANES invocations a row, LOCAL_Y rows a group. `exps` and `inverses` are
// points of 16 bits, 128 apart, with lines between them: exp from -10 to 0, and 1 / (1 + x) from 0 to 1, in Q0.15.

int plus(int a, int b) { return a + b; }
ACROSS_LANES(largest, max, peaks)
ACROSS_LANES(total, plus, sums)

#define BETWEEN(points, x)                                                         \
    int k = 256 + (clamp(x, -32768, 32767) >> 7), part = clamp(x, -32768, 32767) & 127; \
    int here = points(k);                                                          \
    return here + (((points(k + 1) - here) * part + 64) >> 7);

int exponential(int below) { BETWEEN(exps, multiplied(below, MULTIPLIER, SHIFT) + 32767) }
int inverted(int x) { BETWEEN(inverses, x) }

void main() {
    uint lane = gl_LocalInvocationID.x;
    uint row = (gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x) * uint(LOCAL_Y) + gl_LocalInvocationID.y;
    uint start = row * uint(UNITS) + lane;
    uint end = row < uint(ROWS) ? (row + 1u) * uint(UNITS) : 0u;

    int peak = -32768;
    for (uint i = start; i < end; i += uint(LANES)) peak = max(peak, source(i));
    peak = largest(peak, lane);

    int sum = 0;  // Q16.15
    for (uint i = start; i < end; i += uint(LANES)) sum += exponential(source(i) - peak);
    sum = total(sum, lane);

    int bits = findMSB(sum);
    uint shifted = ((uint(sum) << (30 - bits)) + (1u << 13)) >> 14;  // from 2 ** 16 to 2 ** 17, as 1 to 2
    int scale = inverted(int(shifted) - (1 << 15) - (1 << 16));
    for (uint i = start; i < end; i += uint(LANES)) {
        int x = (exponential(source(i) - peak) * scale + (1 << (bits - 1))) >> bits;
        store(i, clamp(x, 0, 32767));
    }
}
