// Takes each value from one tensor where INSIDE says so, from its own place in another elsewhere.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    if (INSIDE) store(i, over(OVER));
    else store(i, under(i));
}
