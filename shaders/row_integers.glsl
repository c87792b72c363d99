// Rows of floats as integers, each by its row's scale, less its zero point unless that is KEPT.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint row = i / uint(SIZE), k = i % uint(SIZE);
    vec4 found = scales(row);
    int x = on_grid(source(element_of(row, k)), Grid(found.x, found.y, int(found.z)), k, uint(SIZE));
    store(i, KEPT == 1 ? x + int(found.z) : x);
}
