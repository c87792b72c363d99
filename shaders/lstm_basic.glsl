// One value of each unit of a batch, RESULT, by its gates.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
#define gate(k) sums(i / uint(UNITS) * uint(4 * UNITS) + k * uint(UNITS) + i % uint(UNITS))
    store(i, RESULT);
}
