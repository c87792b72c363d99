// Rows of a table of integers as the floats that they stand for. What lies outside fails, and is read nowhere.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    int row = numbers(i / uint(SIZE));
    if (row < 0 || row >= ROWS) {
        fail();
        row = 0;
    }
    precise float x = float(table(uint(row) * uint(SIZE) + i % uint(SIZE))) * scales(row % SCALES);
    store(i, x);
}
