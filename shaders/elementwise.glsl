// An elementwise op on its own: all it does is in the stages.

void main() {
    uint i = invocation();
    if (i < ELEMENTS) store(i, source(i));
}
