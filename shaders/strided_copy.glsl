// Moves the values of a box, each from its place in one tensor to its place in another. Both are index arithmetic over
// `i`, the position in the box; what lies outside the source is FILL, what would lie outside the output is left out.

void main() {
    uint i = invocation();
    if (i < COUNT && TO_INSIDE) {
        if (FROM_INSIDE) store(TO, source(FROM));
        else store(TO, VALUE(FILL));
    }
}
