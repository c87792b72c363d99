// Rows of UNITS integers that are weighed by their exponentials: LANES invocations a row, LOCAL_Y rows a group. A body says
// what a value that is so far below its row's largest adds to the row's sum.

int exponential(int below);

int plus(int a, int b) { return a + b; }
ACROSS_LANES(largest, max, peaks)
ACROSS_LANES(total, plus, sums)

uint row_lane() { return gl_LocalInvocationID.x; }
uint row_of() {
    return (gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x) * uint(LOCAL_Y) + gl_LocalInvocationID.y;
}
uint row_end() { return row_of() < uint(ROWS) ? (row_of() + 1u) * uint(UNITS) : 0u; }

// The values of this invocation, every LANES-th of its row; past the last row there are none.
#define OWN_VALUES(i) for (uint i = row_of() * uint(UNITS) + row_lane(); i < row_end(); i += uint(LANES))

int row_peak() {
    int peak = -32768;
    OWN_VALUES(i) peak = max(peak, source(i));
    return largest(peak, row_lane());
}

int row_sum(int peak) {
    int sum = 0;
    OWN_VALUES(i) sum += exponential(source(i) - peak);
    return total(sum, row_lane());
}
