// A binary op whose operands broadcast in a way that is no mere repetition. RESULT is its function of `a` and `b`.
// Where CHECKED, it fails for operands that are REFUSED.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint rest = i, left_at = 0u, right_at = 0u;
    for (int d = RANK - 1; d >= 0; d--) {
        uint here = rest % uint(DIMS[d]);
        rest /= uint(DIMS[d]);
        left_at += here * uint(A_STRIDES[d]);
        right_at += here * uint(B_STRIDES[d]);
    }
    OPERAND a = OPERAND(left(left_at));
    OPERAND b = OPERAND(right(right_at));
#if CHECKED
    if (REFUSED) fail();
#endif
    store(i, RESULT);
}
