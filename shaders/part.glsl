// Each value is RESULT, of what an earlier program of the op made.

void main() {
    uint i = invocation();
    if (i < ELEMENTS) store(i, RESULT);
}
