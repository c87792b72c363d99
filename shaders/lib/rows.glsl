// Where element `k` of a row lies: rows are beside each other, or across matrices of ACROSS rows.

uint element_of(uint row, uint k) {
#if ACROSS
    return row / uint(ACROSS) * uint(ACROSS * SIZE) + k * uint(ACROSS) + row % uint(ACROSS);
#else
    return row * uint(SIZE) + k;
#endif
}
