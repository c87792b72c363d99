// Rows of UNITS integers that are weighed by their exponentials: LANES invocations a row. A body says what a
// value that is so far below its row's largest adds to the row's sum.

int exponential(int below);

int plus(int a, int b) { return a + b; }
ACROSS_SUBGROUPS(largest, max, peaks, subgroupMax)
ACROSS_SUBGROUPS(total, plus, sums, subgroupAdd)

uint row_end() { return tree() < uint(ROWS) ? (tree() + 1u) * uint(UNITS) : 0u; }

// The values of this invocation, every LANES-th of its row; past the last row there are none.
#define OWN_VALUES(i) for (uint i = tree() * uint(UNITS) + tree_lane(); i < row_end(); i += uint(LANES))

int row_peak() {
    int peak = -32768;
    OWN_VALUES(i) peak = max(peak, source(i));
    return largest(peak, tree_lane());
}

int row_sum(int peak) {
    int sum = 0;
    OWN_VALUES(i) sum += exponential(source(i) - peak);
    return total(sum, tree_lane());
}
