// A sum over COUNT entries, of ids at places in axes of DIMS, of those whose place but for its last number is this one:
// rows of INNER values, each times its weight. Where others come between, what there is so far is divided by DIVISOR.

// The row of the output that an entry belongs to.
uint row_of(uint entry) {
    uint row = 0u;
    for (int d = 0; d < RANK - 1; d++) {
        int number = places(entry * uint(RANK) + uint(d));
        if (number < 0 || number >= DIMS[d]) fail();
        row = row * uint(DIMS[d]) + uint(number);
    }
    return row;
}

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    float x = 0.0, total = 0.0, squares = 0.0;
    bool within = false;
    for (uint k = 0u; k < uint(COUNT); k++) {
        bool here = row_of(k) == i / uint(INNER);
        if (within && !here) x = divided(x, DIVISOR);
        if (!within) total = squares = 0.0;
        within = here;
        int id = ids(k);
        if (id < 0 || id >= ROWS) {
            fail();
            id = 0;
        }
        if (here) {
            float weight = weights(k);
            total += weight;
            squares += weight * weight;
            x += table(uint(id * INNER) + i % uint(INNER)) * weight;
        }
    }
    store(i, within ? divided(x, DIVISOR) : x);
}
