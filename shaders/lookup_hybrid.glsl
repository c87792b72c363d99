// Rows of INNER integers by number, each integer times the scale of its row. Of 8 bits the uppermost is the sign.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    int row = numbers(i / uint(INNER));
    if (row < 0 || row >= ROWS) {
        fail();
        row = 0;
    }
    store(i, float(source(uint(row * INNER) + i % uint(INNER)) << 24 >> 24) * scales(uint(row)));
}
