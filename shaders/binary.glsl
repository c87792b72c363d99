// A binary op whose operands broadcast in a way that is no mere repetition. RESULT is its function of `a` and `b`.
// Where CHECKED, it fails for operands that are REFUSED.

PLACE(left_place, RANK, DIMS, A_STRIDES)
PLACE(right_place, RANK, DIMS, B_STRIDES)

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    OPERAND a = OPERAND(left(left_place(i)));
    OPERAND b = OPERAND(right(right_place(i)));
#if CHECKED
    if (REFUSED) fail();
#endif
    store(i, RESULT);
}
