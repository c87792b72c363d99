// Slices of `source`, each from where its vector of DEPTH numbers says, within 0 to LAST along the axes that these speak of.

PLACE(offset_of, RANK, MADE, OFFSET_STEPS)
PLACE(vector_of, RANK, MADE, BATCH_STEPS)

int number_at(uint k, int last) {
#if WIDE
    ivec2 number = numbers(k);
    return number.y < 0 ? 0 : number.y > 0 || number.x < 0 ? last : min(number.x, last);
#else
    return clamp(numbers(k), 0, last);
#endif
}

void main() {
    uint i = invocation();
    if (i >= ELEMENTS) return;
    uint at = offset_of(i), first = vector_of(i);
    for (int d = 0; d < DEPTH; d++)
        at += uint(number_at(first + uint(d * NUMBER_STEP), LAST[d]) * STEPS[d]);
    store(i, source(at));
}
