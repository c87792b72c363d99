// SOFTMAX and LOG_SOFTMAX over rows of UNITS values: LANES invocations a row.

float plus(float a, float b) { return a + b; }
ACROSS_SUBGROUPS(largest, max, peaks, subgroupMax)
ACROSS_SUBGROUPS(total, plus, sums, subgroupAdd)

float widest(float x) { return x; }
float widest(vec4 x) { return max(max(x.x, x.y), max(x.z, x.w)); }
float summed(float x) { return x; }
float summed(vec4 x) { return (x.x + x.y) + (x.z + x.w); }

void main() {
    uint lane = tree_lane(), row = tree();
    uint start = row * uint(UNITS) + lane;
    uint end = row < uint(ROWS) ? (row + 1u) * uint(UNITS) : 0u;

    VALUE high = VALUE(LOWEST);
    for (uint i = start; i < end; i += uint(LANES)) high = max(high, source(i));
    float peak = largest(widest(high), lane);

    VALUE sum = VALUE(0.0);
    for (uint i = start; i < end; i += uint(LANES)) sum += exp((source(i) - peak) * BETA);
    float whole = total(summed(sum), lane);

    for (uint i = start; i < end; i += uint(LANES)) {
        VALUE x = (source(i) - peak) * BETA;
        store(i, RESULT);
    }
}
