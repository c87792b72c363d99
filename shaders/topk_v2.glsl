// Each value counts those of its row that come BEFORE it, or are as large and stand before it: its place in the result.

// Floats in the order of integers: a NaN is the least, and both zeros are the same.
int ordered(float x) {
    int bits = floatBitsToInt(x);
    if (is_nan(x)) return -2147483647 - 1;
    return bits < 0 ? -(bits & 0x7fffffff) : bits;
}

KEY key(uint i) {
#define x source(i)
    return ORDER;
#undef x
}
bool before(KEY a, KEY b) { return BEFORE; }

void main() {
    uint i = invocation();
    if (i >= uint(SIZE)) return;
    uint row = i / uint(COUNT) * uint(COUNT);
    KEY mine = key(i);
    int place = 0;
    for (uint k = row; k < row + uint(COUNT); k++) {
        KEY other = key(k);
        if (before(other, mine) || (other == mine && k < i)) place++;
        if (place == WANTED) return;
    }
    store(row / uint(COUNT) * uint(WANTED) + uint(place), RESULT);
}
