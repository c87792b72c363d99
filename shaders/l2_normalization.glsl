// Divides rows of UNITS values by their length: LANES invocations a row.

float plus(float a, float b) { return a + b; }
ACROSS_SUBGROUPS(total, plus, sums, subgroupAdd)

void main() {
    uint lane = tree_lane(), row = tree();
    uint start = row * uint(UNITS) + lane;
    uint end = row < uint(ROWS) ? (row + 1u) * uint(UNITS) : 0u;

    float sum = 0.0;
    for (uint i = start; i < end; i += uint(LANES)) sum += dot(source(i), source(i));
    precise float length = sqrt(total(sum, lane));  // precise, so that a NaN stays one
    length = length < SHORTEST ? SHORTEST : length;

    for (uint i = start; i < end; i += uint(LANES)) store(i, source(i) / length);
}
