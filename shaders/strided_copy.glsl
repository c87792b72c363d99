// Moves the values of a box, each from its place in one tensor to its place in another; what lies outside the source is
// FILL, what would lie outside the output is left out. Each invocation takes as many as it needs rounds for all.

void main() {
    int dims[RANK] = DIMS, told[TOLD_SIZE] = TOLD;
    uint all = gl_NumWorkGroups.x * gl_NumWorkGroups.y * uint(LOCAL_X), count = uint(COUNT);
    for (uint i = invocation(); i < count; i += all) {
        enter(i, dims);
        VALUE x = VALUE(FILL);
        if (FROM_INSIDE) x = source(FROM_AT);
        if (TO_INSIDE) store(TO_AT, x);
    }
}
