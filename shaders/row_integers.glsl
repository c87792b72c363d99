// Rows of floats as integers, each by its row's scale.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint row = i / uint(SIZE), k = i % uint(SIZE);
    store(i, quantized(source(element_of(row, k)), scales(row), k, uint(SIZE)));
}
