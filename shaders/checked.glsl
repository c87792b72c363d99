// An elementwise op that fails for values below LEAST. All else that it does is in the stages.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    VALUE x = source(i);
    if (any(lessThan(ivec4(x), ivec4(LEAST)))) fail();
    store(i, x);
}
