// Two lists of A and of B sizes, seen from their ends: of each pair the one that is not ONE; others than that are alike.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint back = ELEMENTS - i;
    VALUE x = back > uint(A) ? ONE : a(uint(A) - back), y = back > uint(B) ? ONE : b(uint(B) - back);
    if (x != y && x != ONE && y != ONE) fail();
    store(i, x == ONE ? y : x);
}
