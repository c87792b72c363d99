// Values at POINTS positions, each of DEPTH numbers, in axes of SIZES: the same for OUTER blocks before these axes, others
// for each batch before those, and all of the INNER values behind them. What lies outside fails, and is read nowhere.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint rest = divide(i, uint(INNER)), inner = i - rest * uint(INNER);
    uint block = divide(rest, uint(POINTS)), point = rest - block * uint(POINTS);
    uint first = (divide(block, uint(OUTER)) * uint(POINTS) + point) * uint(DEPTH);
    uint place = 0u, size = 1u;
    for (int d = 0; d < DEPTH; d++) {
        int number = clipped(numbers(first + uint(d)));
        if (number < 0 || number >= SIZES[d]) {
            fail();
            number = 0;
        }
        place = place * uint(SIZES[d]) + uint(number);
        size *= uint(SIZES[d]);
    }
    store(i, source((block * size + place) * uint(INNER) + inner));
}
