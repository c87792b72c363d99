// Takes each value from one tensor where it lies inside that, from its own place in another elsewhere.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    int dims[RANK] = DIMS, told[TOLD_SIZE] = TOLD;
    enter(i, dims);
    if (OVER_INSIDE) store(i, over(OVER_AT));
    else store(i, under(i));
}
