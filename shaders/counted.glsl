// A key and a counter of 64 bits, so many counts on, and what else there is of a state.

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    store(i, i == 1u ? uvec2(plus(ivec2(state(i)), ivec2(COUNTS, 0))) : state(i));
}
