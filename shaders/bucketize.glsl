// How many of COUNT boundaries are not above a value.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    float x = REAL;
    int found = 0;
    for (uint k = 0u; k < uint(COUNT); k++) {
        if (isnan(x) || x >= bounds(k)) found++;
    }
    store(i, found);
}
