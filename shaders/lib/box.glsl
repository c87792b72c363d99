// The position in a box at which an invocation is: a number along each of RANK axes. FEW says that the box has no more
// than 2^20 of them.

uint position[RANK];

// Begins with position `i` of a box of these sizes.
void enter(uint i, int dims[RANK]) {
    for (int d = RANK - 1; d > 0; d--) {
        uint n = uint(dims[d]), outer = FEW == 1 ? divide_few(i, n) : divide(i, n);
        position[d] = i - outer * n;
        i = outer;
    }
    position[0] = i;
}
