// All elements that a window of PLACES covers, joined in their order.

PLACE(first_of, RANK, MADE, STEPS)
PLACE(further, RANK, WINDOW, WINDOW_STEPS)

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint first = first_of(i);
    VALUE a = initial(0);
    for (uint k = 0u; k < uint(PLACES); k++) {
        VALUE b = source(first + further(k));
        a = JOINED(a, b);
    }
    store(i, a);
}
