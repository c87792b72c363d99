// Divides rows of UNITS values by their length: LANES invocations a row, LOCAL_Y rows a group.

float plus(float a, float b) { return a + b; }
ACROSS_LANES(total, plus, sums)

void main() {
    uint lane = gl_LocalInvocationID.x;
    uint row = (gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x) * uint(LOCAL_Y) + gl_LocalInvocationID.y;
    uint start = row * uint(UNITS) + lane;
    uint end = row < uint(ROWS) ? (row + 1u) * uint(UNITS) : 0u;

    float sum = 0.0;
    for (uint i = start; i < end; i += uint(LANES)) sum += dot(source(i), source(i));
    precise float length = sqrt(total(sum, lane));  // precise, so that a NaN stays one
    length = length < SHORTEST ? SHORTEST : length;

    for (uint i = start; i < end; i += uint(LANES)) store(i, source(i) / length);
}
