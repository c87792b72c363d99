// The first position along an axis of what is BEYOND all others. A NaN is beyond nothing, and all is beyond it.

uint start;  // where the values of this result begin

bool is_nan(int x) { return false; }

// Whether one value is to be found rather than another.
bool beyond(OPERAND x, OPERAND other) { return x BEYOND other || (is_nan(other) && !is_nan(x)); }

// The better of two positions.
int better(int a, int b) {
    OPERAND x = source(start + uint(a * INNER)), y = source(start + uint(b * INNER));
    if (beyond(y, x)) return b;
    return beyond(x, y) ? a : min(a, b);
}
ACROSS_LANES(best, better, partials)

void main() {
    uint lane = tree_lane(), i = tree();
    bool here = i < ELEMENTS;
    uint row = here ? i : 0u;
    uint outer = divide(row, uint(INNER));
    start = outer * uint(COUNT * INNER) + row - outer * uint(INNER);
    int found = int(lane);
    OPERAND most = source(start + uint(found * INNER));
    for (int k = found + LANES; k < COUNT; k += LANES) {
        OPERAND x = source(start + uint(k * INNER));
        if (beyond(x, most)) {
            found = k;
            most = x;
        }
    }
    found = best(found, lane);
    if (lane == 0u && here) store(i, RESULT);
}
