// Rows of floats as integers, each by its row's scale.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint row = i / uint(SIZE), k = i % uint(SIZE);
    vec4 found = scales(row);
    store(i, on_grid(source(element_of(row, k)), Grid(found.x, found.y, int(found.z)), k, uint(SIZE)));
}
